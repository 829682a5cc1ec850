package message_test

import (
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
)

// printed gives an author as a table has it: name <address>, each.
func printed(a message.Author) []string {
	var all []string
	for _, m := range a.Mailboxes {
		all = append(all, m.Name+" <"+m.Address.String()+">")
	}
	return all
}

func TestParseFromExact(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string
	}{
		{"address", "a@x.example", []string{" <a@x.example>"}},
		{"name", "Ann <a@x.example>", []string{"Ann <a@x.example>"}},
		{"names", "Ann de Vries <a@x.example>", []string{"Ann de Vries <a@x.example>"}},
		{"no blank before the bracket", "Ann<a@x.example>", []string{"Ann <a@x.example>"}},
		{"brackets alone", "<a@x.example>", []string{" <a@x.example>"}},
		{"quoted name", `"Doe, John" <a@x.example>`, []string{"Doe, John <a@x.example>"}},
		{"escapes in a quoted name", `"a\"b\\c" <a@x.example>`, []string{`a"b\c <a@x.example>`}},
		{"empty quoted name", `"" <a@x.example>`, []string{" <a@x.example>"}},
		{"quoted and plain words", `Ann "de" Vries <a@x.example>`, []string{"Ann de Vries <a@x.example>"}},
		{"quoted local part", `"a b"@x.example`, []string{` <"a b"@x.example>`}},
		{"quoted local part in brackets", `Ann <"a@b"@x.example>`, []string{`Ann <"a@b"@x.example>`}},
		{"quoted name with an address", `"ceo@bank.example" <a@x.example>`, []string{"ceo@bank.example <a@x.example>"}},
		{"dots in a name", "Dr. A. Smith <a@x.example>", []string{"Dr. A. Smith <a@x.example>"}},
		{"raw UTF-8", "Zoë <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"raw Latin-1", "Zo\xeb <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"raw Windows-1252", "\x93Zo\x94 <a@x.example>", []string{"“Zo” <a@x.example>"}},
		{"UTF-8 address", "jürgen@münchen.example", []string{" <jürgen@xn--mnchen-3ya.example>"}},
		{"upper case", "A@X.EXAMPLE", []string{" <A@x.example>"}},
		{"folded", " Ann\r\n <a@x.example>", []string{"Ann <a@x.example>"}},
		{"folded by a tab", " Ann\r\n\t<a@x.example>", []string{"Ann <a@x.example>"}},
		{"a fold of blanks", "Ann\r\n \r\n <a@x.example>", []string{"Ann <a@x.example>"}},
		{"outer blanks", " \ta@x.example\t ", []string{" <a@x.example>"}},

		{"comment as name", "a@x.example (Ann)", []string{"Ann <a@x.example>"}},
		{"encoded comment as name", "a@x.example (=?utf-8?Q?Zo=C3=AB?=)", []string{"Zoë <a@x.example>"}},
		{"last comment as name", "a@x.example (x) (Ann)", []string{"Ann <a@x.example>"}},
		{"comment behind brackets", "<a@x.example> (Ann)", []string{"Ann <a@x.example>"}},
		{"comment beside a name", "Ann <a@x.example> (not this)", []string{"Ann <a@x.example>"}},
		{"comment before", "(x) a@x.example", []string{" <a@x.example>"}},
		{"comment in a name", "Ann (x) Vries <a@x.example>", []string{"Ann Vries <a@x.example>"}},
		{"nested comment", "a@x.example (A (b) c)", []string{"A (b) c <a@x.example>"}},
		{"escaped comment", `a@x.example (A \) b)`, []string{"A ) b <a@x.example>"}},
		{"address in a comment", "a@x.example (b@y.example)", []string{"b@y.example <a@x.example>"}},

		{"encoded, Q", "=?utf-8?Q?Zo=C3=AB_B?= <a@x.example>", []string{"Zoë B <a@x.example>"}},
		{"encoded, B", "=?UTF-8?b?Wm/Dqw==?= <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"encoded in two words", "=?utf-8?Q?Zo?= =?utf-8?Q?=C3=AB?= <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"encoded over a fold", "=?utf-8?Q?Zo?=\r\n =?utf-8?Q?=C3=AB?= <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"encoded and plain", "=?utf-8?Q?Zo=C3=AB?= B <a@x.example>", []string{"Zoë B <a@x.example>"}},
		{"encoded, Latin-1", "=?iso-8859-1?Q?Zo=EB?= <a@x.example>", []string{"Zoë <a@x.example>"}},
		{"encoded, KOI8-R", "=?koi8-r?B?98HT0Q==?= <a@x.example>", []string{"Вася <a@x.example>"}},
		{"encoded, GB18030", "=?gb18030?B?1tA=?= <a@x.example>", []string{"中 <a@x.example>"}},
		{"encoded in quotes", `"=?utf-8?Q?Zo=C3=AB?=" <a@x.example>`, []string{"Zoë <a@x.example>"}},
		{"encoded address as name", "=?utf-8?Q?ceo=40bank.example?= <a@x.example>", []string{"ceo@bank.example <a@x.example>"}},
		{"encoded line end", "=?utf-8?Q?a=0D=0AB?= <a@x.example>", []string{"a\r\nB <a@x.example>"}},
		{"unknown charset", "=?x-klingon?Q?abc?= <a@x.example>", []string{" <a@x.example>"}},
		{"octets that the charset has not", "=?utf-8?Q?a=FF?= <a@x.example>", []string{"a\uFFFD <a@x.example>"}},

		{"list", "a@x.example, Ann <b@x.example>,c@y.example (C)",
			[]string{" <a@x.example>", "Ann <b@x.example>", "C <c@y.example>"}},
		{"comma in quotes is no list", `"A, B" <a@x.example>, "C" <c@x.example>`, []string{"A, B <a@x.example>", "C <c@x.example>"}},
		{"dots where none belong", "a..b@x.example", []string{` <"a..b"@x.example>`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseFrom(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(printed(got), test.want) || got.Mended {
				t.Errorf("ParseFrom(%q) = %q, mended %v; want %q", test.in, printed(got), got.Mended, test.want)
			}
		})
	}
}

func TestParseFromMended(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"comma", "Doe, John <a@x.example>", "Doe, John <a@x.example>"},
		{"colon", "Team: Ann <a@x.example>", "Team: Ann <a@x.example>"},
		{"semicolon", "Ann; Bob <a@x.example>", "Ann; Bob <a@x.example>"},
		{"square brackets", "[List] Ann <a@x.example>", "[List] Ann <a@x.example>"},
		{"lone at sign", "Ann @ Work <a@x.example>", "Ann @ Work <a@x.example>"},
		{"its own address as name", "a@x.example <a@x.example>", "a@x.example <a@x.example>"},
		{"its own address in another case", "A@X.example <a@x.example>", "A@X.example <a@x.example>"},
		{"its own address among words", "Ann, a@x.example <a@x.example>", "Ann, a@x.example <a@x.example>"},
		{"source route", "Ann <@y.example:a@x.example>", "Ann <a@x.example>"},
		{"source route of two", "<@y.example,@z.example:a@x.example>", " <a@x.example>"},
		{"comma in an encoded-word", "=?utf-8?Q?Doe,_Zo=C3=AB?= <a@x.example>", "Doe, Zoë <a@x.example>"},
		{"comma and raw Latin-1", "Doe, Zo\xeb <a@x.example>", "Doe, Zoë <a@x.example>"},
		{"comma and fold", "Doe,\r\n John <a@x.example>", "Doe, John <a@x.example>"},
		{"leading comma", ", <a@x.example>", ", <a@x.example>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseFrom(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(printed(got), []string{test.want}) || !got.Mended {
				t.Errorf("ParseFrom(%q) = %q, mended %v; want %q", test.in, printed(got), got.Mended, test.want)
			}
		})
	}
}

func TestParseFromUnreadable(t *testing.T) {
	tests := []struct{ name, in, fail string }{
		{"empty", "", "it is empty"},
		{"blank", " \t\r\n ", "it is empty"},
		{"no address", "Ann", "no address in angle brackets"},
		{"empty brackets", "Ann <>", "not an address"},
		{"null", "<>", "not an address"},
		{"group", "Friends: a@x.example, b@x.example;", "no address in angle brackets"},
		{"empty group", "undisclosed-recipients:;", "no address in angle brackets"},
		{"group with brackets", "Friends: Ann <a@x.example>;", "no address in angle brackets"},
		{"blanks in the brackets", "Ann < a@x.example >", "not an address"},
		{"blank before the at sign", "a @x.example", "no address in angle brackets"},
		{"blank behind the at sign", "a@ x.example", "no address in angle brackets"},
		{"blank in the domain", "<a@x. example>", "not a domain name"},
		{"comment in the address", "a(x)@x.example", "no address in angle brackets"},
		{"comment in the brackets", "<a@x.example(x)>", "not closed"},
		{"missing bracket", "Ann <a@x.example", "not closed"},
		{"missing opening bracket", "Ann a@x.example>", "no address in angle brackets"},
		{"address without brackets", "Ann a@x.example", "no address in angle brackets"},
		{"two brackets", "Ann <<a@x.example>>", "not an address"},
		{"two addresses in brackets", "<a@x.example> <b@y.example>", "text behind"},
		{"open quote", `"Ann <a@x.example>`, "quoted string is not closed"},
		{"open comment", "a@x.example (Ann", "comment is not closed"},
		{"open comment at a backslash", `a@x.example (Ann\`, "comment is not closed"},
		{"closing parenthesis", "Ann) <a@x.example>", "no address in angle brackets"},
		{"backslash outside quotes", `A\nn <a@x.example>`, "no address in angle brackets"},
		{"text behind", "Ann <a@x.example> Bob", "text behind"},
		{"text behind an address", "a@x.example Bob", "text behind"},
		{"final comma", "a@x.example,", "no address in angle brackets"},
		{"two commas", "a@x.example,,b@x.example", "no address in angle brackets"},
		{"other address as name", "ceo@bank.example <a@x.example>", "text behind"},
		{"other address among words", "The CEO, ceo@bank.example <a@x.example>", "no address in angle brackets"},
		{"other address before a comma", "ceo@bank.example,<x> <a@x.example>", "no @"},
		{"at sign in an unquoted word", "Ann@Work <a@x.example>", "text behind"},
		{"unreadable address as name", "a@b@c <a@x.example>", "text behind"},
		{"address literal", "a@[192.0.2.1]", "no address in angle brackets"},
		{"address literal in brackets", "Ann <a@[192.0.2.1]>", "domain is empty"},
		{"no domain", "Ann <a>", "no @"},
		{"final dot", "a@x.example.", "no address in angle brackets"},
		{"full-width dot", "Ann <a@x．example>", "not the usual spelling"},
		{"full-width at sign", "a＠x.example", "no address in angle brackets"},
		{"Kelvin sign", "Ann <a@ban\u212a.example>", "not the usual spelling"},
		{"Latin-1 in the address", "Ann <zo\xeb@x.example>", "neither ASCII nor UTF-8"},
		{"control character", "Ann\x01 <a@x.example>", "control character"},
		{"NUL", "Ann <a@x.example>\x00", "control character"},
		{"bare CR", "Ann\r <a@x.example>", "control character"},
		{"bare LF", "Ann\n <a@x.example>", "control character"},
		{"line end without a fold", "Ann\r\nBcc: b@x.example", "control character"},
		{"picture of a control character", "Ann\u240d <a@x.example>", "picture of a control character"},
		{"local part too long", strings.Repeat("a", 513) + "@x.example", "no address in angle brackets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseFrom(test.in)
			if len(got.Mailboxes) > 0 || got.Mended {
				t.Errorf("ParseFrom(%q) = %q", test.in, printed(got))
			}
			checkError(t, err, test.fail)
		})
	}
}

// TestParseFromTime holds that a header as long as Postfix lets it be takes no
// longer than its octets ask for.
func TestParseFromTime(t *testing.T) {
	const size = 100_000
	var many strings.Builder
	for r := rune(0x4e00); many.Len() < size; r++ {
		many.WriteRune(r)
	}
	units := []string{
		"(", ")", "()", `"`, `""`, `\`, ",", ";", ":", "<", ">", "<>", "@", ".", " ", "\t", "a", "a ", "a,", "a@", "@a", "a@b,", "a@b ", "<a@b>", "<a@b>,",
		`"a" `, "(a)", "\r\n ", "=?", "=?utf-8?Q?a?=", "=?utf-8?Q?a?= ", "=?utf-8?B?", "ü", "\xfc", "\u240d", "a@x.example ", "a@ü.example,", many.String(),
	}
	for _, unit := range units {
		long := strings.Repeat(unit, size/len(unit)+1)
		atOnce(t, func() {
			for _, value := range []string{
				long, long + " <a@x.example>", `"` + long + `" <a@x.example>`, "<" + long + "@x.example>", "a@" + long,
				"Ann <a@x.example>" + long, "(" + long + ") a@x.example", "<@" + long + ":a@x.example>", "=?utf-8?Q?" + long + "?= <a@x.example>",
			} {
				author, err := message.ParseFrom(value)
				if err == nil {
					message.FormatMailboxes("From", author.Mailboxes...)
				}
				message.Fold("X-Original-From", value)
			}
		})
	}
}

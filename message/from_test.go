package message_test

import (
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
)

// printed returns an author as a table has it: name <address>, each.
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
			if !slices.Equal(printed(got), test.want) || got.Repaired {
				t.Errorf("ParseFrom(%q) = %q, repaired %v; want %q", test.in, printed(got), got.Repaired, test.want)
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
		{"leading comma", ", <a@x.example>", " <a@x.example>"},
		{"group", "Friends: a@x.example, b@x.example;", ` <a@x.example>; <b@x.example>`},
		{"group with brackets", "Friends: Ann <a@x.example>;", `Ann <a@x.example>`},
		{"blanks in the brackets", "Ann < a@x.example >", `Ann <a@x.example>`},
		{"blank before the closing bracket", "Ann <a@x.example >", `Ann <a@x.example>`},
		{"blank before the at sign", "a @x.example", ` <a@x.example>`},
		{"blank behind the at sign", "a@ x.example", ` <a@x.example>`},
		{"blank in the domain", "<a@x. example>", ` <a@x.example>`},
		{"comment in the address", "a(x)@x.example", ` <a@x.example>`},
		{"comment in the brackets", "<a@x.example(x)>", ` <a@x.example>`},
		{"address without brackets", "Ann a@x.example", `Ann <a@x.example>`},
		{"backslash outside quotes", `A\nn <a@x.example>`, `A\nn <a@x.example>`},
		{"final comma", "a@x.example,", ` <a@x.example>`},
		{"two commas", "a@x.example,,b@x.example", ` <a@x.example>; <b@x.example>`},
		{"at sign in an unquoted word", "Ann@Work <a@x.example>", `Ann@Work <a@x.example>`},
		{"final dot", "a@x.example.", ` <a@x.example>`},
		{"blanks around everything", "Ann < a @ x . example >", `Ann <a@x.example>`},
		{"fold behind the bracket", "Ann <\r\n a@x.example>", `Ann <a@x.example>`},
		{"comments all over", "(1) Ann (2) < (3) a (4) @ (5) x.example (6) > (7)", `Ann <a@x.example>`},
		{"comment in the brackets and a name", "Ann <a@x.example (c)>", `Ann <a@x.example>`},
		{"blank before the at sign, and a comment as name", "a @x.example (Ann)", `Ann <a@x.example>`},
		{"obsolete local part", "Ann <a . b.c@x.example>", `Ann <a.b.c@x.example>`},
		{"quoted word in a local part", "Ann <\"a\".b@x.example>", `Ann <a.b@x.example>`},
		{"final comma behind brackets", "Ann <a@x.example>,", `Ann <a@x.example>`},
		{"final semicolon", "Ann <a@x.example>;", `Ann <a@x.example>`},
		{"leading comma in a list", ", a@x.example", ` <a@x.example>`},
		{"a list, with blanks", "Ann < a@x.example >, b @ y.example", `Ann <a@x.example>; <b@y.example>`},
		{"a list with a source route in it", "<@y.example,@z.example:a@x.example>, b@x.example", ` <a@x.example>; <b@x.example>`},
		{"link", "Ann <mailto:a@x.example>", `Ann <a@x.example>`},
		{"link alone", "mailto:a@x.example", ` <a@x.example>`},
		{"link, as Postfix writes it", "<\"mailto:a\"@x.example>", ` <a@x.example>`},
		{"final dot in brackets", "Ann <a@x.example.>", `Ann <a@x.example>`},
		{"words without brackets", "Dean of Arts a@x.example", `Dean of Arts <a@x.example>`},
		{"words and a colon without brackets", "Team: a@x.example", `Team: <a@x.example>`},
		{"brackets behind a quoted and a bare word", "Doe, \"John\" <a@x.example>", `Doe, John <a@x.example>`},
		{"comment in an unquoted name", "Doe, John (HR) <a@x.example>", `Doe, John (HR) <a@x.example>`},
		{"backslash", "Piet \\ HR <a@x.example>", `Piet \ HR <a@x.example>`},
		{"group of one, with a name and blanks", "HR: Ann < a@x.example > ;", `Ann <a@x.example>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseFrom(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(printed(got), ";") != test.want || !got.Repaired {
				t.Errorf("ParseFrom(%q) = %q, repaired %v; want %q", test.in, printed(got), got.Repaired, test.want)
			}
		})
	}
}

func TestParseFromUnreadable(t *testing.T) {
	tests := []struct{ name, in, fail string }{
		{"empty", "", "it is empty"},
		{"blank", " \t\r\n ", "it is empty"},
		{"no address", "Ann", "there is no address"},
		{"empty brackets", "Ann <>", "there is no address"},
		{"null", "<>", "there is no address"},
		{"empty group", "undisclosed-recipients:;", "there is no address"},
		{"missing bracket", "Ann <a@x.example", "not closed"},
		{"missing opening bracket", "Ann a@x.example>", "no address in angle brackets"},
		{"two brackets", "Ann <<a@x.example>>", "not an address"},
		{"two addresses in brackets", "<a@x.example> <b@y.example>", "text after"},
		{"open quote", `"Ann <a@x.example>`, "quoted string is not closed"},
		{"open comment", "a@x.example (Ann", "comment is not closed"},
		{"open comment at a backslash", `a@x.example (Ann\`, "comment is not closed"},
		{"closing parenthesis first", ") Ann <a@x.example>", "no address in angle brackets"},
		{"missing bracket, before a bare address", "< Ann a@x.example", "not an address"},
		{"missing opening bracket, at the start", "> a@x.example", "no address in angle brackets"},
		{"blank behind the at sign of a bare address", "Ann a@ x.example", "no address in angle brackets"},
		{"blank before the at sign of a bare address", "Ann a @x.example", "no address in angle brackets"},
		{"closing parenthesis", "Ann) <a@x.example>", "no address in angle brackets"},
		{"text after", "Ann <a@x.example> Bob", "text after"},
		{"text behind an address", "a@x.example Bob", "text after"},
		{"other address as name", "ceo@bank.example <a@x.example>", "text after"},
		{"other address among words", "The CEO, ceo@bank.example <a@x.example>", "no address in angle brackets"},
		{"other address before a comma", "ceo@bank.example,<x> <a@x.example>", "no @"},
		{"unreadable address as name", "a@b@c <a@x.example>", "text after"},
		{"two bare words", "Ann, Bob", "there is no address"},
		{"name and a bare word", `"Jane Doe" <jane>`, "it has no domain"},
		{"at sign alone", "@", "there is no address"},
		{"nothing behind the at sign", "a@", "it has no domain"},
		{"blank in the local part", "Ann <a b@x.example>", "no @ after"},
		{"another address with blanks in the name", "The ceo @ bank.example <a@x.example>", "no address in angle brackets"},
		{"another address in quotes", `"ceo@bank.example", Ann <a@x.example>`, "no address in angle brackets"},
		{"another address in a comment", "Doe, (ceo@bank.example) Ann <a@x.example>", "no address in angle brackets"},
		{"two groups", "A: a@x.example; B: b@x.example;", "no address in angle brackets"},
		{"address literal", "a@[192.0.2.1]", "it has no domain"},
		{"address literal in brackets", "Ann <a@[192.0.2.1]>", "it has no domain"},
		{"no domain", "Ann <a>", "it has no domain"},
		{"full-width dot", "Ann <a@x．example>", "not the usual spelling"},
		{"full-width at sign", "a＠x.example", "there is no address"},
		{"Kelvin sign", "Ann <a@ban\u212a.example>", "not the usual spelling"},
		{"Latin-1 in the address", "Ann <zo\xeb@x.example>", "neither ASCII nor UTF-8"},
		{"control character", "Ann\x01 <a@x.example>", "control character"},
		{"NUL", "Ann <a@x.example>\x00", "control character"},
		{"bare CR", "Ann\r <a@x.example>", "control character"},
		{"bare LF", "Ann\n <a@x.example>", "control character"},
		{"line end without a fold", "Ann\r\nBcc: b@x.example", "control character"},
		{"DEL", "Ann\x7f <a@x.example>", "control character"},
		{"picture of a control character", "Ann\u240d <a@x.example>", "picture of a control character"},
		{"the first picture", "Ann\u2400 <a@x.example>", "picture of a control character"},
		{"the last picture", "Ann\u2421 <a@x.example>", "picture of a control character"},
		{"quoted domain", `a@"x.example"`, "no address in angle brackets"},
		{"local part too long", strings.Repeat("a", 513) + "@x.example", "no address in angle brackets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseFrom(test.in)
			if len(got.Mailboxes) > 0 || got.Repaired {
				t.Errorf("ParseFrom(%q) = %q", test.in, printed(got))
			}
			checkError(t, err, test.fail)
		})
	}
}

// TestParseCompletedFrom: Postfix completes the words of a name of its own host's clients.
func TestParseCompletedFrom(t *testing.T) {
	adds := func(d message.Domain) bool { return d == domain(t, "mail.p.example") }
	tests := []struct{ name, in, want string }{
		{"comma", "Doe@mail.p.example, John <a@x.example>", "Doe, John <a@x.example>"},
		{"two words and a comma", "van@mail.p.example, Doe@mail.p.example,\r\n\tJohn <a@x.example>", "van Doe, John <a@x.example>"},
		{"quoted word", `"O'B"@mail.p.example, John <a@x.example>`, "O'B, John <a@x.example>"},
		{"encoded word", "=?utf-8?Q?J=C3=B6rg?=@mail.p.example, Piet <a@x.example>", "Jörg, Piet <a@x.example>"},
		{"colon", "HR@mail.p.example:John <a@x.example>", "HR: John <a@x.example>"},
		{"semicolon", "Doe@mail.p.example;John <a@x.example>", "Doe; John <a@x.example>"},
		{"semicolon and colon", "A@mail.p.example;, B@mail.p.example:C <a@x.example>", "A; B: C <a@x.example>"},
		{"comma before the brackets", "Doe@mail.p.example, <a@x.example>", "Doe <a@x.example>"},
		{"comment", "Doe@mail.p.example, John (HR) <a@x.example>", "Doe, John (HR) <a@x.example>"},
		{"comma that was there", `"A", van@mail.p.example, John <a@x.example>`, "A, van, John <a@x.example>"},
		{"comment between words", "van@mail.p.example (x) Doe@mail.p.example, John <a@x.example>", "van (x) Doe, John <a@x.example>"},
		{"comma first", ", Doe@mail.p.example, John <a@x.example>", ", Doe, John <a@x.example>"},
		{"no brackets", "Academy@mail.p.example, a@x.example", "Academy <a@x.example>"},
		{"words without brackets", "Academy@mail.p.example, of@mail.p.example, Arts@mail.p.example, a@x.example", "Academy of Arts <a@x.example>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseCompletedFrom(test.in, adds)
			if err != nil || strings.Join(printed(got), ";") != test.want || !got.Repaired {
				t.Errorf("%q is read as %q, repaired %v, %v; want %q", test.in, printed(got), got.Repaired, err, test.want)
			}
		})
	}
	for _, in := range []string{
		"Doe @mail.p.example, John <a@x.example>", "Doe@ mail.p.example, John <a@x.example>", "(Doe)@mail.p.example, John <a@x.example>",
		`Doe@"mail.p.example", John <a@x.example>`, "Doe:mail.p.example, John <a@x.example>", "Doe@mail.p.example. John <a@x.example>",
		"root@mail.p.example", "Root <root@mail.p.example>", "a@mail.p.example, b@mail.p.example", "Ann <a@x.example>, root@mail.p.example",
		"ceo@bank.example, Doe@mail.p.example, John <a@x.example>", "Doe@other.p.example, John <a@x.example>", "root@mail.p.example, A <a@x.example>, B <b@x.example>",
	} {
		got, err := message.ParseCompletedFrom(in, adds)
		want, wantErr := message.ParseFrom(in)
		if !slices.Equal(printed(got), printed(want)) || (err == nil) != (wantErr == nil) || got.Repaired != want.Repaired {
			t.Errorf("%q is read as %q, %v; want %q, %v", in, printed(got), err, printed(want), wantErr)
		}
	}
}

// TestDecodeName: names as other programs encode them.
func TestDecodeName(t *testing.T) {
	for in, want := range map[string]string{
		"=?utf-8?B?QWNhZGVteQ?=":                             "Academy",
		"=?utf-8?B?QWNhZGVteQ===?=":                          "Academy",
		"=?utf-8?B?QWNh ZGVteQ==?=":                          "Academy",
		"=?utf-8?B?5Lit5?= =?utf-8?B?paH?=":                  "中文",
		"=?UTF-8?B?w?=":                                      "",
		"=?utf-8*en?Q?Caf=C3=A9?=":                           "Café",
		"=?unknown-8bit?Q?caf=C3=A9?=":                       "café",
		"=?unknown-8bit?Q?caf=E9?=":                          "café",
		"=?us-ascii?Q?caf=C3=A9?=":                           "café",
		"=?iso-8859-1?Q?caf=C3=A9?=":                         "café",
		"=?gb2312?Q?caf=C3=A9_=E2=82=AC!?=":                  "café €!",
		"=?utf-8?Q?M=FCnchen?=":                              "München",
		"=?utf-8?Q?M=BCnchen?=":                              "M\uFFFDnchen",
		"=?utf-8?Q?Z=C3=BC_M=FCnchen?=":                      "Zü M\uFFFDnchen",
		"=?iso-8859-1?Q?M=FCnchen Schule?=":                  "München Schule",
		"=?utf-8?Q?Zo\xc3\xab?=":                             "Zoë",
		"=?iso-8859-1?Q?Zo\xeb?=":                            "Zoë",
		"=?utf-8?Q?Foo=20Bar?=":                              "Foo Bar",
		"=?UTF-8?Q?Acad=C3=A9mie?= Foo":                      "Académie Foo",
		"Foo =?UTF-8?Q?Acad=C3=A9mie?=":                      "Foo Académie",
		"=?utf-8?Q?Z=C3?= =?utf-8?Q?=BC?=":                   "Zü",
		"=?utf-8?Q?A?= =?iso-8859-1?Q?=E9?= b =?utf-8?Q?c?=": "Aé b c",
		"=?gb2312?B?ufrP1Q==?=":                              "国险",
		"=?ks_c_5601-1987?B?x9Gx2w==?=":                      "한글",
		"=?UTF-8?Q?M=C3=BCnchen":                             "München",
		"=?utf-8?Q?100%_sure=?=":                             "100% sure=",
		"=?x-klingon?Q?abc?= Ann":                            " Ann",
		"=?utf-8?X?abc?=":                                    "=?utf-8?X?abc?=",
		"a =? b ?= c":                                        "a =? b ?= c",
		"ab?Q?c":                                             "ab?Q?c",
		"=?a?":                                               "=?a?",
		"=?a?Q":                                              "=?a?Q",
		"=?utf-8?Q?":                                         "",
		"=?utf-8?Qx?abc?=":                                   "=?utf-8?Qx?abc?=",
		"=?a b?Q?c?=":                                        "=?a b?Q?c?=",
		"=?utf-8?Q?a?= =?utf-8?B?Yg==?=":                     "ab",
		"=?utf-8?Q?=C3?= =?iso-8859-1?Q?=A9?=":               "Ã©",
		"=?utf-8?B?QQ=?= =?utf-8?B?Qg==?=":                   "AB",
		"=?utf-8?Q?a=4?= =?utf-8?Q?1?=":                      "a=41",
		"=?utf-8?Q?a=4?=":                                    "a=4",
		"=?utf-8?B?4p+o?=":                                   "⟨",
		"=?utf-8?B?QUJ|D?=":                                  "ABC",
		"=?utf-8?B?QUJ_D?=":                                  "ABC",
		"=?gb2312?Q?a=FF?=":                                  "a\uFFFD",
		"=?koi8-r?B?w4k=?=":                                  "ц┴",
		"=?utf-8?Q?=EF=BF=BD=FC?=":                           "\uFFFD\uFFFD",
		"=?utf-8?Q?=FEn?=":                                   "\uFFFDn",
		"=?utf-8?Q?=C0n?=":                                   "Àn",
	} {
		got, err := message.ParseFrom(in + " <a@x.example>")
		if err != nil || got.Mailboxes[0].Name != want {
			t.Errorf("%q is read as %q, %v; want %q", in, printed(got), err, want)
		}
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

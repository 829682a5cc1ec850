package message_test

import (
	"mime"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"onbehalf/message"
)

func TestFormatMailboxes(t *testing.T) {
	at := func(name, address string) message.Mailbox {
		a, err := message.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return message.Mailbox{Name: name, Address: a}
	}
	tests := []struct {
		name string
		in   []message.Mailbox
		want string
	}{
		{"address", []message.Mailbox{at("", "a@x.example")}, " a@x.example"},
		{"name", []message.Mailbox{at("Ann", "a@x.example")}, ` "Ann" <a@x.example>`},
		{"comma", []message.Mailbox{at("Doe, John", "a@x.example")}, ` "Doe, John" <a@x.example>`},
		{"quote and backslash", []message.Mailbox{at(`a"b\c`, "a@x.example")}, ` "a\"b\\c" <a@x.example>`},
		{"UTF-8", []message.Mailbox{at("Zoë", "a@x.example")}, " =?utf-8?B?Wm/Dqw==?= <a@x.example>"},
		{"an encoded-word as name", []message.Mailbox{at("=?utf-8?Q?a?=", "a@x.example")}, " =?utf-8?B?PT91dGYtOD9RP2E/PQ==?= <a@x.example>"},
		{"line end", []message.Mailbox{at("a\r\nBcc: b@x.example", "a@x.example")}, " =?utf-8?B?YeKQjeKQikJjYzogYkB4LmV4YW1wbGU=?= <a@x.example>"},
		{"tab", []message.Mailbox{at("a\tb", "a@x.example")}, ` "a b" <a@x.example>`},
		{"not UTF-8", []message.Mailbox{at("Zo\xeb", "a@x.example")}, " =?utf-8?B?Wm/vv70=?= <a@x.example>"},
		{"quoted local part", []message.Mailbox{at("", `"a b"@x.example`)}, ` "a b"@x.example`},
		{"UTF-8 local part", []message.Mailbox{at("", "ü@x.example")}, " ü@x.example"},
		{"list", []message.Mailbox{at("A", "a@x.example"), at("", "b@x.example")}, ` "A" <a@x.example>, b@x.example`},
		{"folded list",
			[]message.Mailbox{at("Ann de Vries-Academy", "ann.de.vries@x.example"), at("Bob", "bob@x.example"), at("C", "c@x.example")},
			` "Ann de Vries-Academy" <ann.de.vries@x.example>, "Bob" <bob@x.example>,` + "\r\n" + ` "C" <c@x.example>`},
		{"none", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := message.FormatMailboxes("From", test.in...)
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			checkWritten(t, "From", got)
		})
	}
}

// TestFormatMailboxesLong writes names of every length around the folds, and reads
// them with the decoder of the standard library.
func TestFormatMailboxesLong(t *testing.T) {
	units := []string{"x", "ü", "€", "😀", "x ", "ü ", "aü€😀", `"`, `\`, "=?", "\u0301", "e\u0301", "👩\u200d🚀"}
	lengths := []int{1, 2, 3, 5, 10, 14, 15, 16, 20, 24, 25, 30, 36, 37, 38, 39, 40, 44, 45, 46, 60, 72, 73, 74, 75, 76, 77, 78, 100, 1000}
	address := message.Address{Local: "a", Domain: domain(t, "x.example")}
	for _, unit := range units {
		for _, n := range lengths {
			for _, field := range []string{"From", "Reply-To", "X-A-Field-With-A-Name-So-Long-That-Hardly-Anything-Fits-On-Its-First-Line"} {
				checkName(t, field, message.Mailbox{Name: strings.Repeat(unit, n), Address: address})
			}
		}
	}
}

var encodedWord = regexp.MustCompile(`=\?[^ \r\n]*\?=`)

func checkName(t *testing.T, field string, m message.Mailbox) {
	t.Helper()
	value := message.FormatMailboxes(field, m)
	checkWritten(t, field, value)
	if strings.Contains(value, `"`) {
		return // a quoted-string; read back below in FuzzParseFrom
	}
	decoder := new(mime.WordDecoder)
	for _, word := range encodedWord.FindAllString(value, -1) {
		text, err := decoder.Decode(word)
		if len(word) > 75 || err != nil || !utf8.ValidString(text) {
			t.Fatalf("%q is no encoded-word: %q, %v", word, text, err)
		}
	}
	name, found := strings.CutSuffix((message.Field{Value: value}).Text(), " <"+m.Address.String()+">")
	if got, err := decoder.DecodeHeader(name); !found || err != nil || got != m.Name {
		t.Fatalf("%q is written as %q and read as %q, %v", m.Name, value, got, err)
	}
}

// pictured does what FormatMailboxes must do to control characters, which it may
// not write.
func pictured(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ':
			return r + '\u2400'
		case r == 0x7f:
			return '\u2421'
		}
		return r
	}, name)
}

// FuzzParseFrom: nothing makes it, or DisplayName, panic or go round and round; and what it reads, FormatMailboxes prints
// as what every receiver must read as the same: exactly, not repaired.
func FuzzParseFrom(f *testing.F) {
	for _, s := range []string{
		"a@x.example", "Ann <a@x.example>", "Doe, John <a@x.example>", `"a\"b" <a@x.example>`, "=?utf-8?Q?Zo=C3=AB?= <a@x.example>", "Zo\xeb <a@x.example>",
		"a@x.example (Ann)", "a@x.example, B <b@x.example>", "<@y.example:a@x.example>", "=?utf-8?Q?a=0D=0ABcc:?= <a@x.example>", `"a b"@x.example`,
		"G: a@x.example;", "ü@münchen.example", "a..b@x.example", "=?utf-8?Q?_a_?= <a@x.example>", "\"=?utf-8?Q?a?=\" <a@x.example>",
		"=?iso-2022-jp?B?GyRCJCIbKEI=?= <a@x.example>", "=?utf-7?Q?+AGE-?= <a@x.example>", "a < b @ c . example >, ", "G: a (x) @y.example;", "A; B: C c@x.example", `<"mailto:a"@x.example>`, "=?utf-8*en?B?w6?= =?utf-8?B?k= <a@x.example>", "a@ban\u212a.example", "\"\t\" <a@x.example>",
		"\x01", "a\x00 <a@x.example>", "\x7f <a@x.example>", "a\r\n\r\nb",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name := message.DisplayName(s); !utf8.ValidString(name) {
			t.Fatalf("%q has the display name %q", s, name)
		}
		author, err := message.ParseFrom(s)
		if err != nil {
			if len(author.Mailboxes) > 0 || author.Repaired {
				t.Fatalf("%q: %v, and %q", s, err, printed(author))
			}
			return
		}
		if len(author.Mailboxes) == 0 {
			t.Fatalf("%q is read as %q", s, printed(author))
		}
		value := message.FormatMailboxes("From", author.Mailboxes...)
		checkWritten(t, "From", value)
		again, err := message.ParseFrom(value)
		if err != nil || again.Repaired || len(again.Mailboxes) != len(author.Mailboxes) {
			t.Fatalf("%q is written as %q, which is read as %q, repaired %v, %v", s, value, printed(again), again.Repaired, err)
		}
		for i, m := range author.Mailboxes {
			if again.Mailboxes[i] != (message.Mailbox{Name: pictured(m.Name), Address: m.Address}) {
				t.Fatalf("%q is written as %q, which is read as %q, not %q", s, value, printed(again), printed(author))
			}
		}
	})
}

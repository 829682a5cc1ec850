package message_test

import (
	"encoding/json"
	"strings"
	"testing"

	"onbehalf/message"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		name  string
		in    string
		local string // what it means
		print string // empty: an error
		fail  string
	}{
		{"plain", "academy@example.org", "academy", "academy@example.org", ""},
		{"case is kept on the left only", "AcAdemy@EXAMPLE.org", "AcAdemy", "AcAdemy@example.org", ""},
		{"the ends of each kind of letter", "azAZ09@example.org", "azAZ09", "azAZ09@example.org", ""},
		{"DEL", "a\x7f@example.org", "", "", "no @"},
		{"control character first", "\"\x01a\"@example.org", "", "", "control character"},
		{"every atext", "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~@example.org", ""},
		{"needless quotes", `"academy"@example.org`, "academy", "academy@example.org", ""},
		{"blank in quotes", `"a b"@example.org`, "a b", `"a b"@example.org`, ""},
		{"at sign in quotes", `"a@b"@example.org`, "a@b", `"a@b"@example.org`, ""},
		{"quote in quotes", `"a\"b"@example.org`, `a"b`, `"a\"b"@example.org`, ""},
		{"backslash in quotes", `"a\\b"@example.org`, `a\b`, `"a\\b"@example.org`, ""},
		{"needless backslash", `"\a\b"@example.org`, "ab", "ab@example.org", ""},
		{"angle bracket in quotes", `"<"@example.org`, "<", `"<"@example.org`, ""},
		{"dots where none belong", "a..b@example.org", "a..b", `"a..b"@example.org`, ""},
		{"final dot", "a.@example.org", "a.", `"a."@example.org`, ""},
		{"leading dot", ".a@example.org", ".a", `".a"@example.org`, ""},
		{"UTF-8", "jürgen@münchen.example", "jürgen", "jürgen@xn--mnchen-3ya.example", ""},
		{"UTF-8 in quotes", `"jürgen x"@example.org`, "jürgen x", `"jürgen x"@example.org`, ""},
		{"512 octets", strings.Repeat("a", 512) + "@example.org", strings.Repeat("a", 512), strings.Repeat("a", 512) + "@example.org", ""},

		{"empty", "", "", "", "no local part"},
		{"no at sign", "academy", "", "", "no @"},
		{"no local part", "@example.org", "", "", "no local part"},
		{"no domain", "academy@", "", "", "empty"},
		{"empty quotes", `""@example.org`, "", "", "no local part"},
		{"open quote", `"academy@example.org`, "", "", "not closed"},
		{"backslash at the end", `"academy\`, "", "", "not closed"},
		{"quotes amid", `a"b"c@example.org`, "", "", "no @"},
		{"backslash without quotes", `a\b@example.org`, "", "", "no @"},
		{"two at signs", "a@b@example.org", "", "", "not a domain name"},
		{"blank before", " a@example.org", "", "", "no local part"},
		{"blank behind", "a@example.org ", "", "", "not a domain name"},
		{"blank amid", "a b@example.org", "", "", "no @"},
		{"angle brackets", "<a@example.org>", "", "", "no local part"},
		{"comment", "a@example.org (A)", "", "", "not a domain name"},
		{"address literal", "a@[192.0.2.1]", "", "", "not a domain name"},
		{"final dot of the domain", "a@example.org.", "", "", "not a domain name"},
		{"Latin-1", "j\xfcrgen@example.org", "", "", "neither ASCII nor UTF-8"},
		{"line end in quotes", "\"a\r\nb\"@example.org", "", "", "control character"},
		{"NUL in quotes", "\"a\x00b\"@example.org", "", "", "control character"},
		{"tab in quotes", "\"a\tb\"@example.org", "", "", "control character"},
		{"line end behind a backslash", "\"a\\\nb\"@example.org", "", "", "control character"},
		{"DEL in quotes", "\"a\x7fb\"@example.org", "", "", "control character"},
		{"C1 control", "a\u0085b@example.org", "", "", "control character"},
		{"513 octets", strings.Repeat("a", 513) + "@example.org", "", "", "longer than 512"},
		{"513 octets when quoted", `"` + strings.Repeat(`\"`, 256) + `"@example.org`, "", "", "longer than 512"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseAddress(test.in)
			if got.Local != test.local || got.String() != test.print {
				t.Errorf("ParseAddress(%q) = %q, printed %q; want %q, printed %q", test.in, got.Local, got, test.local, test.print)
			}
			checkError(t, err, test.fail)
		})
	}
}

func TestAddress(t *testing.T) {
	var none message.Address
	if !none.IsZero() || none.String() != "" || message.PathOf(none).String() != "<>" {
		t.Errorf("the zero address is %q", none)
	}
	ascii := message.Address{Local: "a", Domain: domain(t, "münchen.example")}
	utf8 := message.Address{Local: "ä", Domain: domain(t, "example.org")}
	if !ascii.IsASCII() || utf8.IsASCII() || ascii.IsZero() {
		t.Error("IsASCII does not speak of the local part")
	}
	type holder struct{ A message.Address }
	text, err := json.Marshal(holder{utf8})
	if err != nil || string(text) != `{"A":"ä@example.org"}` {
		t.Errorf("%s, %v", text, err)
	}
	var back holder
	if err := json.Unmarshal(text, &back); err != nil || back.A != utf8 {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"A":""}`), &back); err != nil || !back.A.IsZero() {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"A":"a"}`), &back); err == nil {
		t.Error("a is an address")
	}
}

func TestParsePath(t *testing.T) {
	tests := []struct {
		name, in       string
		verbatim       string
		address        string
		null, readable bool
	}{
		{"null", "<>", "", "", true, false},
		{"nothing", "", "", "", true, false},
		{"address", "<a@example.org>", "a@example.org", "a@example.org", false, true},
		{"without brackets", "A@Example.org", "A@Example.org", "A@example.org", false, true},
		{"quotes are kept", `<"a"@example.org>`, `"a"@example.org`, "a@example.org", false, true},
		{"source route", "<@x.example,@y.example:a@example.org>", "@x.example,@y.example:a@example.org", "a@example.org", false, true},
		{"broken source route", "<@x.example>", "@x.example", "", false, false},
		{"colon in quotes", `<"@x:a"@example.org>`, `"@x:a"@example.org`, `"@x:a"@example.org`, false, true},
		{"unqualified", "<postmaster>", "postmaster", "", false, false},
		{"address literal", "<a@[192.0.2.1]>", "a@[192.0.2.1]", "", false, false},
		{"half a pair", "<a@example.org", "<a@example.org", "", false, false},
		{"one bracket", "<", "<", "", false, false},
		{"blank", "< >", " ", "", false, false},
		{"Latin-1", "<j\xfcrgen@example.org>", "j\xfcrgen@example.org", "", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := message.ParsePath(test.in)
			if p.Verbatim != test.verbatim || p.Address.String() != test.address || p.Null() != test.null || p.Readable() != test.readable {
				t.Errorf("ParsePath(%q) = %q, address %q, null %v, readable %v", test.in, p.Verbatim, p.Address, p.Null(), p.Readable())
			}
			if again := message.ParsePath(p.String()); again != p {
				t.Errorf("%s is read as %q", p, again)
			}
		})
	}
}

// FuzzParseAddress: what is read prints as what reads the same, on one line that
// SMTP can carry.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@example.org", `"a\"b\\"@example.org`, "a..b@example.org", "jürgen@münchen.example", "j\xfc@x.nl", `"a b"@x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := message.ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := message.ParseAddress(a.String()); err != nil || again != a {
			t.Fatalf("%q is read as %q, which is read as %q, %v", s, a, again, err)
		}
		if len(a.String()) > 900 || strings.ContainsAny(a.String(), "\r\n\x00\t") {
			t.Fatalf("%q is read as %q", s, a)
		}
		if p := message.PathOf(a); message.ParsePath(p.String()) != p {
			t.Fatalf("%q is another path", a)
		}
	})
}

// TestWritable: the bounds of RFC 5321 section 4.5.3.1, to the octet.
func TestWritable(t *testing.T) {
	label := strings.Repeat("d", 61) + "."
	domainOf := func(n int) message.Domain { // of n octets
		return domain(t, strings.Repeat(label, 3)+strings.Repeat("e", n-3*62))
	}
	for _, test := range []struct {
		name    string
		address message.Address
		utf8    bool
		want    bool
	}{
		{"none", message.Address{}, true, false},
		{"short", message.Address{Local: "a", Domain: domain(t, "x.example")}, false, true},
		{"local part of 64", message.Address{Local: strings.Repeat("a", 64), Domain: domain(t, "x.example")}, false, true},
		{"local part of 65", message.Address{Local: strings.Repeat("a", 65), Domain: domain(t, "x.example")}, false, false},
		{"64 with its quotes", message.Address{Local: " " + strings.Repeat("a", 61), Domain: domain(t, "x.example")}, false, true},
		{"65 with its quotes", message.Address{Local: " " + strings.Repeat("a", 62), Domain: domain(t, "x.example")}, false, false},
		{"254 in all", message.Address{Local: strings.Repeat("a", 64), Domain: domainOf(189)}, false, true},
		{"255 in all", message.Address{Local: strings.Repeat("a", 64), Domain: domainOf(190)}, false, false},
		{"UTF-8", message.Address{Local: "jürgen", Domain: domain(t, "x.example")}, false, false},
		{"UTF-8 with SMTPUTF8", message.Address{Local: "jürgen", Domain: domain(t, "x.example")}, true, true},
	} {
		if got := test.address.Writable(test.utf8); got != test.want {
			t.Errorf("%s (%d octets): %v", test.name, len(test.address.String()), got)
		}
	}
}

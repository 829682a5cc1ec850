package message_test

import (
	"strings"
	"testing"
	"time"

	"onbehalf/message"
)

// domain reads a name that a test knows to be one.
func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseDomain(t *testing.T) {
	label := func(n int) string { return strings.Repeat("a", n) }
	long := strings.Repeat(label(63)+".", 3) // 192 octets, and room for 61 more
	tests := []struct {
		name string
		in   string
		want string // empty: an error
		fail string // part of it
	}{
		{"plain", "example.org", "example.org", ""},
		{"upper case", "EXAMPLE.Org", "example.org", ""},
		{"one label", "localhost", "localhost", ""},
		{"digits", "123.example", "123.example", ""},
		{"all digits", "192.0.2.1", "192.0.2.1", ""},
		{"hyphens in the third and fourth place", "r3---sn.example", "r3---sn.example", ""},
		{"U-label", "münchen.example", "xn--mnchen-3ya.example", ""},
		{"U-label in upper case", "MÜNCHEN.example", "xn--mnchen-3ya.example", ""},
		{"A-label", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example", ""},
		{"A-label in upper case", "XN--MNCHEN-3YA.EXAMPLE", "xn--mnchen-3ya.example", ""},
		{"sharp s stays itself", "straße.example", "xn--strae-oqa.example", ""},
		{"right to left", "אב.example", "xn--4dbc.example", ""},
		{"Greek final sigma stays itself", "λόγος.example", "xn--oxapnm1c.example", ""},
		{"63 octets in a label", label(63) + ".example", label(63) + ".example", ""},
		{"253 octets", long + label(61), long + label(61), ""},

		{"empty", "", "", "empty"},
		{"a dot", ".", "", "not a domain name"},
		{"final dot", "example.org.", "", "not a domain name"},
		{"leading dot", ".example.org", "", "not a domain name"},
		{"empty label", "example..org", "", "not a domain name"},
		{"64 octets in a label", label(64) + ".example", "", "not a domain name"},
		{"254 octets", long + label(62), "", "not a domain name"},
		{"64 octets in an A-label", strings.Repeat("ü", 63) + ".example", "", "not a domain name"},
		{"underscore", "_dmarc.example.org", "", "not a domain name"},
		{"underscore beside a U-label", "_dmarc.münchen.example", "", "not a domain name"},
		{"leading hyphen", "-a.example", "", "not a domain name"},
		{"final hyphen", "a-.example", "", "not a domain name"},
		{"blank", "a b.example", "", "not a domain name"},
		{"outer blank", "example.org ", "", "not a domain name"},
		{"line end", "example.org\r\n", "", "not a domain name"},
		{"NUL", "example\x00.org", "", "not a domain name"},
		{"at sign", "a@example.org", "", "not a domain name"},
		{"address literal", "[192.0.2.1]", "", "not a domain name"},
		{"not UTF-8", "m\xfcnchen.example", "", "not a domain name"},
		{"A-label of nothing", "xn--a.example", "", "not a domain name"},
		{"A-label of ASCII", "xn--abc-.example", "", "not a domain name"},
		{"both directions in one label", "אb.example", "", "not a domain name"},
		{"digit before right to left", "1.א.example", "", "not a domain name"},
		{"zero-width space", "a\u200bb.example", "", "not the usual spelling"},
		{"joiner where none belongs", "a\u200cb.example", "", "not a domain name"},
		{"decomposed", "mu\u0308nchen.example", "", `write "münchen.example"`},
		{"full-width letters", "ｅxample.org", "", `write "example.org"`},
		{"full-width dot", "example．org", "", `write "example.org"`},
		{"ideographic dot", "example。org", "", `write "example.org"`},
		{"soft hyphen", "ex\u00adample.org", "", `write "example.org"`},
		{"Kelvin sign", "ban\u212a.example", "", `write "bank.example"`},
		{"Kelvin sign beside a U-label", "ü.ban\u212a.example", "", `write "ü.bank.example"`},
		{"Angstrom sign", "\u212bngstrom.example", "", `write "ångstrom.example"`},
		{"dotted capital I", "\u0130nfo.example", "", "not the usual spelling"},
		{"capital sharp s", "STRA\u1e9eE.example", "", "not the usual spelling"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseDomain(test.in)
			if got.String() != test.want {
				t.Errorf("ParseDomain(%q) = %q, want %q", test.in, got, test.want)
			}
			checkError(t, err, test.fail)
		})
	}
}

// checkError compares an error with the text that it must hold; none for "".
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want %q", want)
	case err != nil && want == "":
		t.Errorf("unexpected error: %v", err)
	case err != nil && !strings.Contains(err.Error(), want):
		t.Errorf("error %q does not say %q", err, want)
	}
}

func TestDomainUnicode(t *testing.T) {
	for in, want := range map[string]string{
		"xn--mnchen-3ya.example": "münchen.example",
		"EXAMPLE.org":            "example.org",
	} {
		if got := domain(t, in).Unicode(); got != want {
			t.Errorf("Unicode of %q = %q, want %q", in, got, want)
		}
	}
}

func TestDomainTree(t *testing.T) {
	tests := []struct {
		d, other      string
		within, below bool
	}{
		{"example.org", "example.org", true, false},
		{"a.example.org", "example.org", true, true},
		{"a.b.example.org", "example.org", true, true},
		{"notexample.org", "example.org", false, false},
		{"example.org", "a.example.org", false, false},
		{"org", "example.org", false, false},
	}
	for _, test := range tests {
		d, other := domain(t, test.d), domain(t, test.other)
		if d.Within(other) != test.within || d.Below(other) != test.below {
			t.Errorf("%s and %s: within %v, below %v", d, other, d.Within(other), d.Below(other))
		}
	}
	if d := domain(t, "org"); d.Below(message.Domain{}) || d.Within(message.Domain{}) || !d.Parent().IsZero() {
		t.Error("the root is a domain")
	}
	if got := domain(t, "a.example.org").Parent(); got != domain(t, "example.org") {
		t.Errorf("parent is %s", got)
	}
}

func TestDomainText(t *testing.T) {
	var d message.Domain
	if err := d.UnmarshalText([]byte("MÜNCHEN.example")); err != nil || d.String() != "xn--mnchen-3ya.example" {
		t.Errorf("%q, %v", d, err)
	}
	if text, err := d.MarshalText(); err != nil || string(text) != d.String() {
		t.Errorf("%q, %v", text, err)
	}
	if err := d.UnmarshalText(nil); err != nil || !d.IsZero() {
		t.Errorf("%q, %v", d, err)
	}
	if err := d.UnmarshalText([]byte("a..b")); err == nil {
		t.Error("a..b is a domain")
	}
}

// TestParseDomainTime holds that no name takes long, for anyone may send one:
// Punycode is quadratic.
func TestParseDomainTime(t *testing.T) {
	var many strings.Builder
	for r := rune(0x4e00); many.Len() < 100_000; r++ {
		many.WriteRune(r)
	}
	atOnce(t, func() {
		for _, s := range []string{many.String(), strings.Repeat("ü.", 40_000), "xn--" + strings.Repeat("a", 100_000)} {
			if _, err := message.ParseDomain(s); err == nil {
				t.Error("a name of 100,000 octets is a domain")
			}
		}
	})
}

// atOnce fails when the work is not linear. The bound is some hundred times what it
// takes, and a hundredth of what quadratic work takes.
func atOnce(t *testing.T, work func()) {
	t.Helper()
	start := time.Now()
	work()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzParseDomain: what is read prints as what reads the same, in both forms.
func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"example.org", "MÜNCHEN.example", "xn--mnchen-3ya.example", "ban\u212a.example", "אב.example", "a。b", "\u0130.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := message.ParseDomain(s)
		if err != nil {
			if !d.IsZero() {
				t.Fatalf("%q: an error and %q", s, d)
			}
			return
		}
		if len(d.String()) > 253 || strings.Trim(d.String(), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%q is read as %q", s, d)
		}
		for _, form := range []string{d.String(), d.Unicode(), strings.ToUpper(d.String())} {
			if again, err := message.ParseDomain(form); err != nil || again != d {
				t.Fatalf("%q is read as %q, which is read as %q, %v", s, form, again, err)
			}
		}
	})
}

func TestParseHost(t *testing.T) {
	for in, want := range map[string]string{
		"example.org": "example.org", "My_Host.Example.org": "my_host.example.org", "_dmarc.example.org": "_dmarc.example.org",
		"my_host.münchen.example": "my_host.xn--mnchen-3ya.example", "a_.example": "a_.example",
		"mü_nchen.example": "", "xn--m_nchen.example": "", "ban\u212a_x.example": "", "a_b..example": "", "a_b．example": "", "-_.example": "",
	} {
		got, err := message.ParseHost(in)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", in, got, err, want)
		}
		var again message.Domain
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%s is read back as %q, %v", got, again, err)
		}
	}
}

func TestIsLDH(t *testing.T) {
	label := strings.Repeat("a", 63)
	for s, want := range map[string]bool{
		"a": true, "Z9-z.xn--mnchen-3ya.0": true, label: true, label + "a": false, "": false, "a..b": false, "-a": false, "a-": false,
		"a_b": false, "a{b": false, "münchen": false, "\u212aelvin": false, strings.Repeat(label+".", 4): false,
	} {
		if message.IsLDH(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestIsNumeric(t *testing.T) {
	for s, want := range map[string]bool{"192.0.2.1": true, "192.0.2.300": true, "1": true, "a.1": true, "1.a": false, "a.1b": false} {
		if domain(t, s).IsNumeric() != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}

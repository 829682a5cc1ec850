package dmarc_test

import (
	"strings"
	"testing"

	"onbehalf/dmarc"
)

// TestIsRecord holds texts against dmarc-version of RFC 9989 section 4.8.
func TestIsRecord(t *testing.T) {
	for text, want := range map[string]bool{
		"v=DMARC1": true, "v=DMARC1;": true, "v=DMARC1; p=none": true, "v=DMARC1;p=none": true,
		"v = DMARC1 ; p=none": true, "v\t=\tDMARC1\t;p=none": true, " v=DMARC1; p=none": true,
		"V=DMARC1; p=none": true, "v=DMARC1; nonsense": true, "v=DMARC1;;;": true,

		"": false, ";": false, "v": false, "v=": false, "DMARC1": false, "=DMARC1": false,
		"v=dmarc1; p=none": false, "v=DMARC2; p=none": false, "v=DMARC10; p=none": false, "v=DMARC1.0": false, "v=DMARC": false,
		"v=DMARC1 p=none": false, "v=DMARC1, p=none": false, "v=D MARC1; p=none": false,
		"p=none; v=DMARC1": false, "; v=DMARC1; p=none": false, "vv=DMARC1": false,
		`"v=DMARC1; p=none"`: false, `v=DMARC1\; p=none`: false, "\u00a0v=DMARC1; p=none": false,
		"v=spf1 -all": false, "v=DKIM1; p=": false,
	} {
		if got := dmarc.IsRecord(text); got != want {
			t.Errorf("IsRecord(%q) = %v", text, got)
		}
	}
}

// TestParse has rows without the v=DMARC1 that they begin with.
func TestParse(t *testing.T) {
	policies := func(p, sp, np dmarc.Policy) dmarc.Record {
		return dmarc.Record{Policy: p, Subdomains: sp, Absent: np, Suffix: "u"}
	}
	all := func(p dmarc.Policy) dmarc.Record { return policies(p, p, p) }
	but := func(d dmarc.Record, edit func(*dmarc.Record)) dmarc.Record { edit(&d); return d }
	const (
		none, quarantine, reject = dmarc.None, dmarc.Quarantine, dmarc.Reject
	)
	for text, want := range map[string]dmarc.Record{
		// Policies, each the default of the next.
		"; p=none":                                 all(none),
		"; p=quarantine":                           all(quarantine),
		";p=reject;":                               all(reject),
		"; p=reject; sp=none":                      policies(reject, none, none),
		"; p=none; sp=quarantine; np=reject":       policies(none, quarantine, reject),
		"; np=reject; sp=quarantine; p=none":       policies(none, quarantine, reject),
		"; p=none; np=reject":                      policies(none, none, reject),
		"; p=reject; t=y; pct=0; rua=mailto:a@b.c": all(reject), // the stricter reading

		// Case and blanks (section 4.8).
		"; P=Reject; SP=QUARANTINE; Np=NonE": policies(reject, quarantine, none),
		" ;\tp\t=\treject\t;\tsp = none ;":   policies(reject, none, none),

		// Alignment and suffix.
		"; p=none; adkim=s; aspf=s": but(all(none), func(d *dmarc.Record) { d.StrictDKIM, d.StrictSPF = true, true }),
		"; p=none; adkim=S; aspf=r": but(all(none), func(d *dmarc.Record) { d.StrictDKIM = true }),
		"; p=none; ASPF=s":          but(all(none), func(d *dmarc.Record) { d.StrictSPF = true }),
		"; p=none; psd=y":           but(all(none), func(d *dmarc.Record) { d.Suffix = "y" }),
		"; p=none; PSD=N":           but(all(none), func(d *dmarc.Record) { d.Suffix = "n" }),
		"; p=none; psd=u":           all(none),

		// What cannot be read, or is not known, is not there.
		"; p=reject; adkim=x; aspf=ss; psd=z":      all(reject),
		"; p=reject; adkim; aspf=; psd=":           all(reject),
		"; p=reject; nonsense; =; ;; x=y=z":        all(reject),
		"; p=reject; \xff\x00=\xff; sp\u00a0=none": all(reject),
		"; adkim=s, p=none; p=reject":              all(reject),
		"; p=reject; sp =none; sp=quarantine":      policies(reject, none, none), // the first
		"; p=reject; np=bogus":                     all(reject),                  // np= is not known to RFC 7489
		"; p=reject; sp=quarantine; np=":           policies(reject, quarantine, quarantine),
		"; p=reject; np=bogus; rua=mailto:a@b.c":   all(reject),
		"; p=reject; v=DMARC2":                     all(reject),

		// No policy, but reports (section 4.10.1).
		"; rua=mailto:a@b.c":                                 all(none),
		"; p=bogus; rua=mailto:a@b.c":                        all(none),
		"; p=; rua=mailto:a@b.c":                             all(none),
		"; p=reject; sp=bogus; rua=mailto:a@b.c":             all(none),
		"; p=reject; sp; rua=mailto:a@b.c":                   all(none),
		"; sp=reject; np=reject; rua=mailto:a@b.c":           all(none),
		"; p=bogus; RUA = mailto:a@b.c,https://b.c; adkim=s": but(all(none), func(d *dmarc.Record) { d.StrictDKIM = true }),
	} {
		text = "v=DMARC1" + text
		if got, err := dmarc.Parse(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v\nnot %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ";", "; p", "; p=", "; p=bogus", "; p=rejected", "; p=none none", "; p=\"none\"", "; p=reject, sp=none", "; p=no\u017fe", "; q=none",
		"; p=reject; sp=bogus", "; p=reject; sp=", "; p=reject; sp", "; sp=reject", "; p=bogus; rua=", "; p=bogus; rua=a@b.c", "; p=bogus; ruf=mailto:a@b.c",
		"p=none",
	} {
		text = "v=DMARC1" + text
		if got, err := dmarc.Parse(text); err == nil || got.Policy != dmarc.Unknown && strings.Contains(text, "bogus") && !strings.Contains(text, "sp=") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// FuzzParse: who has a record has policies, and what nobody knows changes nothing.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "v=DMARC1", "v=DMARC1; p=none", "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; psd=y; rua=mailto:a@b.c",
		"v=DMARC1; rua=mailto:a@b.c", "V = DMARC1;;=;p=REJECT;\xff", "v=DMARC1; sp=x; p=none",
	} {
		f.Add(text)
	}
	known := func(p dmarc.Policy) bool {
		return p == dmarc.None || p == dmarc.Quarantine || p == dmarc.Reject
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := dmarc.Parse(text)
		if err == nil && !(known(d.Policy) && known(d.Subdomains) && known(d.Absent)) {
			t.Errorf("%q: %+v", text, d)
		}
		if d.Suffix != "y" && d.Suffix != "n" && d.Suffix != "u" {
			t.Errorf("%q: suffix %q", text, d.Suffix)
		}
		strictest, from, found := dmarc.Strictest([]string{text})
		if found {
			repaired := dmarc.Repaired(from, strictest)
			read, err := dmarc.Parse(repaired)
			why, _ := dmarc.Fault(repaired)
			if err != nil || !dmarc.IsRecord(repaired) || read.Policy != strictest.Policy || read.Subdomains != strictest.Subdomains || why != "" {
				t.Errorf("%q is repaired to %q: %+v, not %+v; %v %s", text, repaired, read, strictest, err, why)
			}
		}
		if !dmarc.IsRecord(text) {
			return
		}
		more := text + "; x-unknown=1; ;nonsense"
		if again, err2 := dmarc.Parse(more); !dmarc.IsRecord(more) || again != d || (err2 == nil) != (err == nil) {
			t.Errorf("%q: %+v, %v; with more, %+v, %v", text, d, err, again, err2)
		}
	})
}

// TestStrictest has what OpenDMARC or rspamd read, and the record that all read alike.
func TestStrictest(t *testing.T) {
	for _, test := range []struct {
		texts    []string
		policy   dmarc.Policy
		repaired string
	}{
		{[]string{"v=DMARC1; p=reject"}, dmarc.Reject, "v=DMARC1; p=reject"},
		{[]string{"v=DMARC1; p=reject; sp=; rua=mailto:a@b.c, mailto:d@e.f"}, dmarc.Reject, "v=DMARC1; p=reject; rua=mailto:a@b.c, mailto:d@e.f"},
		{[]string{"v=DMARC1; p=reject; sp=rejected"}, dmarc.Reject, "v=DMARC1; p=reject"},
		{[]string{"v=DMARC1; p=none; p=reject"}, dmarc.Reject, "v=DMARC1; p=reject"},
		{[]string{"v=DMARC1 p=reject rua=mailto:a@b.c adkim=s"}, dmarc.Reject, "v=DMARC1; p=reject; rua=mailto:a@b.c; adkim=s"},
		{[]string{"p=quarantine; v=DMARC1; sp=none"}, dmarc.Quarantine, "v=DMARC1; p=quarantine; sp=none"},
		{[]string{"v=DMARC1; p=none", "v=DMARC1; p=reject; fo=1"}, dmarc.Reject, "v=DMARC1; p=reject; fo=1"},
		{[]string{"v=DMARC1; rua=mailto:a@b.c", "v=DMARC1; p=bogus", "v=spf1 p=reject", "p=DMARC1; p=reject", "v=DMARC2; p=reject", "\"v=DMARC1; p=reject\"", "v=dmarc1; p=reject", "v=DMARC1, p=reject"}, "", ""},
	} {
		d, from, found := dmarc.Strictest(test.texts)
		if d.Policy != test.policy || found != (test.policy != "") || found && dmarc.Repaired(from, d) != test.repaired {
			t.Errorf("%q: %+v %v %s", test.texts, d, found, dmarc.Repaired(from, d))
		}
	}
}

// TestStrictestAlignment: a verifier that goes by the first tag of a name, and one that goes by the
// last, see strict alignment where either says so.
func TestStrictestAlignment(t *testing.T) {
	for text, want := range map[string]dmarc.Record{
		"":                 {},
		"adkim=r; aspf=r":  {},
		"adkim=s":          {StrictDKIM: true},
		"aspf=S":           {StrictSPF: true},
		"adkim=s; adkim=r": {StrictDKIM: true},
		"adkim=r; adkim=s": {StrictDKIM: true},
		"aspf=s; aspf=r":   {StrictSPF: true},
		"aspf=r; aspf=s":   {StrictSPF: true},
	} {
		got, _, found := dmarc.Strictest([]string{"v=DMARC1; p=none; " + text})
		if !found || got.StrictDKIM != want.StrictDKIM || got.StrictSPF != want.StrictSPF {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestFault has why some verifiers ignore a record that others follow, and which ones follow it.
func TestFault(t *testing.T) {
	for text, want := range map[string][2]string{
		"v=spf1 -all": {}, "": {}, "v=DMARC1; p=none; sp=none; rua=mailto:a@b.c;": {}, "V = DMARC1 ; p=none": {},
		"p=none; v=DMARC1":                           {"it does not begin with v=DMARC1", "OpenDMARC"},
		"v=DMARC1 p=none":                            {"there is no semicolon after v=DMARC1", "rspamd"},
		"v=DMARC1; p=none; p=reject":                 {"its tag p= appears twice", "OpenDMARC and rspamd"},
		"v=DMARC1; sp=none; p=none; p=none; sp=none": {"its tag p= appears twice", "OpenDMARC and rspamd"},
		"v=DMARC1; p=reject; sp=x":                   {`its sp= is "x", which is not one of none, quarantine and reject`, "OpenDMARC and rspamd"},
		"v=DMARC1; p=none rua=mailto:a@b.c":          {"a semicolon is missing between its tags", "rspamd"},
	} {
		if why, by := dmarc.Fault(text); why != want[0] || by != want[1] {
			t.Errorf("%q: %q by %q, want %q", text, why, by, want)
		}
	}
}

// TestRepaired: what receivers cannot read is left out, and nothing else.
func TestRepaired(t *testing.T) {
	for text, want := range map[string]string{
		"v=DMARC1; p=reject; np=bogus; fo=1":           "v=DMARC1; p=reject; fo=1",
		"v=DMARC1; p=reject; np=none; sp=none":         "v=DMARC1; p=reject; np=none; sp=none",
		"v=DMARC1; p=reject; rua=; fo=1":               "v=DMARC1; p=reject; fo=1",
		"v=DMARC1; p=reject; rua=mailto:a@b.c;x; fo=1": "v=DMARC1; p=reject; fo=1",
		"v=DMARC1; p=none; fo=1; p=reject; fo=0":       "v=DMARC1; p=reject; fo=1",
	} {
		as, from, found := dmarc.Strictest([]string{text})
		if got := dmarc.Repaired(from, as); !found || got != want {
			t.Errorf("%q is repaired to %q, want %q", text, got, want)
		}
	}
}

package dmarc_test

import (
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
)

func domain(t *testing.T, name string) message.Domain {
	t.Helper()
	if name == "" {
		return message.Domain{}
	}
	d, err := message.ParseDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAligned(t *testing.T) {
	const relaxed, strictSPF, strictDKIM = "", "spf", "dkim"
	tests := []struct {
		name                 string
		author, authorOrg    string
		policy               dmarc.Policy
		strict               string
		with, withOrg        string
		bySPF, byDKIM, sameO bool
	}{
		{"itself", "a.example", "a.example", dmarc.Reject, relaxed, "a.example", "a.example", true, true, true},
		{"itself, strictly", "a.example", "a.example", dmarc.Reject, strictSPF, "a.example", "a.example", true, true, true},
		{"itself, never looked up", "a.example", "", dmarc.Unknown, relaxed, "a.example", "", true, true, true},
		{"nothing", "a.example", "a.example", dmarc.None, relaxed, "", "", false, false, true},
		{"nothing with nothing", "", "", dmarc.None, relaxed, "", "", false, false, true},
		{"below", "a.example", "a.example", dmarc.None, relaxed, "b.a.example", "a.example", true, true, true},
		{"above", "b.a.example", "a.example", dmarc.None, relaxed, "a.example", "a.example", true, true, true},
		{"beside", "b.a.example", "a.example", dmarc.None, relaxed, "c.a.example", "a.example", true, true, true},
		{"below, aspf=s", "a.example", "a.example", dmarc.None, strictSPF, "b.a.example", "a.example", false, true, true},
		{"below, adkim=s", "a.example", "a.example", dmarc.None, strictDKIM, "b.a.example", "a.example", true, false, true},
		{"below, never looked up", "a.example", "", dmarc.Unknown, relaxed, "b.a.example", "", false, false, true},
		{"below, no record", "a.example", "a.example", dmarc.Absent, relaxed, "b.a.example", "b.a.example", true, true, true},
		{"below, walk not known", "a.example", "a.example", dmarc.None, relaxed, "b.a.example", "", true, true, true},
		{"below, author's walk not known", "a.example", "", dmarc.None, relaxed, "b.a.example", "b.a.example", true, true, true},
		{"another organization by the walk (psd=)", "a.b.example", "a.b.example", dmarc.None, relaxed, "c.b.example", "c.b.example", false, false, false},
		{"another organization by the list", "a.co.uk", "co.uk", dmarc.None, relaxed, "b.co.uk", "co.uk", false, false, true},
		{"another organization", "a.example", "a.example", dmarc.None, relaxed, "evil.example", "evil.example", false, false, false},
		{"ends alike", "a.example", "a.example", dmarc.None, relaxed, "ba.example", "ba.example", false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			author := dmarc.Author{Domain: domain(t, test.author), Asks: dmarc.Asks{
				Policy: test.policy, Organizational: domain(t, test.authorOrg),
				StrictSPF: test.strict == strictSPF, StrictDKIM: test.strict == strictDKIM,
			}}
			with := dmarc.Authenticated{Domain: domain(t, test.with), Organizational: domain(t, test.withOrg)}
			spf, dkim, same := author.Aligned(dmarc.SPF, with), author.Aligned(dmarc.DKIM, with), author.SameOrganization(with)
			if spf != test.bySPF || dkim != test.byDKIM || same != test.sameO {
				t.Errorf("by SPF %v, by DKIM %v, same organization %v; want %v, %v, %v", spf, dkim, same, test.bySPF, test.byDKIM, test.sameO)
			}
		})
	}
}

func TestListed(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		"example.org":       "example.org",
		"a.b.example.org":   "example.org",
		"a.example.co.uk":   "example.co.uk",
		"co.uk":             "co.uk", // a public suffix is its own
		"localhost":         "localhost",
		"a.localhost":       "a.localhost",
		"a.b.localhost":     "b.localhost",
		"x.github.io":       "x.github.io", // of the list's private part
		"a.münchen.example": "münchen.example",
	} {
		if got := dmarc.Listed(domain(t, in)); got != domain(t, want) {
			t.Errorf("organizational domain of %s is %s, want %s", in, got, want)
		}
	}
}

func TestStricter(t *testing.T) {
	order := []dmarc.Policy{dmarc.Unknown, dmarc.Absent, dmarc.None, dmarc.Quarantine, dmarc.Reject}
	for i, a := range order {
		for j, b := range order {
			if got := a.Stricter(b); got != order[max(i, j)] {
				t.Errorf("of %q and %q, %q is the stricter one", a, b, got)
			}
		}
	}
	org := domain(t, "a.example")
	a := dmarc.Asks{Policy: dmarc.None, StrictDKIM: true, Organizational: org}
	b := dmarc.Asks{Policy: dmarc.Reject, StrictSPF: true, Organizational: domain(t, "b.example")}
	if got := a.Stricter(b); got != (dmarc.Asks{Policy: dmarc.Reject, StrictDKIM: true, StrictSPF: true, Organizational: org}) {
		t.Errorf("%+v", got)
	}
	if got := b.Stricter(a); got != (dmarc.Asks{Policy: dmarc.Reject, StrictDKIM: true, StrictSPF: true, Organizational: b.Organizational}) {
		t.Errorf("%+v", got)
	}
	if got := (dmarc.Asks{}).Stricter(dmarc.Asks{}); got != (dmarc.Asks{}) {
		t.Errorf("%+v", got)
	}
}

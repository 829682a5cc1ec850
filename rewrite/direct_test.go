package rewrite_test

import (
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestProven holds that mail for a domain goes the tenant's way only while DNS shows that
// the domain is the tenant's.
func TestProven(t *testing.T) {
	domain := func(s string) message.Domain {
		d, err := message.ParseDomain(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	school, below := domain("school.example"), domain("mail.school.example")
	other, path := domain("other.example"), domain("bounce.school.example")
	under := domain("under.rival.school.example")
	one := &tenant.Tenant{
		ID: "school", Authorization: tenant.Auto, ReturnPath: path,
		Domains:    []tenant.Pattern{{Domain: school}, {Domain: school, Wildcard: true}, {Domain: other}, {Domain: under}},
		Identities: []tenant.Identity{{SDID: school, Selector: "s1"}, {SDID: other, Selector: "s1"}, {SDID: other, Selector: "s3"}, {SDID: domain("rival.school.example"), Selector: "s1"}},
	}
	rival := &tenant.Tenant{ID: "rival", Authorization: tenant.Authorized, Domains: []tenant.Pattern{{Domain: domain("rival.school.example")}}}
	key := func(d message.Domain, selector string, state tenant.State) tenant.Standing {
		return tenant.Standing{Domain: d, DKIM: []tenant.KeyStanding{{Name: selector, Mechanism: tenant.Mechanism{State: state}}}}
	}
	returns := func(d message.Domain, of string, state tenant.State) tenant.Standing {
		return tenant.Standing{Domain: d, ReturnPath: tenant.Mechanism{State: state, Of: of}}
	}
	for name, c := range map[string]struct {
		standing tenant.Standing
		of       message.Domain
		auth     tenant.Authorization
		want     bool
	}{
		"nothing known":            {tenant.Standing{Domain: school}, school, tenant.Auto, false},
		"key":                      {key(school, "s1", tenant.Active), school, tenant.Auto, true},
		"key, for a name below":    {key(school, "s1", tenant.Active), below, tenant.Auto, true},
		"key, not ours":            {key(school, "s2", tenant.Active), school, tenant.Auto, false},
		"key, pending":             {key(school, "s1", tenant.Pending), school, tenant.Auto, false},
		"key, warning":             {key(school, "s1", tenant.Warning), school, tenant.Auto, false},
		"key of another domain":    {key(other, "s1", tenant.Active), school, tenant.Auto, false},
		"key of another, by name":  {key(school, "s3", tenant.Active), school, tenant.Auto, false},
		"key above, of a rival":    {key(domain("rival.school.example"), "s1", tenant.Active), under, tenant.Auto, false},
		"key above the rival":      {key(school, "s1", tenant.Active), under, tenant.Auto, true},
		"SPF alone":                {tenant.Standing{Domain: school, SPF: tenant.Mechanism{State: tenant.Active}}, school, tenant.Auto, false},
		"return path":              {returns(school, path.String(), tenant.Active), school, tenant.Auto, true},
		"return path, warning":     {returns(school, path.String(), tenant.Warning), school, tenant.Auto, false},
		"return path, former":      {returns(school, "old.school.example", tenant.Active), school, tenant.Auto, false},
		"return path, elsewhere":   {returns(other, path.String(), tenant.Active), other, tenant.Auto, false},
		"authorized":               {tenant.Standing{Domain: school}, below, tenant.Authorized, true},
		"unauthorized, with key":   {key(school, "s1", tenant.Active), school, tenant.Unauthorized, false},
		"another tenant's":         {key(school, "s1", tenant.Active), domain("rival.school.example"), tenant.Auto, false},
		"of no tenant":             {key(school, "s1", tenant.Active), domain("nowhere.example"), tenant.Authorized, false},
		"parent, not the tenant's": {key(school, "s1", tenant.Active), domain("example"), tenant.Auto, false},
	} {
		t.Run(name, func(t *testing.T) {
			mine := *one
			mine.Authorization = c.auth
			table, err := tenant.NewTable(&tenant.Platform{SRS: tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("x"))}}}, []*tenant.Tenant{&mine, rival})
			if err != nil {
				t.Fatal(err)
			}
			if err := table.SetStandings(c.standing); err != nil {
				t.Fatal(err)
			}
			if got := rewrite.Proven(table.Snapshot(), &mine, c.of); got != c.want {
				t.Errorf("Proven for %s: %v, want %v", c.of, got, c.want)
			}
		})
	}
}

// TestDirectHop: mail for a domain takes the tenant's next hop while it is proven, delivered
// directly, and not only watched.
func TestDirectHop(t *testing.T) {
	cast := cases.NewCast(t)
	proven := tenant.Standing{Domain: must(message.ParseDomain("staff.intranet.example")), DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: tenant.Mechanism{State: tenant.Active}}}}
	whole := proven
	whole.Domain = must(message.ParseDomain("intranet.example"))
	hop := must(tenant.ParseNextHop("[mx.intranet.example]:25"))
	for _, test := range []struct {
		name, domain string
		mode         tenant.Mode
		standings    []tenant.Standing
		direct       bool
	}{
		{"proven", "staff.intranet.example", tenant.Enforce, []tenant.Standing{proven}, true},
		{"proven, with its parent", "staff.intranet.example", tenant.Enforce, []tenant.Standing{proven, whole}, true},
		{"not proven", "staff.intranet.example", tenant.Enforce, nil, false},
		{"only watched", "staff.intranet.example", tenant.Shadow, []tenant.Standing{proven}, false},
		{"proven, not delivered directly", "intranet.example", tenant.Enforce, []tenant.Standing{proven, whole}, false},
		{"of no tenant", "nobody.example", tenant.Enforce, nil, false},
	} {
		table := cast.TableWith(t, func(_ string, one *tenant.Tenant) { one.Policy.Mode = test.mode })
		if err := table.SetStandings(test.standings...); err != nil {
			t.Fatal(err)
		}
		owner, got := rewrite.DirectHop(table.Snapshot(), must(message.ParseDomain(test.domain)))
		want := tenant.NextHop{}
		if test.direct {
			want = hop
		}
		if (owner != nil) != test.direct || got != want || owner != nil && owner.ID != "intranet" {
			t.Errorf("%s: %+v of %+v, want %+v", test.name, got, owner, want)
		}
	}
}

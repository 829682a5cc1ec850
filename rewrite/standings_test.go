package rewrite_test

import (
	"slices"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestStandings: a plan says whose DNS it rests on: that of the authors, where DNS decides.
func TestStandings(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bound := app
	bound.Login = "lms-club"
	for _, test := range []struct {
		name, from string
		who        message.Submitter
		want       []string
	}{
		{"one author", "a@yourorg.example", app, []string{"yourorg.example"}},
		{"two of one domain", "a@yourorg.example, b@yourorg.example", app, []string{"yourorg.example"}},
		{"two domains of one tenant", "a@yourorg.example, b@yourorganisationname.nl, c@yourorg.example", app, []string{"yourorg.example", "yourorganisationname.nl"}},
		{"authorized by hand", "a@university.example", app, nil},
		{"unauthorized by hand", "a@münchen.example", app, nil},
		{"forbidden", "a@yourorg.example", bound, nil},
		{"of the platform", "a@courseware.nl", app, nil},
		{"of no tenant", "a@nobody.example", app, nil},
		{"of several tenants", "a@yourorg.example, b@survey.example", app, nil},
		{"not trusted", "a@yourorg.example", stranger, nil},
	} {
		plan := rewrite.Decide(mail(test.who, "a@yourorg.example", "student@receiver.example", "From: "+test.from), s)
		var got []string
		for _, d := range plan.Standings {
			got = append(got, d.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: it rests on %q, want %q\n%s", test.name, got, test.want, cases.Print(plan))
		}
	}
}

// TestByHand: what a tenant's file says of its authorization holds, whatever DNS has shown.
func TestByHand(t *testing.T) {
	cast := cases.NewCast(t)
	domain := must(message.ParseDomain("yourorganisationname.nl"))
	active := tenant.Mechanism{State: tenant.Active}
	path, keys := active, []tenant.KeyStanding{{Name: "cw1", Mechanism: active}}
	path.Of = "bounce.yourorganisationname.nl"
	for _, test := range []struct {
		by    tenant.Authorization
		shown tenant.Standing
		want  rewrite.Row
	}{
		{tenant.Auto, tenant.Standing{}, rewrite.RowOnBehalf},
		{tenant.Auto, tenant.Standing{SPF: active}, rewrite.RowSPF},
		{tenant.Auto, tenant.Standing{SPF: active, ReturnPath: path}, rewrite.RowPath},
		{tenant.Auto, tenant.Standing{DKIM: keys}, rewrite.RowKey},
		{tenant.Authorized, tenant.Standing{}, rewrite.RowKeySPF},
		{tenant.Authorized, tenant.Standing{ReturnPath: path}, rewrite.RowKeySPF},
		{tenant.Unauthorized, tenant.Standing{SPF: active, ReturnPath: path}, rewrite.RowOnBehalf},
		{tenant.Unauthorized, tenant.Standing{DKIM: keys}, rewrite.RowOnBehalf},
	} {
		table := cast.TableWith(t, func(id string, one *tenant.Tenant) {
			if id == "yourorg" {
				one.Authorization = test.by
			}
		})
		test.shown.Domain, test.shown.DMARC = domain, tenant.DMARC{Policy: dmarc.None}
		if err := table.SetStandings(test.shown); err != nil {
			t.Fatal(err)
		}
		plan := rewrite.Decide(mail(app, "a@yourorganisationname.nl", "student@receiver.example", "From: a@yourorganisationname.nl"), table.Snapshot())
		if plan.Row != test.want {
			t.Errorf("%s, with %+v: want row %s\n%s", test.by, test.shown, test.want, cases.Print(plan))
		}
	}
}

// TestAuthorOf: a policy that was never looked up is absent where DNS does not decide; one that
// is known holds.
func TestAuthorOf(t *testing.T) {
	table := cases.NewCast(t).Table(t)
	known := func(name string) tenant.Standing {
		return tenant.Standing{Domain: must(message.ParseDomain(name)), DMARC: tenant.DMARC{Policy: dmarc.Reject}}
	}
	if err := table.SetStandings(known("museum.example"), known("survey.example")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]dmarc.Policy{
		"museum.example": dmarc.Reject, "survey.example": dmarc.Reject, "university.example": dmarc.Absent, "münchen.example": dmarc.Absent,
		"yourorg.example": dmarc.Unknown, "nobody.example": dmarc.Unknown,
	} {
		d := must(message.ParseDomain(name))
		if got := rewrite.AuthorOf(table.Snapshot(), d); got.Domain != d || got.Asks.Policy != want {
			t.Errorf("%s asks for %+v, want %q", name, got, want)
		}
	}
}

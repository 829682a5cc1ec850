package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/watch"
	"onbehalf/config"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

func domainOf(t testing.TB, name string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// town is a generation with a platform and tenants whose DNS decides, each with a key.
func town(t testing.TB, tenants ...*tenant.Tenant) *Generation {
	t.Helper()
	from, err := tenant.ParseTemplate("noreply")
	if err != nil {
		t.Fatal(err)
	}
	home := domainOf(t, "courseware.nl")
	platform := &tenant.Platform{Name: "Courseware", Domain: home, From: from, FromDomain: home, Bounce: domainOf(t, "bounces.courseware.nl"),
		SRS: tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}, MaxAge: 24 * time.Hour}}
	table, err := tenant.NewTable(platform, tenants)
	if err != nil {
		t.Fatal(err)
	}
	return &Generation{Config: &config.Config{Platform: platform, Tenants: tenants, DNS: config.DNS{DemoteAfter: time.Hour}}, table: table, ring: new(keys.Ring)}
}

func citizen(t testing.TB, id string, patterns ...string) *tenant.Tenant {
	t.Helper()
	one := &tenant.Tenant{ID: id, Authorization: tenant.Auto, FromName: tenant.DefaultFromName(),
		Policy: tenant.Policy{RewriteFrom: tenant.RewriteAlways, KeepEnvelope: true, Mode: tenant.Enforce}}
	for _, text := range patterns {
		p, err := tenant.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
		one.Identities = append(one.Identities, tenant.Identity{SDID: p.Domain, Selector: "cw1", Algorithm: tenant.RSA})
	}
	return one
}

// TestEventsOf: what moves mail, or is about to, is an event; what does not is none.
func TestEventsOf(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	d := domainOf(t, "one.example")
	shows := func(spf, key tenant.State, policy dmarc.Policy) tenant.Standing {
		m := func(state tenant.State) tenant.Mechanism {
			return tenant.Mechanism{State: state, Of: "x", Since: noon, Checked: noon}
		}
		return tenant.Standing{Domain: d, SPF: m(spf), DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: m(key)}},
			DMARC: tenant.DMARC{Policy: policy, Checked: noon}}
	}
	change := func(id, mechanism string, before, after tenant.State) authorize.Change {
		return authorize.Change{Domain: d, Tenant: id, Mechanism: mechanism, Before: string(before), After: string(after), Evidence: "as seen", At: noon}
	}
	const none, quarantine = dmarc.Absent, dmarc.Quarantine
	for name, test := range map[string]struct {
		before, after tenant.Standing
		changes       []authorize.Change
		want          []string
	}{
		"the first look": {tenant.Standing{Domain: d}, shows(tenant.Active, tenant.Active, none),
			[]authorize.Change{change("one", "spf", "", tenant.Active), change("one", "dkim cw1", "", tenant.Active)}, nil},
		"a key is found": {shows(tenant.Pending, tenant.Pending, none), shows(tenant.Pending, tenant.Active, none),
			[]authorize.Change{change("one", "dkim cw1", tenant.Pending, tenant.Active)},
			[]string{"tenant.moved info one one.example 6 on-behalf>3 key"}},
		"the last is in doubt": {shows(tenant.Pending, tenant.Active, none), shows(tenant.Pending, tenant.Warning, none),
			[]authorize.Change{change("one", "dkim cw1", tenant.Active, tenant.Warning)},
			[]string{"tenant.warning warning one one.example 3 key>6 on-behalf"}},
		"the last is in doubt, under quarantine": {shows(tenant.Pending, tenant.Active, quarantine), shows(tenant.Pending, tenant.Warning, quarantine),
			[]authorize.Change{change("one", "dkim cw1", tenant.Active, tenant.Warning)},
			[]string{"tenant.moved warning one one.example 3 key>6 on-behalf"}},
		"a policy that moves nothing": {shows(tenant.Active, tenant.Active, none), shows(tenant.Active, tenant.Active, quarantine),
			[]authorize.Change{change("one", "dmarc", "", "")}, nil},
		"a tenant that is gone": {shows(tenant.Active, tenant.Active, none), shows(tenant.Pending, tenant.Pending, none),
			[]authorize.Change{change("other", "spf", tenant.Active, tenant.Pending)}, nil},
		"the platform's, in doubt": {shows(tenant.Active, tenant.Active, none), shows(tenant.Warning, tenant.Active, none),
			[]authorize.Change{change("", "spf", tenant.Active, tenant.Warning)}, []string{"platform.warning error  one.example active>warning"}},
		"the platform's, found": {shows(tenant.Pending, tenant.Active, none), shows(tenant.Active, tenant.Active, none),
			[]authorize.Change{change("", "spf", tenant.Pending, tenant.Active)}, nil},
		"proof that is lost, by a reload": {tenant.Standing{}, shows(tenant.Active, tenant.Active, none),
			[]authorize.Change{change("one", watch.Direct, watch.Proven, watch.Unproven)}, []string{"ownership.lost warning one one.example >"}},
		"proof that is won": {tenant.Standing{}, shows(tenant.Active, tenant.Active, none),
			[]authorize.Change{change("one", watch.Direct, watch.Unproven, watch.Proven)}, nil},
	} {
		now := town(t, citizen(t, "one", "one.example", "*.one.example"))
		if err := now.table.SetStandings(test.after); err != nil {
			t.Fatal(err)
		}
		n := &notices{daemon: new(daemon), first: now}
		var got []string
		for _, e := range n.eventsOf(test.before, test.changes) {
			got = append(got, fmt.Sprintf("%s %s %s %s %s>%s", e.Type, e.Severity, e.Data.Tenant, e.Data.Domain, e.Data.Before, e.Data.After))
			if e.Data.Reason == "" || e.Type == "tenant.warning" && !e.Data.Due.Equal(noon.Add(time.Hour)) {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestReconfiguredRests: a reload rests between the domains of a tenant, too.
func TestReconfiguredRests(t *testing.T) {
	patterns := make([]string, 100)
	for i := range patterns {
		patterns[i] = fmt.Sprintf("d%d.example", i)
	}
	before, now := town(t, citizen(t, "one", patterns...)), town(t, citizen(t, "one", patterns...))
	now.Tenants[0].Name = "Another name"
	pauses := 0
	n := &notices{daemon: new(daemon)} // without an outbox: nothing is noticed
	n.reconfigured(before, now, func() { pauses++ })
	if pauses < len(patterns) {
		t.Errorf("%d pauses for %d domains", pauses, len(patterns))
	}
}

package tenant_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func platform(t testing.TB) *tenant.Platform {
	return &tenant.Platform{
		Bounce: domain(t, "bounces.courseware.nl"),
		SRS:    tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}},
	}
}

// customer makes a tenant of an id and patterns.
func customer(t testing.TB, id string, patterns ...string) *tenant.Tenant {
	t.Helper()
	one := &tenant.Tenant{ID: id}
	for _, s := range patterns {
		p, err := tenant.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
	}
	return one
}

func withLogins(one *tenant.Tenant, logins ...string) *tenant.Tenant {
	one.Submitters.Logins = logins
	return one
}

func withNetworks(one *tenant.Tenant, networks ...string) *tenant.Tenant {
	for _, n := range networks {
		one.Submitters.Networks = append(one.Submitters.Networks, netip.MustParsePrefix(n))
	}
	return one
}

func withReturnPath(t testing.TB, one *tenant.Tenant, name string) *tenant.Tenant {
	one.ReturnPath = domain(t, name)
	return one
}

func table(t testing.TB, tenants ...*tenant.Tenant) *tenant.Table {
	t.Helper()
	made, err := tenant.NewTable(platform(t), tenants)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestOwner(t *testing.T) {
	s := table(t,
		customer(t, "both", "example.org", "*.example.org"),
		customer(t, "below", "*.only.example"),
		customer(t, "deep", "*.dept.example.org", "one.example.org"),
		customer(t, "exact", "exact.example"),
		customer(t, "idn", "münchen.example", "*.köln.example"),
		customer(t, "top", "*.nl"),
		customer(t, "hyphen", "example-x.org"),
	).Snapshot()
	tests := []struct{ name, domain, owner, apex string }{
		{"exact", "example.org", "both", "example.org"},
		{"wildcard", "a.example.org", "both", "example.org"},
		{"deep under a wildcard", "a.b.c.example.org", "both", "example.org"},
		{"longer wildcard wins", "a.dept.example.org", "deep", "dept.example.org"},
		{"apex of the longer wildcard is the shorter one's", "dept.example.org", "both", "example.org"},
		{"exact wins over wildcard", "one.example.org", "deep", "one.example.org"},
		{"below an exact one, the wildcard again", "a.one.example.org", "both", "example.org"},
		{"wildcard does not cover its apex", "only.example", "", ""},
		{"but all below", "a.only.example", "below", "only.example"},
		{"exact covers nothing below", "a.exact.example", "", ""},
		{"border of a label", "notexample.org", "", ""},
		{"border of a label, longer", "xexample.org", "", ""},
		{"prefix of a label", "exampl.org", "", ""},
		{"a label continued", "example-x.org", "hyphen", "example-x.org"},
		{"border of a label under a wildcard", "a.notonly.example", "", ""},
		{"U-label", "MÜNCHEN.example", "idn", "münchen.example"},
		{"A-label", "xn--mnchen-3ya.example", "idn", "münchen.example"},
		{"below a U-label", "a.KÖLN.example", "idn", "köln.example"},
		{"upper case", "A.EXAMPLE.ORG", "both", "example.org"},
		{"a whole top-level domain", "a.b.nl", "top", "nl"},
		{"its apex", "nl", "", ""},
		{"one label", "org", "", ""},
		{"no tenant's", "example.com", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			owner, apex := s.Owner(domain(t, test.domain))
			id, want := "", message.Domain{}
			if owner != nil {
				id = owner.ID
			}
			if test.apex != "" {
				want = domain(t, test.apex)
			}
			if id != test.owner || apex != want {
				t.Errorf("%s belongs to %q under %s, want %q under %s", test.domain, id, apex, test.owner, want)
			}
		})
	}
	if owner, _ := s.Owner(message.Domain{}); owner != nil {
		t.Errorf("no domain belongs to %s", owner.ID)
	}
}

func TestDuplicateClaims(t *testing.T) {
	tests := []struct {
		name    string
		tenants []*tenant.Tenant
		fail    string // empty: none
	}{
		{"ids", []*tenant.Tenant{customer(t, "a"), customer(t, "a")}, "tenant id a is there twice"},
		{"domains", []*tenant.Tenant{customer(t, "a", "x.example"), customer(t, "b", "x.example")}, "domain x.example belongs to tenant a and to tenant b"},
		{"domains in one tenant", []*tenant.Tenant{customer(t, "a", "x.example", "X.example")}, "domain x.example belongs to tenant a and to tenant a"},
		{"domains in two spellings", []*tenant.Tenant{customer(t, "a", "ü.example"), customer(t, "b", "xn--tda.example")}, "domain xn--tda.example belongs to"},
		{"wildcards", []*tenant.Tenant{customer(t, "a", "*.x.example"), customer(t, "b", "*.x.example")}, "domain *.x.example belongs to"},
		{"wildcard and apex", []*tenant.Tenant{customer(t, "a", "x.example"), customer(t, "b", "*.x.example")}, ""},
		{"wildcard and what it covers", []*tenant.Tenant{customer(t, "a", "a.x.example"), customer(t, "b", "*.x.example")}, ""},
		{"logins", []*tenant.Tenant{withLogins(customer(t, "a"), "lms"), withLogins(customer(t, "b"), "lms")}, "login lms belongs to tenant a and to tenant b"},
		{"logins of another case", []*tenant.Tenant{withLogins(customer(t, "a"), "lms"), withLogins(customer(t, "b"), "LMS")}, "login LMS belongs to tenant a and to tenant b"},
		{"networks", []*tenant.Tenant{withNetworks(customer(t, "a"), "192.0.2.0/24"), withNetworks(customer(t, "b"), "192.0.2.0/24")}, "network 192.0.2.0/24 belongs to"},
		{"network in a network", []*tenant.Tenant{withNetworks(customer(t, "a"), "192.0.2.0/24"), withNetworks(customer(t, "b"), "192.0.2.0/25")}, ""},
		{"IPv4 network written as IPv6", []*tenant.Tenant{withNetworks(customer(t, "a"), "::ffff:192.0.2.0/120")}, "neither an IPv4 nor an IPv6"},
		{"return paths", []*tenant.Tenant{withReturnPath(t, customer(t, "a"), "b.x.example"), withReturnPath(t, customer(t, "b"), "b.x.example")}, "return path b.x.example belongs to"},
		{"none at all", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := tenant.NewTable(platform(t), test.tenants)
			if err == nil {
				err = errors.New("")
			}
			if got := err.Error(); !strings.Contains(got, test.fail) || (got == "") != (test.fail == "") {
				t.Errorf("error %q, want %q", got, test.fail)
			}
		})
	}
	if _, err := tenant.NewTable(&tenant.Platform{}, nil); err == nil {
		t.Error("a platform without a secret is let pass")
	}
}

// TestRealm: with a realm, a login is bound with it and without it, in any case.
func TestRealm(t *testing.T) {
	p := platform(t)
	p.Trust.Realm = "Courseware.nl"
	table, err := tenant.NewTable(p, []*tenant.Tenant{withLogins(customer(t, "a"), "lms-a"), withLogins(customer(t, "b"), "LMS-B@courseware.nl")})
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]string{
		"lms-a": "a", "LMS-A": "a", "lms-a@courseware.nl": "a", "lms-a@COURSEWARE.NL": "a", "lms-b": "b", "Lms-B@courseware.nl": "b",
		"lms-a@other.nl": "", "lms-a@courseware.nl.other.nl": "", "lms-acourseware.nl": "", "@courseware.nl": "", "": "",
	} {
		bound := table.Snapshot().BoundTo(message.Submitter{Login: login})
		if id := ""; bound != nil && bound.ID != want || bound == nil && want != id {
			t.Errorf("%q is bound to %v, want %q", login, bound, want)
		}
	}
	if _, err := tenant.NewTable(p, []*tenant.Tenant{withLogins(customer(t, "a"), "lms"), withLogins(customer(t, "b"), "lms@courseware.nl")}); err == nil {
		t.Error("one login in two spellings belongs to two tenants")
	}
}

func TestBoundTo(t *testing.T) {
	s := table(t,
		withNetworks(withLogins(customer(t, "a"), "lms-a", "other"), "192.0.2.0/24", "2001:db8::/32"),
		withNetworks(withLogins(customer(t, "b"), "lms-b"), "192.0.2.128/25", "2001:db8:1::/48"),
		withNetworks(customer(t, "host"), "192.0.2.200/32", "2001:db8:1::1/128"),
		withNetworks(customer(t, "wide"), "10.0.0.0/8"),
		customer(t, "unbound", "x.example"),
	).Snapshot()
	tests := []struct{ name, login, client, want string }{
		{"login", "lms-a", "", "a"},
		{"another login", "other", "", "a"},
		{"login wins over network", "lms-b", "192.0.2.1", "b"},
		{"login that binds nobody", "someone", "192.0.2.1", "a"},
		{"login in another case", "LMS-A", "", "a"},
		{"login with a realm", "lms-a@courseware.nl", "", ""}, // see TestRealm
		{"network", "", "192.0.2.1", "a"},
		{"smaller network wins", "", "192.0.2.129", "b"},
		{"one host", "", "192.0.2.200", "host"},
		{"beside the host", "", "192.0.2.201", "b"},
		{"first address", "", "192.0.2.0", "a"},
		{"last address", "", "192.0.2.255", "b"},
		{"outside", "", "192.0.3.0", ""},
		{"IPv4 mapped", "", "::ffff:192.0.2.129", "b"},
		{"IPv6", "", "2001:db8::1", "a"},
		{"smaller IPv6 network", "", "2001:db8:1::2", "b"},
		{"one IPv6 host", "", "2001:db8:1::1", "host"},
		{"outside IPv6", "", "2001:db9::1", ""},
		{"IPv6 that starts with the octets of an IPv4 network", "", "a00::1", ""},
		{"nothing known", "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			who, id := message.Submitter{Login: test.login}, ""
			if test.client != "" {
				who.Client = netip.MustParseAddr(test.client)
			}
			if bound := s.BoundTo(who); bound != nil {
				id = bound.ID
				if !bound.Submitters.Include(who) {
					t.Error("who is bound to a tenant is not among its submitters")
				}
			}
			if id != test.want {
				t.Errorf("bound to %q, want %q", id, test.want)
			}
		})
	}
}

// TestBoundToLaw compares the look-up with a plain search through all networks.
func TestBoundToLaw(t *testing.T) {
	var tenants []*tenant.Tenant
	for bits := range 33 {
		addr := netip.MustParseAddr("192.0.2.170")
		tenants = append(tenants, withNetworks(customer(t, fmt.Sprint("v4-", bits)), netip.PrefixFrom(addr, bits).Masked().String()))
	}
	for bits := 0; bits <= 128; bits += 4 {
		addr := netip.MustParseAddr("2001:db8:aaaa:5555::1")
		tenants = append(tenants, withNetworks(customer(t, fmt.Sprint("v6-", bits)), netip.PrefixFrom(addr, bits).Masked().String()))
	}
	s := table(t, tenants...).Snapshot()
	for _, base := range []string{"192.0.2.170", "2001:db8:aaaa:5555::1"} {
		octets := netip.MustParseAddr(base).AsSlice()
		for bit := range len(octets) * 8 {
			other := slices.Clone(octets)
			other[bit/8] ^= 0x80 >> (bit % 8)
			addr, _ := netip.AddrFromSlice(other)
			var want *tenant.Tenant
			for _, one := range tenants {
				if n := one.Submitters.Networks[0]; n.Contains(addr) && (want == nil || n.Bits() > want.Submitters.Networks[0].Bits()) {
					want = one
				}
			}
			if got := s.BoundTo(message.Submitter{Client: addr}); got != want {
				t.Errorf("%s is bound to %v, want %v", addr, got, want)
			}
		}
	}
}

func TestTakesBounces(t *testing.T) {
	s := table(t, withReturnPath(t, customer(t, "a", "x.example"), "bounce.x.example"), customer(t, "b", "y.example")).Snapshot()
	for name, want := range map[string]bool{
		"bounces.courseware.nl": true, "BOUNCES.courseware.nl": true, "bounce.x.example": true,
		"x.example": false, "a.bounce.x.example": false, "courseware.nl": false, "a.bounces.courseware.nl": false,
	} {
		if got := s.TakesBounces(domain(t, name)); got != want {
			t.Errorf("%s takes bounces: %v", name, got)
		}
	}
	if s.TakesBounces(message.Domain{}) {
		t.Error("no domain takes bounces")
	}
}

func standing(t testing.TB, name string, state tenant.State) tenant.Standing {
	return tenant.Standing{Domain: domain(t, name), SPF: tenant.Mechanism{State: state}, DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: tenant.Mechanism{State: state}}}}
}

func TestStandings(t *testing.T) {
	made := table(t, customer(t, "a", "x.example"))
	before := made.Snapshot()
	set := func(all ...tenant.Standing) {
		t.Helper()
		if err := made.SetStandings(all...); err != nil {
			t.Fatal(err)
		}
	}
	state := func(s *tenant.Snapshot, name string) tenant.State { return s.Standing(domain(t, name)).SPF.State }

	set(standing(t, "x.example", tenant.Active), standing(t, "y.example", tenant.Pending))
	between := made.Snapshot()
	set(standing(t, "x.example", tenant.Warning))
	after := made.Snapshot()

	for _, row := range []struct {
		name string
		s    *tenant.Snapshot
		x, y tenant.State
	}{
		{"before", before, tenant.Unknown, tenant.Unknown},
		{"between", between, tenant.Active, tenant.Pending},
		{"after", after, tenant.Warning, tenant.Pending},
	} {
		if x, y := state(row.s, "x.example"), state(row.s, "y.example"); x != row.x || y != row.y {
			t.Errorf("%s: %q and %q, want %q and %q", row.name, x, y, row.x, row.y)
		}
	}
	if got := after.Standing(domain(t, "a.x.example")); got.Domain != domain(t, "a.x.example") || got.SPF.State != tenant.Unknown {
		t.Errorf("the standing of a subdomain is its parent's: %v", got)
	}

	all, err := made.Standings()
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	next := table(t)
	if err := next.SetStandings(all...); err != nil {
		t.Fatal(err)
	}
	if got := state(next.Snapshot(), "x.example"); got != tenant.Warning {
		t.Errorf("carried over as %q", got)
	}
	if len(made.Tenants()) != 1 || made.Tenants()[0].ID != "a" || len(next.Tenants()) != 0 {
		t.Error("Tenants is not what the table was made of")
	}
}

// TestEachStandingAfter: a visit begins behind a name, whether or not it is known, and ends when it
// is to.
func TestEachStandingAfter(t *testing.T) {
	made := table(t)
	for _, name := range []string{"c.example", "a.example", "a.example.org", "b.example", "aa.example"} {
		if err := made.SetStandings(tenant.Standing{Domain: domain(t, name)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		after string
		most  int
		want  string
	}{
		{"", 9, "a.example a.example.org aa.example b.example c.example"},
		{"a.example", 9, "a.example.org aa.example b.example c.example"},
		{"a.example.o", 9, "a.example.org aa.example b.example c.example"},
		{"a.example", 1, "a.example.org"},
		{"aaa", 2, "b.example c.example"},
		{"c.example", 9, ""},
		{"d\xff\x00", 9, ""},
	} {
		var got []string
		err := made.Snapshot().EachStandingAfter(test.after, func(s *tenant.Standing) bool {
			got = append(got, s.Domain.String())
			return len(got) < test.most
		})
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("after %q: %q, %v; want %q", test.after, got, err, test.want)
		}
	}
}

// TestStandingsOf: what patterns name is visited, each once, and of a wildcard what mail came from.
func TestStandingsOf(t *testing.T) {
	made := table(t)
	for i, name := range []string{"a.example", "x.a.example", "y.x.a.example", "xa.example", "quiet.a.example", "b.example"} {
		one := tenant.Standing{Domain: domain(t, name)}
		if i > 0 && name != "quiet.a.example" {
			one.Seen = time.Now()
		}
		if err := made.SetStandings(one); err != nil {
			t.Fatal(err)
		}
	}
	for patterns, want := range map[string]string{
		"":                                    "",
		"b.example a.example b.example":       "a.example b.example",
		"unknown.example":                     "",
		"*.a.example":                         "x.a.example y.x.a.example",
		"*.x.a.example *.a.example a.example": "a.example x.a.example y.x.a.example",
		"*.a.example x.a.example quiet.a.example": "quiet.a.example x.a.example y.x.a.example",
	} {
		var got []string
		all, err := made.Snapshot().StandingsOf(customer(t, "a", strings.Fields(patterns)...).Domains)
		for _, s := range all {
			got = append(got, s.Domain.String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v; want %q", patterns, got, err, want)
		}
	}
}

func TestMechanismHolds(t *testing.T) {
	for state, want := range map[tenant.State]bool{tenant.Unknown: false, tenant.Pending: false, tenant.Active: true, tenant.Warning: true} {
		if got := (tenant.Mechanism{State: state}).Holds(); got != want {
			t.Errorf("%q holds: %v", state, got)
		}
	}
}

// TestDiscovered gives each tenant the names below its wildcards that mail came from, and no other's.
func TestDiscovered(t *testing.T) {
	wide := customer(t, "wide", "named.wide.example", "*.wide.example", "*.deep.wide.example", "*.far.example")
	other := customer(t, "other", "wide.example", "*.other.wide.example", "*.wide.example.org")
	none := customer(t, "none", "none.example")
	made, err := tenant.NewTable(platform(t), []*tenant.Tenant{wide, other, none})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"z.wide.example", "a.wide.example", "x.deep.wide.example", "deep.wide.example", "far.example", "b.far.example",
		"named.wide.example", "wide.example", "a.other.wide.example", "other.wide.example", "xwide.example", "a.none.example", "a.wide.example.org"} {
		one := standing(t, name, tenant.Active)
		one.Seen = time.Now()
		if err := made.SetStandings(one, standing(t, "unseen."+name, tenant.Active)); err != nil {
			t.Fatal(err)
		}
	}
	before := made.Snapshot()
	if err := made.Forget(domain(t, "z.wide.example")); err != nil {
		t.Fatal(err)
	}
	seen := standing(t, "a.wide.example", tenant.Active) // the configuration names it now
	if err := made.SetStandings(seen); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at   *tenant.Snapshot
		of   *tenant.Tenant
		want string
	}{
		{before, wide, "[a.wide.example b.far.example deep.wide.example other.wide.example x.deep.wide.example z.wide.example]"},
		{made.Snapshot(), wide, "[b.far.example deep.wide.example other.wide.example x.deep.wide.example]"},
		{before, other, "[a.other.wide.example a.wide.example.org]"},
		{before, none, "[]"},
	} {
		if got, err := test.at.Discovered(test.of); err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, %v, want %s", test.of.ID, got, err, test.want)
		}
	}
}

// TestConcurrentStandings lets snapshots be taken while standings change. All that is
// set at once must be seen at once, and a snapshot must not change.
func TestConcurrentStandings(t *testing.T) {
	made := table(t, customer(t, "a", "x.example"))
	x, y := domain(t, "x.example"), domain(t, "y.example")
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range 500 {
				now := tenant.Mechanism{Since: time.Unix(int64(i), 0)}
				if err := made.SetStandings(tenant.Standing{Domain: x, SPF: now}, tenant.Standing{Domain: y, SPF: now}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { group.Wait(); close(done) }()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				s := made.Snapshot()
				first := s.Standing(x).SPF.Since
				if owner, _ := s.Owner(x); owner == nil || s.Platform() == nil {
					t.Error("the tenant is gone")
				}
				if !s.Standing(y).SPF.Since.Equal(first) || !s.Standing(x).SPF.Since.Equal(first) {
					t.Error("a snapshot sees two instants")
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	readers.Wait()
}

func BenchmarkNewTable(b *testing.B) {
	tenants := many(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tenant.NewTable(platform(b), tenants); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSwap is what a reload does once the configuration is read: a new table,
// with the standings of the old one.
func BenchmarkSwap(b *testing.B) {
	tenants := many(b, 10_000)
	old := table(b, tenants...)
	for _, one := range tenants {
		if err := old.SetStandings(standing(b, one.Domains[0].Domain.String(), tenant.Active)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		next := table(b, tenants...)
		all, err := old.Standings()
		if err == nil {
			err = next.SetStandings(all...)
		}
		if err != nil || len(all) != len(tenants) {
			b.Fatal(len(all), err)
		}
	}
}

func many(b *testing.B, n int) []*tenant.Tenant {
	var tenants []*tenant.Tenant
	for i := range n {
		one := customer(b, fmt.Sprint("org-", i), fmt.Sprintf("org-%d.nl", i), fmt.Sprintf("*.org-%d.nl", i))
		withNetworks(withLogins(one, fmt.Sprint("lms-", i)), fmt.Sprintf("10.%d.%d.0/24", i/250, i%250))
		tenants = append(tenants, withReturnPath(b, one, fmt.Sprintf("bounce.org-%d.nl", i)))
	}
	return tenants
}

package tenant_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

// The names that tenants of these tests may have: few, so that they pass from one to another.
var (
	shareDomains  = []string{"a.example", "*.a.example", "b.a.example", "*.b.a.example", "c.example", "*.c.example"}
	shareLogins   = []string{"lms-1", "LMS-2@courseware.nl", "lms-3"}
	shareNetworks = []string{"192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32"}
	sharePaths    = []string{"bounce.a.example", "bounce.c.example", "bounce.example.net"}
	shareHops     = []string{"[mx.a.example]:25", "[mx.a.example]:26", "[192.0.2.25]:25"} // with different TLS
)

// hands says who has each name, by number; who is not below the number of tenants does not exist.
type hands struct {
	of      map[string]int
	tenants int
}

// change gives one or two names to others, and at times adds or removes tenants.
func (h *hands) change(random *rand.Rand) {
	names := slices.Concat(shareDomains, shareLogins, shareNetworks, sharePaths, shareHops)
	for _, name := range names {
		if _, dealt := h.of[name]; !dealt || random.IntN(len(names)) == 0 {
			h.of[name] = random.IntN(6)
		}
	}
	if h.tenants == 0 || random.IntN(8) == 0 {
		h.tenants = 1 + random.IntN(5)
	}
}

// deal makes the tenants. Those that are as before are the same, as a load has them; it returns how
// many.
func (h *hands) deal(t *testing.T, before []*tenant.Tenant) (all []*tenant.Tenant, shared int) {
	all = make([]*tenant.Tenant, h.tenants)
	for i := range all {
		all[i] = customer(t, fmt.Sprint("t", i))
	}
	to := func(name string) *tenant.Tenant {
		if i := h.of[name]; i < len(all) {
			return all[i]
		}
		return customer(t, "nobody")
	}
	for _, s := range shareDomains {
		if p, err := tenant.ParsePattern(s); err == nil {
			one := to(s)
			one.Domains = append(one.Domains, p)
		}
	}
	for _, s := range shareLogins {
		one := to(s)
		withLogins(one, append(one.Submitters.Logins, s)...)
	}
	for _, s := range shareNetworks {
		withNetworks(to(s), s)
	}
	for _, s := range sharePaths {
		to(s).ReturnPath = domain(t, s)
	}
	for i, s := range shareHops {
		hop, err := tenant.ParseNextHop(s)
		if err != nil {
			t.Fatal(err)
		}
		to(s).Direct = tenant.Direct{NextHop: hop, TLS: []tenant.TLS{tenant.TLSMay, tenant.TLSEncrypt, tenant.TLSVerify}[i]}
	}
	for i := range all {
		for _, was := range before {
			if was.Equal(all[i]) {
				all[i] = was
				shared++
			}
		}
	}
	return all, shared
}

// takesBounces stands among answers for a yes.
var takesBounces = new(tenant.Tenant)

// answers is all that a table says of the names.
func answers(t *testing.T, table *tenant.Table) (all []*tenant.Tenant) {
	s := table.Snapshot()
	for _, name := range []string{"a.example", "b.a.example", "x.a.example", "x.b.a.example", "c.example", "x.c.example"} {
		owner, _ := s.Owner(domain(t, name))
		all = append(all, owner)
	}
	for _, login := range []string{"lms-1", "lms-2", "lms-2@courseware.nl", "lms-3", "lms-3@courseware.nl"} {
		all = append(all, s.BoundTo(message.Submitter{Login: login}))
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.200", "2001:db8::1", "198.51.100.1"} {
		all = append(all, s.BoundTo(message.Submitter{Client: netip.MustParseAddr(addr)}))
	}
	for _, text := range shareHops {
		hop, _ := tenant.ParseNextHop(text)
		all = append(append(all, s.AtNextHop(hop)...), nil)
	}
	for _, name := range sharePaths {
		if s.TakesBounces(domain(t, name)) {
			all = append(all, takesBounces)
		} else {
			all = append(all, nil)
		}
	}
	all = append(append(all, table.Tenants()...), table.Direct()...)
	for i := range 6 {
		all = append(all, s.Tenant(fmt.Sprint("t", i)))
	}
	return all
}

// TestTableAfterIsTheSame: a table that shares what has not changed with the one before answers as
// one that was made from nothing, and the one before answers as it did.
func TestTableAfterIsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var before *tenant.Table
	var tenants []*tenant.Tenant
	names := hands{of: make(map[string]int)}
	dealt, shared := 0, 0
	realm := ""
	for range 500 {
		p := platform(t)
		if random.IntN(20) == 0 {
			realm = []string{"", "courseware.nl"}[random.IntN(2)]
		}
		p.Trust.Realm = realm
		names.change(random)
		var same int
		tenants, same = names.deal(t, tenants)
		dealt, shared = dealt+len(tenants), shared+same
		if random.IntN(4) == 0 { // files were renamed
			random.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
		}
		whole, err := tenant.NewTable(p, tenants)
		if err != nil {
			t.Fatal(err)
		}
		var was []*tenant.Tenant
		if before != nil {
			was = answers(t, before)
		}
		after, err := tenant.NewTableAfter(before, p, tenants, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(answers(t, after), answers(t, whole)) {
			t.Fatal("the answers differ from those of a table that was made from nothing")
		}
		if before != nil && !slices.Equal(answers(t, before), was) {
			t.Fatal("the table before has changed")
		}
		if all, err := after.Standings(); err != nil || len(all) > 0 {
			t.Fatalf("standings came along: %v, %v", all, err)
		}
		if err := after.SetStandings(tenant.Standing{Domain: domain(t, "a.example")}); err != nil {
			t.Fatal(err)
		}
		before = after
	}
	if shared < dealt/2 {
		t.Errorf("only %d of %d tenants were shared", shared, dealt)
	}
}

// TestTableAfterFindsDuplicates: what an unchanged tenant claims cannot be claimed again.
func TestTableAfterFindsDuplicates(t *testing.T) {
	one := customer(t, "one", "a.example")
	before := table(t, one)
	_, err := tenant.NewTableAfter(before, platform(t), []*tenant.Tenant{one, customer(t, "two", "a.example")}, func() {})
	if want := "domain a.example belongs to tenant one and to tenant two"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if owner, _ := before.Snapshot().Owner(domain(t, "a.example")); owner != one {
		t.Errorf("the table before has changed: %v", owner)
	}
}

// BenchmarkNewTableAfter is BenchmarkNewTable where nothing has changed.
func BenchmarkNewTableAfter(b *testing.B) {
	tenants := many(b, 10_000)
	before := table(b, tenants...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tenant.NewTableAfter(before, platform(b), tenants, func() {}); err != nil {
			b.Fatal(err)
		}
	}
}

package watch

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// TestDirectProof holds that it is told when DNS begins and ceases to prove that mail for a
// domain may be delivered directly: once each, be it by a look or by a reload.
func TestDirectProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domain = "customer0.example"
		ring := new(keys.Ring)
		one := signing(t, ofTown(t, "t0", domain), ring, domain, "cw1")
		hop, err := tenant.ParseNextHop("[mx.customer0.example]:25")
		if err != nil {
			t.Fatal(err)
		}
		one.Direct = tenant.Direct{Domains: []message.Domain{dom(t, domain)}, NextHop: hop}
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, one), ring)).run()
		told := func(when, text string, times int) {
			t.Helper()
			if got := w.log.with("mechanism=direct " + text); len(got) != times {
				t.Errorf("%s: told %d times, want %d: %q", when, len(got), times, got)
			}
		}
		after(time.Minute)
		told("key published", "before=unproven after=proven", 1)
		n.set(domain, authorize.Missing)
		after(67 * time.Minute)
		told("key gone", "before=proven after=unproven", 1)
		if line := w.log.with("after=unproven"); len(line) == 0 || !strings.Contains(line[0], "level=WARN") || !strings.Contains(line[0], "by MX") {
			t.Errorf("%q", line)
		}
		after(4 * time.Hour)
		told("key gone for long", "", 2)
		n.set(domain, authorize.There)
		after(67 * time.Minute)
		told("key back", "before=unproven after=proven", 2)

		other := *one
		other.Identities = nil
		if err := w.Adopt(n.generation(tableOf(t, &other), ring)); err != nil {
			t.Fatal(err)
		}
		told("key taken out by a reload", "before=proven after=unproven", 2)
		if status, _ := w.Status(); len(status.Events) == 0 || status.Events[0].Mechanism != Direct || status.Events[0].After != "unproven" {
			t.Errorf("%+v", status.Events)
		}
		later := *one
		later.Direct.Domains = nil
		for _, next := range []*tenant.Tenant{&later, one} {
			if err := w.Adopt(n.generation(tableOf(t, next), ring)); err != nil {
				t.Fatal(err)
			}
			after(time.Minute)
			if next == &later {
				told("not direct", "", 4)
			}
		}
		told("direct by a reload, and proven already", "before=unproven after=proven", 3)
		w.stop()
	})
}

// TestDirectProofAbove holds that it is also told of domains that a name above them proves, be that
// name no tenant's, the tenant's by a wildcard alone, or another tenant's.
func TestDirectProofAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const apex, site = "group.example", "site.group.example"
		hop, err := tenant.ParseNextHop("[mx.site.group.example]:25")
		if err != nil {
			t.Fatal(err)
		}
		for name, others := range map[string][]string{"no tenant's": nil, "another's": {apex}} {
			ring := new(keys.Ring)
			one := signing(t, ofTown(t, "sites", "*."+apex), ring, apex, "cw1")
			one.Direct = tenant.Direct{Domains: []message.Domain{dom(t, site)}, NextHop: hop}
			tenants := []*tenant.Tenant{one}
			if others != nil {
				tenants = append(tenants, ofTown(t, "group", others...))
			}
			n := newTown()
			w := watchIn(t, n, n.generation(tableOf(t, tenants...), ring)).run()
			after(time.Minute)
			if got := w.log.with("domain=" + site + " tenant=sites mechanism=direct before=unproven after=proven"); len(got) != 1 {
				t.Errorf("%s, key published: %q", name, got)
			}
			n.set(apex, authorize.Missing)
			after(67 * time.Minute)
			if got := w.log.with("domain=" + site + " tenant=sites mechanism=direct before=proven after=unproven"); len(got) != 1 {
				t.Errorf("%s, key gone: %q", name, got)
			}
			w.stop()
		}
	})
}

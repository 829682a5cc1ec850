package watch

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

// TestLookNow: who asks has a tenant looked up at once, and so often that nobody else waits for it.
func TestLookNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.set(crowdDomain(1), authorize.Missing)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 3)...), nil)).run()
		after(25 * time.Hour) // that one is looked up hourly now
		n.forget()
		n.set(crowdDomain(1), authorize.There)
		begun, _, wait := w.LookNow("t1")
		if wait != 0 || len(begun) != 1 || begun[0].String() != crowdDomain(1) {
			t.Errorf("%v, %s", begun, wait)
		}
		after(time.Second)
		if state := w.spf(crowdDomain(1)); state != tenant.Active || len(n.at(crowdDomain(1))) != 1 {
			t.Errorf("it is %q after %d lookups", state, len(n.at(crowdDomain(1))))
		}
		for range 10 {
			if begun, _, wait := w.LookNow("t1"); begun != nil || wait <= 0 || wait > onDemandEvery {
				t.Errorf("too soon: %v, %s", begun, wait)
			}
		}
		if begun, _, wait := w.LookNow("t2"); wait != 0 || len(begun) != 1 {
			t.Errorf("of another: %v, %s", begun, wait)
		}
		if begun, _, wait := w.LookNow("stranger"); wait != 0 || len(begun) != 0 {
			t.Errorf("of nobody: %v, %s", begun, wait)
		}
		after(onDemandEvery)
		if begun, _, wait := w.LookNow("t1"); wait != 0 || len(begun) != 1 || len(w.asked) != 1 {
			t.Errorf("after a while: %v, %s, and %d are remembered", begun, wait, len(w.asked))
		}
		w.stop()
	})
}

// TestLookNowIsBounded: a tenant with very many names has a hundred looked up, its own first.
func TestLookNowIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "many", "many.example", "*.many.example")), nil)).run()
		for i := range 150 {
			w.Seen(dom(t, fmt.Sprintf("a%d.many.example", i)))
		}
		after(time.Minute)
		begun, _, _ := w.LookNow("many")
		if len(begun) != maxOnDemand || begun[0].String() != "many.example" {
			t.Errorf("%d, the first %v", len(begun), begun[0])
		}
		w.stop()
	})
}

// TestLookNowDuringLookup: a lookup that began before somebody asked counts for nothing, and is
// made once more, also when there is a reload meanwhile.
func TestLookNowDuringLookup(t *testing.T) {
	for _, reload := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const takes = 20 * time.Second
			n := newTown()
			n.set(crowdDomain(0), authorize.Missing)
			n.slow[crowdDomain(0)] = takes
			generation := func() *generation {
				g := n.generation(tableOf(t, crowd(t, 2)...), nil)
				g.look = func(ctx context.Context, s authorize.Target) authorize.Report {
					n.mu.Lock() // what was there as it began
					v, found := n.verdict[s.Domain.String()]
					n.mu.Unlock()
					r := n.look(ctx, s)
					if found && ctx.Err() == nil {
						r = reportOf(s, v)
					}
					return r
				}
				return g
			}
			w := watchIn(t, n, generation()).run()
			after(takes / 2)
			n.set(crowdDomain(0), authorize.There)
			begun, at, wait := w.LookNow("t0")
			if len(begun) != 1 || !at.Equal(time.Now()) || wait != 0 {
				t.Fatalf("%v, %s, %s", begun, at, wait)
			}
			ends := takes/2 + takes
			if reload {
				after(time.Second)
				g := generation()
				g.resolver = g // so that the lookup under way does not count
				if err := w.Adopt(g); err != nil {
					t.Fatal(err)
				}
				ends = takes
			}
			after(ends - time.Second)
			if s := w.standing(crowdDomain(0)); s.DMARC.Checked.After(at) {
				t.Errorf("reload %v: a lookup that began before counts: %+v", reload, s)
			}
			after(2 * time.Second)
			if s := w.standing(crowdDomain(0)); s.SPF.State != tenant.Active || len(n.at(crowdDomain(0))) != 2 {
				t.Errorf("reload %v: after %d lookups, %+v", reload, len(n.at(crowdDomain(0))), s)
			}
			w.stop()
		})
	}
}

// TestLookNowOnAndOn: whoever asks more often than a lookup lasts, and does not stop, has every
// second one count.
func TestLookNowOnAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.slow[crowdDomain(0)] = 2 * onDemandEvery
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		counted := make(map[time.Time]bool)
		for range 40 {
			after(onDemandEvery)
			if _, _, wait := w.LookNow("t0"); wait != 0 {
				t.Fatalf("wait %s", wait)
			}
			counted[w.standing(crowdDomain(0)).DMARC.Checked] = true
		}
		if looks := len(n.at(crowdDomain(0))); looks < 19 || len(counted)-1 < looks/2-1 {
			t.Errorf("of %d lookups, %d count", looks, len(counted)-1)
		}
		after(4 * onDemandEvery)
		before := len(n.at(crowdDomain(0)))
		after(30 * time.Minute)
		if more := len(n.at(crowdDomain(0))) - before; more > 1 {
			t.Errorf("%d more when nobody asks", more)
		}
		w.stop()
	})
}

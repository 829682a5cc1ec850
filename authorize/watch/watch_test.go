package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// TestLoss takes everyone's records away at one time. It is first noticed by the hourly
// look, looked at again after 1, 5 and 15 minutes, and believed an hour later, whatever jitter does.
func TestLoss(t *testing.T) {
	t.Parallel()
	const domains = 300
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.setAll(authorize.Missing)
		gone := time.Now()
		warned, lost := make(map[string]time.Time), make(map[string]time.Time)
		for range 4 * 6 {
			after(10 * time.Minute)
			for i := range domains {
				d := crowdDomain(i)
				switch s := w.standing(d).SPF; {
				case s.State == tenant.Warning && warned[d].IsZero():
					warned[d] = s.Since
				case s.State == tenant.Pending && lost[d].IsZero():
					lost[d] = s.Since
				}
			}
		}
		w.stop()
		for i := range domains {
			d := crowdDomain(i)
			if wait := warned[d].Sub(gone); wait < 0 || wait > 67*time.Minute {
				t.Errorf("%s: warned after %s", d, wait)
			}
			if grace := lost[d].Sub(warned[d]); grace < time.Hour || grace > 70*time.Minute {
				t.Errorf("%s: lost %s after the warning", d, grace)
			}
			looks := slices.DeleteFunc(n.at(d), func(at time.Time) bool { return at.Before(warned[d]) || at.After(lost[d]) })
			if len(looks) != 4 {
				t.Errorf("%s: %d looks between warning and loss", d, len(looks))
				continue
			}
			for i, want := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
				if at := looks[i].Sub(warned[d]); at < want || at > want*5/4 {
					t.Errorf("%s: looked at again after %s, want %s", d, at, want)
				}
			}
		}
		if lines := w.log.with("before=active after=warning"); len(lines) < domains || !strings.Contains(lines[0], "level=WARN") ||
			!strings.Contains(lines[0], "mechanism=spf") || !strings.Contains(lines[0], `evidence="it is missing"`) {
			t.Errorf("%d warnings were logged, the first %q", len(lines), lines)
		}
		if lines := w.log.with("before=warning after=pending"); len(lines) < domains {
			t.Errorf("%d losses were logged", len(lines))
		}
	})
}

// TestReturnAndFailure moves one domain through the states while mail goes on.
func TestReturnAndFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domain = "customer0.example"
		n := newTown()
		n.set(domain, authorize.Missing)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		after(time.Minute)
		old := w.table.Load().Snapshot()
		expect := func(when string, want tenant.State) {
			t.Helper()
			if got := w.spf(domain); got != want {
				t.Fatalf("%s: %q, want %q", when, got, want)
			}
		}
		expect("at first", tenant.Pending)
		n.set(domain, authorize.There)
		after(6 * time.Minute)
		expect("published", tenant.Active)
		if state := old.Standing(dom(t, domain)).SPF.State; state != tenant.Pending {
			t.Errorf("a message under way sees %q", state)
		}
		n.set(domain, authorize.Missing)
		after(67 * time.Minute)
		expect("gone", tenant.Warning)
		n.set(domain, authorize.There)
		after(67 * time.Minute)
		expect("back", tenant.Active)
		n.set(domain, authorize.Broken)
		after(67 * time.Minute)
		expect("broken", tenant.Pending)
		w.stop()
	})
}

// TestPatience looks less often at who has not published anything for a day.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.set("customer0.example", authorize.Missing)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		after(24 * time.Hour)
		first := len(n.at("customer0.example"))
		after(24 * time.Hour)
		second := len(n.at("customer0.example")) - first
		w.stop()
		if first < 24*12*9/10 || first > 24*12*11/10 || second < 21 || second > 27 {
			t.Errorf("%d looks on the first day and %d on the second", first, second)
		}
	})
}

// TestPanic looks at a domain that a library chokes on.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := new(keys.Ring)
		n := newTown()
		table := tableOf(t, append(crowd(t, 20), signing(t, ofTown(t, "bad", "bad.example"), ring, "bad.example", "cw1"))...)
		gen := n.generation(table, ring)
		gen.look = func(ctx context.Context, s authorize.Target) authorize.Report {
			if r := n.look(ctx, s); s.Tenant != "bad" {
				return r
			}
			panic("index out of range")
		}
		w := watchIn(t, n, gen).run()
		after(24 * time.Hour)
		w.stop()
		if s := w.standing("bad.example"); s.SPF.State != tenant.Unknown || s.SPF.Error == "" || s.DKIM[0].Error == "" {
			t.Errorf("%+v", s)
		}
		if lines := w.log.with("domain=bad.example panic="); len(lines) == 0 || len(n.at(crowdDomain(0))) < 20 {
			t.Errorf("logged: %q", lines)
		}
	})
}

// TestEvents keeps the last few.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 300)...), nil)).run()
		after(time.Minute)
		n.set(crowdDomain(7), authorize.Broken)
		after(67 * time.Minute)
		w.stop()
		if len(w.changes.last) != maxEvents {
			t.Errorf("%d events", len(w.changes.last))
		}
		last := w.changes.last[len(w.changes.last)-1]
		want := authorize.Change{Domain: dom(t, crowdDomain(7)), Tenant: "t7", Mechanism: "spf", Before: "active", After: "pending", Evidence: "it is broken", At: last.At}
		if last != want || last.At.IsZero() {
			t.Errorf("the last event is %+v", last)
		}
	})
}

// TestStop ends looks that wait for silent servers, and draws nothing from them.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		n.usual = authorize.Missing
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 100)...), nil))
		s.serves(t, w)
		w.run()
		after(10 * time.Minute)
		n.mu.Lock()
		n.takes = time.Minute
		n.mu.Unlock()
		after(time.Second) // looks that had begun have seen nothing
		n.setAll(authorize.There)
		after(40 * time.Second)
		n.mu.Lock()
		under, events := n.under, len(w.changes.newestFirst())
		n.mu.Unlock()
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("the end took %s", took)
		}
		if under == 0 || n.under != 0 || len(w.changes.last) != events || events != maxEvents {
			t.Errorf("of %d looks under way %d go on; %d events were %d", under, n.under, len(w.changes.last), events)
		}
		for i := range 100 {
			if state := s.knows(dom(t, crowdDomain(i))); state != tenant.Pending {
				t.Errorf("domain %d is %q", i, state)
			}
		}
	})
}

// TestStatusWaitsForNothing holds the lock that a reload of many domains holds for long.
func TestStatusWaitsForNothing(t *testing.T) {
	n := newTown()
	w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 3)...), nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, err := w.Status(); err != nil || s.Domains != 5 || s.Due != 5 {
		t.Errorf("%+v, %v", s, err)
	}
	if at := w.Next(dom(t, crowdDomain(0))); at.IsZero() || at.After(time.Now()) {
		t.Errorf("a new domain is looked up at %s", at)
	}
}

// TestNoDNSHost watches nothing where no tenant's DNS decides.
func TestNoDNSHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := ofTown(t, "one", "one.example", "*.one.example")
		one.Authorization = tenant.Authorized
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, one), nil)).run()
		w.Seen(dom(t, "one.example"))
		w.Seen(dom(t, "a.one.example"))
		after(24 * time.Hour)
		w.stop()
		if n.count() > 0 {
			t.Errorf("%d looks", n.count())
		}
	})
}

// TestAllAtOnce is for the race detector: mail, reloads, and whoever asks for the
// status, in the time of the real clock.
func TestAllAtOnce(t *testing.T) {
	n := newTown()
	n.takes = 0
	tenants := append(crowd(t, 50), ofTown(t, "wild", "*.wild.example"))
	gen := func() *generation {
		g := n.generation(tableOf(t, tenants...), nil)
		g.rules = authorize.Rules{PendingEvery: time.Millisecond, ActiveEvery: time.Millisecond}
		return g
	}
	w := watchIn(t, n, gen())
	new(saver).serves(t, w)
	w.run()
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := range 200 {
				w.Seen(dom(t, fmt.Sprintf("n%d.wild.example", i)))
				w.Seen(dom(t, crowdDomain(i)))
				w.spf(crowdDomain(i % 50))
				if i%50 == k {
					if err := w.Adopt(gen()); err != nil {
						t.Error(err)
					}
				}
				if _, err := w.Status(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.stop()
}

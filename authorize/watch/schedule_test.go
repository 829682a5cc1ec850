package watch

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
)

// scheduleOf makes a schedule of n domains, each a tenant's own and due at its part of the next hour.
func scheduleOf(t testing.TB, n int) (*schedule, []*entry) {
	s := newSchedule()
	all := make([]*entry, n)
	entries := make(map[message.Domain]*entry, n)
	for i := range all {
		d := dom(t, crowdDomain(i))
		all[i] = &entry{target: authorize.Target{Domain: d, Tenant: fmt.Sprint(i)}, due: spread(time.Hour, d.String())}
		entries[d] = all[i]
	}
	s.replace(entries, 0)
	s.places = n
	return s, all
}

// drain begins all lookups that are due.
func (s *schedule) drain() (order []*entry) {
	for e, _ := s.next(); e != nil; e, _ = s.next() {
		order = append(order, e)
	}
	return order
}

// TestOrder has some of 1000 domains in a hurry, before and after a scan.
func TestOrder(t *testing.T) {
	for _, scanned := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, all := scheduleOf(t, 1000)
			time.Sleep(time.Hour)
			if scanned {
				s.scan(s.now())
			}
			for _, i := range []int{500, 20, 999} {
				s.hurry(all[i].target.Domain)
				time.Sleep(time.Second)
			}
			s.remove(all[7].target.Domain)
			if s.watched(all[7].target.Domain) != nil || s.waiting(all[7].target.Domain) || s.waits(all[7], s.now()) {
				t.Error("a domain that was taken out is still watched")
			}
			order := s.drain()
			for _, e := range order {
				if !e.looking || s.waiting(e.target.Domain) {
					t.Fatal("a domain that is being looked up is believed to wait")
				}
			}
			if len(order) != 999 || order[0] != all[500] || order[1] != all[20] || order[2] != all[999] {
				t.Error("those in a hurry were not first, in the order in which they came")
			}
			if !slices.IsSortedFunc(order, func(a, b *entry) int { return int(a.due - b.due) }) {
				t.Error("the others were not in the order in which they are due")
			}
		})
	}
}

// TestShare has one tenant with more domains due than it has places, all before those of others.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := scheduleOf(t, 100)
		s.places, s.share = 20, 5
		for i, e := range all[:50] {
			e.target.Tenant, e.due = "big", time.Duration(i)
		}
		time.Sleep(time.Hour)
		order := s.drain()
		if len(order) != 20 || !slices.Equal(order[:5], all[:5]) || s.busy["big"] != 5 {
			t.Fatalf("%d lookups began, %d of them the big tenant's", len(order), s.busy["big"])
		}
		for i := range 45 { // a place that it gives back is the next one's in its order, whoever else is due
			e := all[i]
			s.end(e)
			s.put(e, true, time.Hour, false)
			if next := s.drain(); len(next) != 1 || next[0] != all[i+5] {
				t.Fatalf("after domain %d: %v", i, next)
			}
		}
		s.end(all[45])
		if next := s.drain(); len(next) != 1 || next[0].target.Tenant == "big" {
			t.Errorf("nothing more of it is due, and the place went to %v", next)
		}
	})
}

// TestIdle: where nothing is due, domains are scanned when the first will be, at least once a minute,
// and one that is put back in between is begun when it is due.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := scheduleOf(t, 3)
		all[0].due, all[1].due, all[2].due = 20*time.Second, 50*time.Second, 3*time.Hour
		wait := func(want time.Duration) {
			t.Helper()
			if e, wait := s.next(); e != nil || wait != want {
				t.Errorf("after %s: %v, wait %s, want %s", s.now(), e, wait, want)
			}
			time.Sleep(want)
		}
		begins := func(want *entry) {
			t.Helper()
			if order := s.drain(); len(order) != 1 || order[0] != want {
				t.Fatalf("after %s: %v", s.now(), order)
			}
		}
		wait(20 * time.Second)
		begins(all[0])
		wait(time.Second)
		wait(29 * time.Second)
		begins(all[1])
		wait(time.Second)
		s.end(all[0])
		s.put(all[0], true, 30*time.Second, false)
		wait(all[0].due - s.now())
		begins(all[0])
		wait(time.Second)
		wait(time.Minute)
		wait(time.Minute)
	})
}

// TestNext says when a domain is looked up next.
func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := scheduleOf(t, 10)
		e := all[3]
		at := func() time.Time { return s.nextLookup(e.target.Domain) }
		if want := time.Now().Add(e.due); !at().Equal(want) {
			t.Errorf("at first it is %s, want %s", at(), want)
		}
		time.Sleep(time.Hour)
		if !at().Equal(time.Now()) {
			t.Errorf("of one that is due it is %s", at())
		}
		s.drain()
		time.Sleep(time.Second)
		if !at().Equal(time.Now()) {
			t.Errorf("of one that is being looked up it is %s", at())
		}
		s.end(e)
		s.put(e, true, time.Hour, false)
		if wait := time.Until(at()); wait < 54*time.Minute || wait > 66*time.Minute {
			t.Errorf("the next one is in %s", wait)
		}
		s.hurry(e.target.Domain)
		if !at().Equal(time.Now()) {
			t.Errorf("of one in a hurry it is %s", at())
		}
		if at := s.nextLookup(dom(t, "unknown.example")); !at.IsZero() {
			t.Errorf("of one that is not watched it is %s", at)
		}
	})
}

// TestScanAllocatesNothing once it knows how much there is.
func TestScanAllocatesNothing(t *testing.T) {
	s, _ := scheduleOf(t, 10_000)
	s.scan(time.Hour)
	if n := testing.AllocsPerRun(10, func() { s.scan(time.Hour) }); n > 0 || len(s.ready) != 10_000 {
		t.Errorf("%v allocations for %d domains", n, len(s.ready))
	}
}

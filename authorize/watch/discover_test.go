package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// TestSeen has mail come from domains that nothing is known of.
func TestSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.limit = rate.NewLimiter(1, 1) // the first round takes long
		others := crowd(t, 1000)
		told := ofTown(t, "told", "*.told.example")
		told.Authorization = tenant.Authorized
		gen := n.generation(tableOf(t, append(others, ofTown(t, "wild", "*.wild.example"), told)...), nil)
		w := watchIn(t, n, gen).run()
		after(10 * time.Second)
		w.Seen(dom(t, "once.wild.example"))
		for range 5000 { // a flood
			w.Seen(dom(t, "new.wild.example"))
			w.Seen(dom(t, "customer999.example"))
		}
		w.Seen(dom(t, "new.told.example"))
		w.Seen(dom(t, "nobody.example"))
		w.Seen(dom(t, "wild.example"))
		after(80 * time.Second) // those that wait for their turn already are before them
		for _, d := range []string{"new.wild.example", "once.wild.example", "customer999.example"} {
			if looks := len(n.at(d)); looks != 1 {
				t.Errorf("%d looks at %s", looks, d)
			}
		}
		if s := w.standing("new.wild.example"); s.SPF.State != tenant.Active || s.Seen.IsZero() {
			t.Errorf("%+v", s)
		}
		if w.entry("new.wild.example").urgent {
			t.Error("it is still urgent after the look")
		}
		if s := w.standing("customer999.example"); !s.Seen.IsZero() {
			t.Errorf("a domain with a name of its own: %+v", s)
		}
		after(time.Hour)
		for _, d := range []string{"new.told.example", "nobody.example"} {
			if len(n.at(d)) > 0 || !w.standing(d).DMARC.Checked.IsZero() {
				t.Errorf("%s is looked at", d)
			}
		}
		w.stop()
	})
}

// TestSeenWaitsForNothing holds the lock that a reload of many domains holds for long.
func TestSeenWaitsForNothing(t *testing.T) {
	n := newTown()
	w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 2 * maxSeen { // and nobody takes note
		w.Seen(dom(t, crowdDomain(0)))
	}
	New(w.Log).Seen(dom(t, crowdDomain(0))) // nothing was adopted yet
}

// TestManyBelow bounds what one tenant's mail can make us watch.
func TestManyBelow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		name := func(i int) message.Domain { return dom(t, fmt.Sprintf("n%d.wild.example", i)) }
		n := newTown()
		gen := n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example"), ofTown(t, "other", "*.other.example")), nil)
		gen.rules.ActiveEvery = 4 * 24 * time.Hour // so that the test is quick
		w := watchIn(t, n, gen).run()
		flood := func(from, to int) {
			for i := from; i < to; i++ {
				w.Seen(name(i))
				if i%500 == 0 {
					after(time.Second)
				}
			}
			after(time.Minute)
		}
		watched := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.schedule.entries) - len(w.named())
		}
		flood(0, 3000)
		if watched() != maxBelow || len(w.log.with("too many domains below a wildcard")) != 1 {
			t.Errorf("%d are watched, and the log says %q", watched(), w.log.with("too many"))
		}
		if err := w.Adopt(gen); err != nil { // which counts from zero
			t.Fatal(err)
		}
		flood(3000, 3100)
		if watched() != maxBelow || len(w.log.with("too many domains below a wildcard")) != 2 {
			t.Errorf("after a reload %d are watched, and the log says %q", watched(), w.log.with("too many"))
		}
		w.Seen(dom(t, "a.other.example")) // another tenant's has room
		after(time.Minute)
		if watched() != maxBelow+1 {
			t.Errorf("%d are watched", watched())
		}
		after(29 * 24 * time.Hour)
		flood(0, 10) // these go on to have mail
		after(6 * 24 * time.Hour)
		if watched() != 10 {
			t.Errorf("after a month without mail %d are watched", watched())
		}
		if all, err := gen.table.Standings(); err != nil || len(all) != 10+len(w.named()) {
			t.Errorf("%d standings are kept", len(all))
		}
		flood(3000, 6000) // what was forgotten has left room
		if watched() != maxBelow {
			t.Errorf("%d are watched", watched())
		}
		w.stop()
	})
}

// TestForgetOne leaves domains alone whose names begin with that of one forgotten.
func TestForgetOne(t *testing.T) {
	table := tableOf(t)
	for _, d := range []string{"example.co", "example.com", "example.co.uk"} {
		if err := table.SetStandings(tenant.Standing{Domain: dom(t, d), Seen: noon}); err != nil {
			t.Fatal(err)
		}
	}
	before := table.Snapshot()
	if err := table.Forget(dom(t, "example.co"), dom(t, "example.c")); err != nil {
		t.Fatal(err)
	}
	for d, kept := range map[string]bool{"example.co": false, "example.com": true, "example.co.uk": true} {
		if known := !table.Snapshot().Standing(dom(t, d)).Seen.IsZero(); known != kept {
			t.Errorf("%s is known: %v", d, known)
		}
		if before.Standing(dom(t, d)).Seen.IsZero() {
			t.Errorf("a message under way does not know %s any more", d)
		}
	}
}

// named gives the domains that the configuration names.
func (w *watch) named() []authorize.Target {
	named, _ := targets(w.source, nil)
	return named
}

// TestNamedAtLast gives a domain that was found by its mail a place in the
// configuration: it is not forgotten any more.
func TestNamedAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil)).run()
		w.Seen(dom(t, "a.wild.example"))
		after(time.Minute)
		if err := w.Adopt(n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example", "a.wild.example")), nil)); err != nil {
			t.Fatal(err)
		}
		if s := w.standing("a.wild.example"); s.SPF.State != tenant.Active || !s.Seen.IsZero() {
			t.Errorf("%+v", s)
		}
		after(60 * 24 * time.Hour)
		n.forget()
		after(2 * time.Hour)
		if len(n.at("a.wild.example")) == 0 {
			t.Error("a domain with a name of its own was forgotten")
		}
		w.stop()
	})
}

// fullWild is a watch of one tenant that has as many names below its wildcard as may be:
// n0 to n999, seen in this order.
func fullWild(t *testing.T, n *town) *watch {
	w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil)).run()
	for i := range maxBelow {
		w.Seen(nameBelow(t, i))
		after(time.Millisecond)
	}
	after(2 * time.Minute)
	return w
}

func nameBelow(t *testing.T, i int) message.Domain { return dom(t, fmt.Sprintf("n%d.wild.example", i)) }

// watches tells whether a domain is watched, and that queues and counts agree with it.
func (w *watch) watches(d message.Domain) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := 0
	for d := range w.schedule.entries {
		if w.schedule.waiting(d) {
			waiting++
		}
	}
	if all := waiting + w.schedule.looking; all != len(w.schedule.entries) {
		w.t.Errorf("%d domains wait or are looked at, and %d watched", all, len(w.schedule.entries))
	}
	found := w.schedule.watched(d) != nil
	if _, counted := w.below.names["wild"][d]; counted != found {
		w.t.Errorf("that %s is counted is %v", d, counted)
	}
	return found
}

// TestMakeRoom has names made up, and then a real one.
func TestMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = authorize.Missing
		n.set("n0.wild.example", authorize.There)
		n.set("real.wild.example", authorize.There)
		w := fullWild(t, n)
		if err := w.Adopt(w.source); err != nil {
			t.Fatal(err)
		}
		real := dom(t, "real.wild.example")
		w.Seen(real)
		after(time.Minute)
		if !w.watches(real) || w.spf("real.wild.example") != tenant.Active {
			t.Error("names that were made up shut out a real one")
		}
		if w.watches(nameBelow(t, 1)) || !w.standing("n1.wild.example").Seen.IsZero() {
			t.Error("the one without mail for longest was not forgotten")
		}
		for i := maxBelow; i < 2*maxBelow; i++ { // which does not end
			w.Seen(nameBelow(t, i))
			if i%100 == 0 {
				after(time.Minute)
			}
		}
		after(time.Minute)
		if !w.watches(real) || !w.watches(nameBelow(t, 0)) || !w.watches(nameBelow(t, 2*maxBelow-1)) || len(w.below.names["wild"]) != maxBelow {
			t.Errorf("of %d names the real ones are watched: %v, %v", len(w.below.names["wild"]), w.watches(real), w.watches(nameBelow(t, 0)))
		}
		if lines := w.log.with("too many domains"); len(lines) > 0 {
			t.Errorf("there was room, and the log says %q", lines)
		}
		w.stop()
	})
}

// TestNoRoom has nothing but names that have authorized us.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := fullWild(t, n)
		for i := range 5 {
			w.Seen(nameBelow(t, maxBelow+i))
		}
		after(time.Minute)
		if w.watches(nameBelow(t, maxBelow)) || !w.watches(nameBelow(t, 0)) {
			t.Error("a name that has authorized us was forgotten for one that has not")
		}
		if lines := w.log.with("too many domains"); len(lines) != 1 {
			t.Errorf("the log says %q", lines)
		}
		w.stop()
	})
}

// TestRoomOfTheTried forgets neither who waits for the first look nor who is being looked
// at, which may be the probe of an outage.
func TestRoomOfTheTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil))
		for i := range 3 {
			w.notice(nameBelow(t, i))
			after(time.Second)
		}
		tried := func(i int) {
			s := w.standing(nameBelow(t, i).String())
			s.SPF.State, s.SPF.LookupError, s.DMARC.LookupError = tenant.Unknown, tenant.LookupError{Error: "silence", At: time.Now()}, tenant.LookupError{Error: "silence", At: time.Now()}
			w.set(w.entry(nameBelow(t, i).String()), s)
		}
		for range 2 {
			if w.makeRoom("wild") {
				t.Fatal("one was forgotten that waits for its first look")
			}
			if err := w.Adopt(w.source); err != nil {
				t.Fatal(err)
			}
		}
		tried(0)
		w.schedule.begin(w.entry("n0.wild.example"))
		if w.makeRoom("wild") {
			t.Error("one was forgotten that is being looked at")
		}
		tried(2)
		if !w.makeRoom("wild") || w.schedule.watched(nameBelow(t, 2)) != nil || len(w.below.names["wild"]) != 2 {
			t.Errorf("a silent one was not forgotten: %v", w.below.names["wild"])
		}
		if w.makeRoom("other") {
			t.Error("there is room in nothing")
		}
	})
}

// TestMadeUpNames costs one look an hour each.
func TestMadeUpNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = authorize.Missing
		w := fullWild(t, n)
		n.forget()
		after(6 * time.Hour)
		w.stop()
		if looks := n.count(); looks > 7*(maxBelow+3)+6*12*3 {
			t.Errorf("%d looks in 6 hours", looks)
		}
	})
}

// TestSeenInTheFuture has a clock that was set back since a name was seen.
func TestSeenInTheFuture(t *testing.T) {
	t.Parallel()
	for _, mail := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newTown()
			const name = "a.wild.example"
			future := time.Now().Add(10 * 365 * 24 * time.Hour)
			m := tenant.Mechanism{State: tenant.Active, Of: ourIPs, Since: future, Checked: future}
			known := tenant.Standing{Domain: dom(t, name), SPF: m, DMARC: tenant.DMARC{Policy: dmarc.None, Checked: future}, Seen: future}
			w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil), known).run()
			if mail {
				w.Seen(dom(t, name))
				after(time.Second)
			} else {
				after(67 * time.Minute)
			}
			if seen := w.standing(name).Seen; seen.After(time.Now()) {
				t.Errorf("it is said to be seen at %s", seen)
			}
			after(31 * 24 * time.Hour)
			if w.watches(dom(t, name)) {
				t.Error("it is never forgotten")
			}
			w.stop()
		})
	}
}

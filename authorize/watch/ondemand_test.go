package watch

import (
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
		begun, wait := w.LookNow("t1")
		if wait != 0 || len(begun) != 1 || begun[0].String() != crowdDomain(1) {
			t.Errorf("%v, %s", begun, wait)
		}
		after(time.Second)
		if state := w.spf(crowdDomain(1)); state != tenant.Active || len(n.at(crowdDomain(1))) != 1 {
			t.Errorf("it is %q after %d lookups", state, len(n.at(crowdDomain(1))))
		}
		for range 10 {
			if begun, wait := w.LookNow("t1"); begun != nil || wait <= 0 || wait > onDemandEvery {
				t.Errorf("too soon: %v, %s", begun, wait)
			}
		}
		if begun, wait := w.LookNow("t2"); wait != 0 || len(begun) != 1 {
			t.Errorf("of another: %v, %s", begun, wait)
		}
		if begun, wait := w.LookNow("stranger"); wait != 0 || len(begun) != 0 {
			t.Errorf("of nobody: %v, %s", begun, wait)
		}
		after(onDemandEvery)
		if begun, wait := w.LookNow("t1"); wait != 0 || len(begun) != 1 || len(w.asked) != 1 {
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
		begun, _ := w.LookNow("many")
		if len(begun) != maxOnDemand || begun[0].String() != "many.example" {
			t.Errorf("%d, the first %v", len(begun), begun[0])
		}
		w.stop()
	})
}

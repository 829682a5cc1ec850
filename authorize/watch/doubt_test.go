package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

// TestDenialMovesNobody has the resolver say for half a day that nothing exists, with a restart and
// a tenant that is new.
func TestDenialMovesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const domains = 100
		n := newTown()
		s := new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil))
		s.serves(t, w)
		w.run()
		after(2 * time.Hour)
		n.deny(true)
		after(2 * time.Hour) // a look at each falls into that
		status, err := w.Status()
		if err != nil || status.Denied.IsZero() || status.PausedUntil.IsZero() || status.Silent == 0 || status.SilentSince.IsZero() {
			t.Errorf("the status is %+v (%v)", status, err)
		}
		n.forget()
		after(time.Hour)
		if probes := len(n.at("courseware.nl")); n.count() > (1+maxCompared)*probes || probes < 115 || probes > 121 {
			t.Errorf("in an hour, %d probes and %d looks in all", probes, n.count())
		}
		w.stop()
		for _, text := range []string{"msg=authorization", "no answer from DNS"} {
			if lines := slices.DeleteFunc(w.log.with(text), func(l string) bool { return strings.Contains(l, "before=unknown") }); len(lines) > 0 {
				t.Errorf("of a resolver that denies everything the log says %q", lines)
			}
		}
		if lines := w.log.with("DNS denies records"); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "remedy=") {
			t.Errorf("the log says: %q", lines)
		}

		w = watchIn(t, n, n.generation(tableOf(t, crowd(t, domains+1)...), nil), s.standings()...).run()
		after(9 * time.Hour)
		for i := range domains {
			if s := w.standing(crowdDomain(i)); s.SPF.State != tenant.Active || s.DMARC.Policy != "none" {
				t.Errorf("domain %d moved: %+v", i, s)
			}
		}
		if s := w.standing(crowdDomain(domains)); s.LookedUp() {
			t.Errorf("of a new domain it was believed that it has nothing: %+v", s)
		}
		n.deny(false)
		after(32 * time.Second)
		if state := w.spf(crowdDomain(domains)); w.stopped() || state != tenant.Active {
			t.Errorf("DNS is back, and the new domain is %q", state)
		}
		after(66 * time.Minute)
		w.stop()
		if status, _ := w.Status(); !status.Denied.IsZero() || status.Silent > 0 {
			t.Errorf("after it the status is %+v", status)
		}
		if lines := w.log.with("DNS answers again"); len(lines) != 1 {
			t.Errorf("the log says: %q", lines)
		}
		if lines := w.log.with("after=warning"); len(lines) > 0 {
			t.Errorf("it was held against someone: %q", lines)
		}
	})
}

// TestVanishedForReal has a row for each way in which records vanish that are gone indeed, because
// DNS still shows others.
func TestVanishedForReal(t *testing.T) {
	for _, test := range []struct {
		name string
		gone []string
	}{
		{"one tenant's", []string{crowdDomain(0)}},
		{"many tenants'", []string{crowdDomain(0), crowdDomain(1), crowdDomain(2)}},
		{"the platform's", []string{"courseware.nl"}},
		{"the platform's and one tenant's", []string{"courseware.nl", crowdDomain(0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newTown()
				w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 4)...), nil)).run()
				after(2 * time.Hour)
				n.vanish(test.gone...)
				after(4 * time.Hour)
				for _, d := range append(test.gone, crowdDomain(3)) {
					want := tenant.Pending
					if d == crowdDomain(3) {
						want = tenant.Active
					}
					if state := w.spf(d); state != want {
						t.Errorf("%s is %q, want %q", d, state, want)
					}
				}
				w.stop()
				if lines := w.log.with("DNS "); len(lines) > 0 {
					t.Errorf("the resolver is blamed: %q", lines)
				}
			})
		})
	}
}

// TestNothingToCompare is a platform that has published nothing itself: its tenants move as DNS
// says.
func TestNothingToCompare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.vanish("courseware.nl")
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 2)...), nil)).run()
		after(2 * time.Hour)
		n.deny(true)
		begun := time.Now()
		after(4 * time.Hour)
		if state := w.spf(crowdDomain(0)); state != tenant.Pending {
			t.Errorf("it is %q", state)
		}
		if w.outage.showed.After(begun) {
			t.Error("DNS counts as if it had shown a record")
		}
		w.stop()
	})
}

// TestNewDomainsCostNothing: thousands of names below a wildcard that have no record, while DNS works,
// do not have the platform looked up for each.
func TestNewDomainsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, append(crowd(t, 1), ofTown(t, "wild", "*.wild.example"))...), nil)).run()
		after(time.Second)
		n.forget()
		for i := range 200 {
			name := fmt.Sprintf("a%d.wild.example", i)
			n.vanish(name)
			w.Seen(dom(t, name))
		}
		after(5 * time.Second)
		if extra := len(n.at("courseware.nl")); extra > 0 || n.count() < 200 {
			t.Errorf("%d lookups of the platform, %d in all", extra, n.count())
		}
		w.stop()
	})
}

// TestPlatformDeadAfterDenial: the platform's name servers need not answer for the round to go on.
func TestPlatformDeadAfterDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 40)...), nil)).run()
		after(2 * time.Hour)
		n.deny(true)
		after(2 * time.Hour)
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		n.set("courseware.nl", authorize.Unanswered)
		n.deny(false)
		n.forget()
		after(2 * time.Hour)
		for i := range 40 {
			if d := crowdDomain(i); len(n.at(d)) == 0 || w.spf(d) != tenant.Active {
				t.Errorf("domain %d was looked at %d times, and is %q", i, len(n.at(d)), w.spf(d))
			}
		}
		w.stop()
	})
}

// TestReloadInDenial probes at once: the servers may have been exchanged.
func TestReloadInDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 4)...), nil)).run()
		after(2 * time.Hour)
		n.deny(true)
		after(time.Hour + 10*time.Minute)
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		if err := w.Adopt(newTown().generation(tableOf(t, crowd(t, 5)...), nil)); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		if state := w.spf(crowdDomain(4)); w.stopped() || state != tenant.Active {
			t.Errorf("the new servers answer, and the new domain is %q", state)
		}
		w.stop()
	})
}

package watch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// generationOf has a platform of a domain, which may sign with a key.
func (n *town) generationOf(t testing.TB, domain, selector string, tenants ...*tenant.Tenant) *generation {
	t.Helper()
	ring, platform := new(keys.Ring), platformOf(t)
	platform.Domain, platform.FromDomain = dom(t, domain), dom(t, domain)
	if selector != "" {
		platform.Identities = signing(t, ofTown(t, "platform"), ring, domain, selector).Identities
	}
	table, err := tenant.NewTable(platform, tenants)
	if err != nil {
		t.Fatal(err)
	}
	return n.generation(table, ring)
}

// byKeyAlone is a generation whose platform has published keys, and neither SPF nor DMARC.
func (n *town) byKeyAlone(t testing.TB, selector string, tenants ...*tenant.Tenant) *generation {
	g := n.generationOf(t, "courseware.nl", selector, tenants...)
	g.look = func(ctx context.Context, s authorize.Target) authorize.Report {
		r := n.look(ctx, s)
		if s.Domain.String() == "courseware.nl" && r.Answered {
			r.SPF.Verdict, r.DMARC.Policy = authorize.Missing, dmarc.Absent
		}
		return r
	}
	return g
}

// TestReloadLeavesNoPlatformToCompare: a reload during a denial after which nothing is known of the
// platform moves nobody, and the round goes on when DNS is back.
func TestReloadLeavesNoPlatformToCompare(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after func(*town, ...*tenant.Tenant) *generation
	}{
		{"its key is exchanged",
			func(n *town, all ...*tenant.Tenant) *generation { return n.byKeyAlone(t, "cw1", all...) },
			func(n *town, all ...*tenant.Tenant) *generation { return n.byKeyAlone(t, "cw2", all...) }},
		{"it has another domain",
			func(n *town, all ...*tenant.Tenant) *generation {
				return n.generationOf(t, "courseware.nl", "", all...)
			},
			func(n *town, all ...*tenant.Tenant) *generation {
				return n.generationOf(t, "other.example", "", all...)
			}},
	} {
		for _, domains := range []int{1, 2, 40} {
			t.Run(fmt.Sprintf("%s, %d tenants", test.name, domains), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newTown()
					w := watchIn(t, n, test.before(n, crowd(t, domains)...)).run()
					after(2 * time.Hour)
					n.deny(true)
					after(2 * time.Hour)
					if err := w.Adopt(test.after(n, crowd(t, domains+1)...)); err != nil {
						t.Fatal(err)
					}
					after(5 * time.Second)
					n.forget()
					after(3 * time.Hour)
					if probes := n.count(); probes < 330 || probes > 361*(2+maxCompared) || !w.stopped() {
						t.Errorf("%d lookups in 3 hours, and the round has stopped: %v", probes, w.stopped())
					}
					w.areActive(domains)
					if s := w.standing(crowdDomain(domains)); s.LookedUp() {
						t.Errorf("of a new domain it is believed that it has nothing: %+v", s)
					}
					n.deny(false)
					after(32 * time.Second)
					if w.stopped() {
						t.Error("DNS is back, and the round does not go on")
					}
					after(5 * time.Minute)
					w.areActive(domains + 1)
					w.stop()
					if lines := w.log.with("after=warning"); len(lines) > 0 {
						t.Errorf("it was held against someone: %q", lines)
					}
				})
			})
		}
	}
}

// areActive says which of the first of a crowd are not.
func (w *watch) areActive(domains int) {
	w.t.Helper()
	for i := range domains {
		s := w.standing(crowdDomain(i))
		if s.SPF.State != tenant.Active || s.DMARC.Policy != dmarc.None {
			w.t.Errorf("domain %d: %+v", i, s)
		}
		if text := s.SPF.Error; strings.Count(text, s.Domain.String()) > 1 {
			w.t.Errorf("domain %d is compared with itself: %s", i, text)
		}
	}
}

// TestPlatformWithoutRecords: where the platform has none, other tenants' are compared, also over a
// restart with another platform. What is gone for real moves.
func TestPlatformWithoutRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 6
		n := newTown()
		n.vanish("courseware.nl", "bounces.courseware.nl")
		s := new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil))
		s.serves(t, w)
		w.run()
		after(2 * time.Hour)
		n.deny(true)
		after(3 * time.Hour)
		w.areActive(domains)
		if lines := w.log.with("DNS denies records"); len(lines) != 1 || strings.Contains(lines[0], "courseware.nl") {
			t.Errorf("the log says: %q", lines)
		}
		w.stop()
		w = watchIn(t, n, n.generationOf(t, "other.example", "", crowd(t, domains)...), s.standings()...).run()
		after(3 * time.Hour)
		w.areActive(domains)
		n.vanish(crowdDomain(0), crowdDomain(1), crowdDomain(2), "other.example")
		n.deny(false)
		after(3 * time.Hour)
		for i := range domains {
			want := tenant.Active
			if i < 3 {
				want = tenant.Pending
			}
			if state := w.spf(crowdDomain(i)); state != want {
				t.Errorf("domain %d is %q, want %q", i, state, want)
			}
		}
		w.stop()
		if lines := w.log.with("DNS answers again"); len(lines) != 1 {
			t.Errorf("the log says: %q", lines)
		}
	})
}

// TestWitnessesVanished: those that are probed first, where the platform had no records, have
// vanished for real; another ends the denial.
func TestWitnessesVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 8
		n := newTown()
		n.vanish("courseware.nl", "bounces.courseware.nl")
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.deny(true)
		after(2 * time.Hour)
		snapshot := w.table.Load().Snapshot()
		first := othersWith(snapshot, "")
		owner, _ := snapshot.Owner(first[0])
		for _, d := range append(othersWith(snapshot, owner.ID), first...) {
			n.vanish(d.String()) // so that these show nothing, nor do those that they are compared with
		}
		n.deny(false)
		after(2 * time.Hour)
		if w.stopped() {
			t.Error("the round does not go on")
		}
		w.stop()
	})
}

// TestNewInDenial: of a domain that is new, too, it is not believed that it has nothing, though DNS
// had a record of another a moment ago.
func TestNewInDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.deny(true)
		table := tableOf(t, append(crowd(t, 4), ofTown(t, "new", "new.example"))...)
		w := watchIn(t, n, n.generation(table, nil), longAgo(t, 4, time.Now())...)
		for _, d := range []string{"new.example", crowdDomain(0), "new.example"} {
			w.outage.showed = time.Now()
			seen := w.observe(t.Context(), w.source, w.entry(d).target)
			w.outage.note(w.entry(d), seen)
			if want := d == "new.example" && w.outage.denied.IsZero(); (seen.sign == blank) != want || seen.Answered != want {
				t.Errorf("of %s the sign is %d, answered %v", d, seen.sign, seen.Answered)
			}
		}
	})
}

// TestNothingToLose: a denial is over when a reload leaves no domain that had records.
func TestNothingToLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 3)...), nil)).run()
		after(2 * time.Hour)
		n.deny(true)
		after(2 * time.Hour)
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		platform := platformOf(t)
		platform.Domain, platform.FromDomain, platform.Bounce = dom(t, "a.example"), dom(t, "a.example"), dom(t, "b.example")
		table, err := tenant.NewTable(platform, []*tenant.Tenant{ofTown(t, "new", "new.example")})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Adopt(n.generation(table, nil)); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		status, err := w.Status()
		if err != nil || !status.Denied.IsZero() || !status.PausedUntil.IsZero() || w.spf("new.example") != tenant.Pending {
			t.Errorf("the new domain is %q, the status %+v (%v)", w.spf("new.example"), status, err)
		}
		w.stop()
	})
}

// TestDenialIsDescribed: log and standing say which other domains DNS denies, and about which it
// does not answer.
func TestDenialIsDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 2)...), nil)).run()
		after(2 * time.Hour)
		n.set("courseware.nl", authorize.Unanswered)
		n.vanish(crowdDomain(0), crowdDomain(1), "bounces.courseware.nl")
		after(65 * time.Minute)
		w.stop()
		lines := w.log.with("DNS denies records")
		if len(lines) != 1 || !strings.Contains(lines[0], "unanswered=courseware.nl") || !strings.Contains(lines[0], "denied_too=customer") {
			t.Errorf("the log says %q", lines)
		}
		if text := w.standing(crowdDomain(0)).SPF.Error; !strings.Contains(text, "nor has "+crowdDomain(1)+", which had some, and does not answer about courseware.nl") {
			t.Errorf("the standing says %q", text)
		}
	})
}

package watch

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/tenant"
)

// inEveryState watches a domain in each state, and a platform that is fine.
func inEveryState(t *testing.T, n *town) (*tenant.Table, []tenant.Standing, map[string]tenant.State) {
	states := map[string]tenant.State{"active.example": tenant.Active, "warning.example": tenant.Warning, "pending.example": tenant.Pending}
	var known []tenant.Standing
	var all []*tenant.Tenant
	for domain, state := range states {
		m := tenant.Mechanism{State: state, Of: ourIPs, Since: time.Now(), Checked: time.Now()}
		known = append(known, tenant.Standing{Domain: dom(t, domain), SPF: m, DMARC: tenant.DMARC{Policy: dmarc.Reject, Checked: time.Now()}})
		all = append(all, ofTown(t, strings.TrimSuffix(domain, ".example"), domain))
	}
	states["unknown.example"] = tenant.Unknown
	all = append(all, ofTown(t, "unknown", "unknown.example"))
	n.setAll(authorize.Unanswered)
	return tableOf(t, all...), known, states
}

// TestDayOfSilence is a day without DNS, with a restart at noon.
func TestDayOfSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		s := new(saver)
		table, known, states := inEveryState(t, n)
		for range 2 {
			w := watchIn(t, n, n.generation(table, nil), known...)
			s.serves(t, w)
			w.run()
			after(12 * time.Hour)
			for domain, want := range states {
				s := w.standing(domain)
				if s.SPF.State != want || s.SPF.Error == "" || want != tenant.Unknown && (s.DMARC.Policy != dmarc.Reject || time.Since(s.SPF.Since) < 12*time.Hour) {
					t.Errorf("%s after a silent half day: %+v", domain, s)
				}
			}
			w.stop()
			if lines := w.log.with("msg=authorization"); len(lines) > 0 {
				t.Errorf("silence was an event: %q", lines)
			}
			if lines := w.log.with("no answer from DNS"); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "remedy=") {
				t.Errorf("silence was reported as %q", lines)
			}
			table = tableOf(t, table.Tenants()...)
			known = s.standings()
		}
	})
}

// TestOutage stops the resolver for an hour.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const domains = 200
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil))
		var reported []Outage
		w.Outage = func(o Outage) { reported = append(reported, o) }
		w.run()
		after(2 * time.Hour)
		n.setAll(authorize.Unanswered)
		n.forget()
		after(10 * time.Minute) // ten looks fall into five minutes or so
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		before := n.count()
		after(time.Hour)
		if probes := n.count() - before; probes < 115 || probes > 121 {
			t.Errorf("%d probes in an hour, want one each 30 s", probes)
		}
		n.setAll(authorize.There)
		n.forget()
		after(31 * time.Second)
		if w.stopped() || len(n.at(crowdDomain(0))) > 3 {
			t.Error("DNS is back, and the round does not go on")
		}
		after(66 * time.Minute)
		for i := range domains {
			if len(n.at(crowdDomain(i))) == 0 {
				t.Errorf("domain %d was forgotten in the outage", i)
			}
		}
		w.stop()
		if len(reported) != 2 || reported[0].Ended || reported[0].Fix == "" || !reported[1].Ended || reported[0].Since.IsZero() || reported[0].Since != reported[1].Since {
			t.Errorf("it was reported as %+v", reported)
		}
		for _, text := range []string{"no answer from DNS", "DNS answers again"} {
			if lines := w.log.with(text); len(lines) != 1 {
				t.Errorf("the log says: %q", lines)
			}
		}
		if len(w.log.with("after=warning")) > 0 {
			t.Error("an outage was held against someone")
		}
	})
}

func (w *watch) stopped() bool {
	return !w.outage.state().pausedUntil.IsZero()
}

// TestOutageAtFirst finds no resolver at all, and little to ask about.
func TestOutageAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.setAll(authorize.Unanswered)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 3)...), nil)).run()
		after(12 * time.Minute)
		if lines := w.log.with("no answer from DNS"); len(lines) != 1 {
			t.Errorf("the log says: %q", lines)
		}
		n.setAll(authorize.There)
		after(31 * time.Second)
		for i := range 3 {
			if state := w.spf(crowdDomain(i)); state != tenant.Active {
				t.Errorf("domain %d is %q", i, state)
			}
		}
		w.stop()
	})
}

// TestReloadInOutage probes at once: the servers may have been exchanged.
func TestReloadInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.setAll(authorize.Unanswered)
		n.takes = 15 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 40)...), nil)).run()
		after(2 * time.Minute)
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		for probing := false; !probing; { // which counts no more
			after(time.Second)
			w.outage.mu.Lock()
			probing = w.outage.probe != nil
			w.outage.mu.Unlock()
		}
		other := newTown()
		if err := w.Adopt(other.generation(tableOf(t, crowd(t, 40)...), nil)); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		for i := range 40 {
			if w.spf(crowdDomain(i)) != tenant.Active {
				t.Errorf("domain %d is not active", i)
			}
		}
		after(time.Minute) // looks of the old servers end
		if w.stopped() {
			t.Error("the silence of the old servers stops the round")
		}
		w.stop()
	})
}

// TestReloadsInOutage reloads more often than a probe lasts: there is one probe at a time, and
// it tells.
func TestReloadsInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 40
		n := newTown()
		n.setAll(authorize.Unanswered)
		n.takes = 20 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		reload := func(times int) {
			for range times {
				after(7 * time.Second)
				if err := w.Adopt(n.generation(tableOf(t, crowd(t, domains)...), nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
		reload(10)
		if lines := w.log.with("no answer from DNS"); len(lines) != 1 || !w.stopped() {
			t.Fatalf("the log says %q", lines)
		}
		n.mu.Lock()
		n.most = n.under
		n.mu.Unlock()
		reload(50)
		if n.most > 1 {
			t.Errorf("%d probes at the same time", n.most)
		}
		n.setAll(authorize.There)
		reload(10)
		for i := range domains {
			if state := w.spf(crowdDomain(i)); state != tenant.Active {
				t.Errorf("domain %d is %q", i, state)
			}
		}
		w.stop()
	})
}

// TestOneDeadDomain is alone with the platform: ten looks at it in a row are not the
// resolver's fault.
func TestOneDeadDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.set(crowdDomain(0), authorize.Unanswered)
		n.slow[crowdDomain(0)] = 20 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		for range 100 {
			n.forget()
			after(66 * time.Minute)
			if len(n.at("courseware.nl")) == 0 {
				t.Error("one dead domain stops the looks at another")
			}
		}
		w.stop()
		if lines := w.log.with("DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
	})
}

// TestDeadAfterRestart finds only dead domains due at first. Those that answered before
// the restart tell that it is not the resolver.
func TestDeadAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const healthy = 5
		n := newTown()
		known := longAgo(t, healthy, time.Now().Add(5*time.Hour))
		w := watchIn(t, n, n.generation(tableOf(t, append(crowd(t, healthy), ofTown(t, "dead", "*.dead.example"))...), nil), known...)
		for i := range 40 {
			d := dom(t, fmt.Sprintf("n%d.dead.example", i))
			n.verdict[d.String()], n.slow[d.String()] = authorize.Unanswered, 20*time.Second
			w.Seen(d)
		}
		for _, d := range []string{"courseware.nl", "bounces.courseware.nl", "dead.example"} {
			n.slow[d] = time.Minute // so that none of these answers
		}
		w.run()
		after(50 * time.Second)
		w.stop()
		if lines := w.log.with("no answer from DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
	})
}

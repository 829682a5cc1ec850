package watch

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Generation is what a Watcher works by, from one reload to the next.
type Generation struct {
	Table *tenant.Table
	Keys  authorize.Keyring
	Look  Look
	// DNS is a pointer to whom Look asks. A lookup under way counts in the next generation as
	// well, if that asks the same one.
	DNS   any
	Rules authorize.Rules
	Kept  *authorize.Kept // that Look keeps observations in; nil: none
	// MaxPerSecond is how many questions all lookups together may ask; 0: any number. With few,
	// fewer lookups are under way at the same time, so that each gets its answers in time.
	MaxPerSecond int
}

// Look looks up one domain, and ends early when the context does: authorize.Observer.Look.
type Look func(context.Context, authorize.Target) authorize.Report

// carefully looks up what strangers publish: a panic over it must not end the program.
func (look Look) carefully(ctx context.Context, s authorize.Target, log *slog.Logger) (r authorize.Report) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Error("lookup failed, the standing stays as it is", "domain", s.Domain.String(), "panic", fault, "stack", string(debug.Stack()))
			none := authorize.Finding{Text: "no lookup was possible because of a fault in this program"}
			r = authorize.Report{Target: s, SPF: none, ReturnPath: none, Policy: none, Answered: true} // the resolver is not to blame
			r.Keys = slices.Repeat([]authorize.Finding{none}, len(s.Keys))
		}
	}()
	return look(ctx, s)
}

// asksLike reports whether lookups of both generations ask the same, for the same platform.
func (g Generation) asksLike(last Generation) bool {
	if last.Table == nil || g.DNS != last.DNS {
		return false
	}
	now, before := g.Table.Platform(), last.Table.Platform()
	return now.Bounce == before.Bounce && slices.Equal(now.SendingIPs, before.SendingIPs)
}

// targets returns all domains to watch: those that the configuration names, and those
// of the known ones that a wildcard still covers. Where no tenant's DNS decides, the
// platform's is not looked up either: the host may have no DNS at all, and an outage would
// concern nobody.
func (g Generation) targets(known []tenant.Standing) (named, below []authorize.Target) {
	for _, t := range g.Table.Tenants() {
		if t.Authorization == tenant.Auto {
			named = append(named, authorize.Targets(t, g.Keys)...)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	named = authorize.Merge(append(named, authorize.OfPlatform(g.Table.Platform(), g.Keys)...))
	is := make(map[message.Domain]bool, len(named))
	for _, s := range named {
		is[s.Domain] = true
	}
	snapshot := g.Table.Snapshot()
	for _, s := range known {
		if s.Seen.IsZero() || is[s.Domain] {
			continue
		}
		if owner, _ := snapshot.Owner(s.Domain); owner != nil && owner.Authorization == tenant.Auto {
			below = append(below, authorize.Below(owner, s.Domain))
		}
	}
	return named, below
}

// firstWait returns the time to the first lookup in a generation: none for what is new, else
// what is left of the interval or, if that has passed, some time of the next one. It is not trusted
// with a clock that was set: a lookup of tomorrow, or of last year, is spread as well.
func (g Generation) firstWait(c authorize.Carried, now time.Time) time.Duration {
	if c.New {
		return 0
	}
	interval := g.Rules.Interval(c.Standing, now)
	if left := c.Standing.DMARC.Checked.Add(interval).Sub(now); left > 0 && left < 2*interval {
		return left
	}
	return spread(interval, c.Standing.Domain.String())
}

package watch

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Source is one generation of configuration, as far as a Watcher works by it.
type Source interface {
	Table() *tenant.Table
	Ring() *keys.Ring
	// Look looks up one domain, and ends early when the context does, as authorize.Observer does.
	// Many goroutines call it.
	Look(context.Context, authorize.Target) authorize.Report
	// Resolver returns a pointer to whom Look asks. A lookup under way counts in the next generation
	// as well, if that asks the same one.
	Resolver() any
	Rules() authorize.Rules
	// Kept returns what Look keeps observations in; nil: none are kept.
	Kept() *authorize.Kept
	// MaxPerSecond returns how many questions all lookups together may ask; 0: any number. With few,
	// fewer lookups are under way at the same time, so that each gets its answers in time.
	MaxPerSecond() int
}

// look looks up what strangers publish: a panic over it must not end the program.
func look(ctx context.Context, source Source, target authorize.Target, log *slog.Logger) (r authorize.Report) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Error("lookup failed, the standing stays as it is", "domain", target.Domain.String(), "panic", fault, "stack", string(debug.Stack()))
			none := authorize.Finding{Text: "no lookup was possible because of a fault in this program"}
			r = authorize.Report{Target: target, SPF: none, ReturnPath: none, Policy: none, Answered: true} // the resolver is not to blame
			r.Keys = slices.Repeat([]authorize.Finding{none}, len(target.Keys))
		}
	}()
	return source.Look(ctx, target)
}

// asksLike reports whether lookups of both generations ask the same, for the same platform; the
// last one may be nil.
func asksLike(source, last Source) bool {
	if last == nil || source.Resolver() != last.Resolver() {
		return false
	}
	now, before := source.Table().Platform(), last.Table().Platform()
	return now.Bounce == before.Bounce && slices.Equal(now.SendingIPs, before.SendingIPs)
}

// targets returns all domains to watch: those that the configuration names, and those
// of the known ones that a wildcard still covers. Where no tenant's DNS decides, the
// platform's is not looked up either: the host may have no DNS at all, and an outage would
// concern nobody.
func targets(source Source, known []*tenant.Standing) (named, below []authorize.Target) {
	for _, t := range source.Table().Tenants() {
		if t.Authorization == tenant.Auto {
			named = append(named, authorize.Targets(t, source.Ring())...)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	named = authorize.Merge(append(named, authorize.OfPlatform(source.Table().Platform(), source.Ring())...))
	is := make(map[message.Domain]bool, len(named))
	for _, s := range named {
		is[s.Domain] = true
	}
	snapshot := source.Table().Snapshot()
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
func firstWait(rules authorize.Rules, c authorize.Carried, now time.Time) time.Duration {
	if c.New {
		return 0
	}
	interval := rules.Interval(c.Standing, now)
	if left := c.Standing.DMARC.Checked.Add(interval).Sub(now); left > 0 && left < 2*interval {
		return left
	}
	return spread(interval, c.Standing.Domain.String())
}

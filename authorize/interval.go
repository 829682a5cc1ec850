package authorize

import (
	"time"

	"onbehalf/tenant"
)

// patience is after how long a domain that has not published anything is looked up less
// often, and then how often. A name below a wildcard never gets more: whoever may send as
// the tenant can make up as many as there may be.
const (
	patience = 24 * time.Hour
	rarely   = time.Hour
)

// rechecks are how long after a mechanism was found missing it is looked up again, if not sooner:
// most of what goes away by mistake is back within minutes, and so is what is being published.
var rechecks = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// Interval returns the time from one lookup of a domain to the next.
func (r Rules) Interval(s tenant.Standing, now time.Time) time.Duration {
	wait := r.ActiveEvery
	var room [usualMechanisms]tenant.Mechanism
	for _, m := range mechanisms(room[:0], &s) {
		below := !s.Seen.IsZero()
		switch {
		case m.State == tenant.Unknown:
			wait = min(wait, r.PendingEvery)
		case m.State == tenant.Pending && !below && now.Sub(m.Since) < patience:
			wait = min(wait, r.PendingEvery, untilNext(m.Since, now, rechecks[:]...))
		case m.State == tenant.Pending:
			wait = min(wait, max(r.PendingEvery, rarely))
		case m.State == tenant.Warning:
			wait = min(wait, untilNext(m.Since, now, rechecks[:]...), untilNext(m.Since, now, r.DemoteAfter))
		}
	}
	if laxer := s.DMARC.LaxerSince; !laxer.IsZero() {
		wait = min(wait, untilNext(laxer, now, r.DemoteAfter))
	}
	return wait
}

// never is longer than any interval.
const never = time.Duration(1<<63 - 1)

// untilNext returns the time to the first of some instants, each so long after since, that is still
// to come; never, if none is. Jitter makes of it that time at least.
func untilNext(since, now time.Time, after ...time.Duration) time.Duration {
	for _, a := range after {
		if left := since.Add(a).Sub(now); left > 0 {
			return left + left/9 + 1
		}
	}
	return never
}

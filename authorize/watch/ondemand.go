package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"onbehalf/message"
)

// Bounds of lookups that somebody asks for.
const (
	onDemandEvery = 30 * time.Second // for one tenant
	maxOnDemand   = 100              // domains of one tenant at a time
)

// onDemand are the times at which lookups of a tenant were asked for, by id. None is older than
// onDemandEvery. The lock of the Watcher guards it.
type onDemand map[string]time.Time

// take notes that somebody asks for a tenant now. It returns 0, or how long to wait because
// somebody has asked just before.
func (o onDemand) take(id string, now time.Time) time.Duration {
	for one, at := range o {
		if now.Sub(at) >= onDemandEvery {
			delete(o, one)
		}
	}
	if at, found := o[id]; found {
		return onDemandEvery - now.Sub(at)
	}
	o[id] = now
	return 0
}

// LookNow puts the domains of a tenant at the head of the queue, those that it names and of those
// below its wildcards as many as there is room for, and returns them. At is now, by the clock of
// standings: a lookup that is under way is made once more, and what is later than at is of one
// that began later. Wait is 0, or how long to wait before the tenant may be asked for again; then
// there are no domains. Without domains and without a wait, none of it is watched.
func (w *Watcher) LookNow(id string) (begun []message.Domain, at time.Time, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at = time.Now() // under the lock, as the times of standings are
	if wait := w.asked.take(id, at); wait > 0 {
		return nil, at, wait
	}
	snapshot := w.source.Table().Snapshot()
	begun = w.schedule.of(id)
	slices.SortFunc(begun, func(a, b message.Domain) int { // those below a wildcard last
		below := func(d message.Domain) int {
			if snapshot.Standing(d).Seen.IsZero() {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(below(a), below(b)), strings.Compare(a.String(), b.String()))
	})
	begun = begun[:min(len(begun), maxOnDemand)]
	for _, d := range begun {
		w.schedule.ask(d)
	}
	w.nudge()
	return begun, at, 0
}

// of returns the domains that are watched for a tenant: its own, and those that have its keys or
// its return path.
func (s *schedule) of(id string) (all []message.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, e := range s.entries {
		if e.target.Concerns(id) {
			all = append(all, d)
		}
	}
	return all
}

package watch

import (
	"time"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

// Status is how the watch goes.
type Status struct {
	Domains     int                // watched
	NotLookedUp int                // of these: no lookup has had an answer yet
	Oldest      time.Time          // of the last answers, one for each domain
	Looking     int                // lookups under way
	Due         int                // domains whose next lookup should have begun
	DueSince    time.Time          // when the first of them was due, those in a hurry aside
	Silent      int                // lookups in a row without any answer
	SilentSince time.Time          // the first of them
	PausedUntil time.Time          // there were too many of them: then DNS is tried again
	Events      []authorize.Change // the last few, newest first
}

// Status returns how the watch goes. It holds up nobody, and waits for no reload.
func (w *Watcher) Status() (Status, error) {
	s := Status{Events: w.changes.newestFirst()}
	s.Domains, s.Looking, s.Due, s.DueSince = w.schedule.progress()
	s.Silent, s.SilentSince, s.PausedUntil = w.outage.status()
	table := w.table.Load()
	if table == nil {
		return s, nil
	}
	err := table.Snapshot().EachStanding(func(standing *tenant.Standing) {
		checked := standing.DMARC.Checked // that every lookup looks at
		switch {
		case !standing.LookedUp():
			s.NotLookedUp++
		case !checked.IsZero() && (s.Oldest.IsZero() || checked.Before(s.Oldest)):
			s.Oldest = checked
		}
	})
	return s, err
}

package watch

import (
	"time"

	"onbehalf/tenant"
)

// Status is how the watch goes.
type Status struct {
	Domains     int       `json:"domains"`                  // watched
	NotLookedUp int       `json:"not_looked_up"`            // of these: no look has had an answer yet
	Oldest      time.Time `json:"oldest,omitzero"`          // of the last answers, one for each domain
	Looking     int       `json:"looking"`                  // looks under way
	Due         int       `json:"due"`                      // domains whose next look should have begun
	DueSince    time.Time `json:"due_since,omitzero"`       // when the first of them was due, those in a hurry aside
	Silent      int       `json:"silent"`                   // looks in a row without any answer
	SilentSince time.Time `json:"silent_since,omitzero"`    // the first of them
	PausedUntil time.Time `json:"paused_until,omitzero"`    // too many without: then DNS is tried again
	Unsaved     string    `json:"unsaved,omitempty"`        // why standings cannot be saved; empty: they can
	Events      []Event   `json:"recent_changes,omitempty"` // the last few, newest first
}

// Status returns how the watch goes. It holds up nobody, and waits for no reload.
func (w *Watcher) Status() (Status, error) {
	s := Status{Unsaved: w.persistence.problem(), Events: w.changes.events()}
	s.Domains, s.Looking, s.Due, s.DueSince = w.schedule.progress()
	s.Silent, s.SilentSince, s.PausedUntil = w.outage.status()
	table := w.table.Load()
	if table == nil {
		return s, nil
	}
	err := table.Snapshot().EachStanding(func(standing *tenant.Standing) {
		checked := standing.DMARC.Checked // that every look looks at
		switch {
		case !standing.LookedUp():
			s.NotLookedUp++
		case !checked.IsZero() && (s.Oldest.IsZero() || checked.Before(s.Oldest)):
			s.Oldest = checked
		}
	})
	return s, err
}

package authorize

import (
	"time"

	"onbehalf/tenant"
)

// Status is what a Watcher tells about itself.
type Status struct {
	Domains     int       `json:"domains"`                  // watched
	NotLookedUp int       `json:"not_looked_up"`            // of these: no look has had an answer yet
	Oldest      time.Time `json:"oldest,omitzero"`          // of the last answers, one for each domain
	Looking     int       `json:"looking"`                  // looks under way
	Due         int       `json:"due"`                      // domains whose next look should have begun
	DueSince    time.Time `json:"due_since,omitzero"`       // when the first of them was due, those in a hurry aside
	Silent      int       `json:"silent"`                   // looks in a row without any answer
	SilentSince time.Time `json:"silent_since,omitzero"`    // the first of them
	PausedUntil time.Time `json:"paused_until,omitzero"`    // too much silence: then DNS is tried again
	Unsaved     string    `json:"unsaved,omitempty"`        // why standings cannot be saved; empty: they can
	Events      []Event   `json:"recent_changes,omitempty"` // the last few, newest first
}

// Event is a Change as it is told.
type Event struct {
	At        time.Time `json:"at"`
	Tenant    string    `json:"tenant,omitempty"` // id; empty: the platform
	Domain    string    `json:"domain"`
	Mechanism string    `json:"mechanism"`
	Before    string    `json:"before,omitempty"` // empty: unknown, as in a Change
	After     string    `json:"after,omitempty"`
	Evidence  string    `json:"evidence,omitempty"`
}

// Status tells how the watch goes. It holds up nobody for long: the standings are
// read without the lock.
func (w *Watcher) Status() (Status, error) {
	s, table := w.progress(time.Now())
	if table == nil {
		return s, nil
	}
	all, err := table.Standings()
	for _, standing := range all {
		checked := standing.DMARC.Checked // that every look looks at
		if !standing.LookedUp() {
			s.NotLookedUp++
		} else if checked.IsZero() {
			continue
		} else if s.Oldest.IsZero() || checked.Before(s.Oldest) {
			s.Oldest = checked
		}
	}
	return s, err
}

// progress is the part of a Status that needs the lock.
func (w *Watcher) progress(now time.Time) (Status, *tenant.Table) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Domains: len(w.items), Looking: w.doing, Silent: w.outage.silent, SilentSince: w.outage.since, Unsaved: w.unsaved}
	if w.outage.stopped() {
		s.PausedUntil = w.outage.until
	}
	count := func(it *item) {
		s.Due++
		if !it.urgent && (s.DueSince.IsZero() || it.due.Before(s.DueSince)) {
			s.DueSince = it.due
		}
	}
	w.queue.overdue(0, now, count)
	for _, held := range w.held {
		held.overdue(0, now, count)
	}
	for i := range w.events {
		s.Events = append(s.Events, w.events[len(w.events)-1-i].event())
	}
	return s, w.gen.Table
}

// overdue visits the items that are due. No item of a heap is due before the one above
// it, so the others are not even looked at.
func (q queue) overdue(i int, now time.Time, visit func(*item)) {
	if i < len(q) && !q[i].due.After(now) {
		visit(q[i])
		q.overdue(2*i+1, now, visit)
		q.overdue(2*i+2, now, visit)
	}
}

func (c Change) event() Event {
	return Event{c.At, c.Tenant, c.Domain.String(), c.Mechanism, c.Before, c.After, c.Evidence}
}

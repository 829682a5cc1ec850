package events

import "time"

// Bounds of what waits for one sink.
const (
	maxQueued   = 10_000
	maxOfTenant = 1000
)

// item is one event that waits for one sink.
type item struct {
	number uint64
	tenant string
	at     time.Time // of the event
	tries  int
}

// lane is what waits for one tenant, in order.
type lane struct {
	items []item
	next  time.Time // not before; zero: at once
	busy  bool      // its first is under way
}

// line is what waits for one sink.
type line struct {
	name   string
	sink   Sink // nil: it is not used now
	lanes  map[string]*lane
	queued int
	busy   int       // under way
	pause  time.Time // the receiver has asked to be left alone until then
	tally  Tally
	full   bool // what is dropped has been logged
	lost   bool // likewise what the store has lost

	problem string // what the last try said; empty: it was fine, or there was none
	since   time.Time
}

// fits reports whether there is room for one more event of a tenant.
func (l *line) fits(tenant string) bool {
	there := l.lanes[tenant]
	return l.queued < maxQueued && (there == nil || len(there.items) < maxOfTenant)
}

func (l *line) add(i item) {
	there := l.lanes[i.tenant]
	if there == nil {
		there = new(lane)
		l.lanes[i.tenant] = there
	}
	there.items = append(there.items, i)
	l.queued++
}

// begin takes the lane that has been due longest, and marks it as under way; nil: none is due, and
// wait is how long none will be.
func (l *line) begin(now time.Time) (due *lane, wait time.Duration) {
	wait = time.Hour
	if l.sink == nil || l.busy >= l.sink.Parallel() {
		return nil, wait
	}
	if left := l.pause.Sub(now); left > 0 {
		return nil, min(wait, left)
	}
	for _, one := range l.lanes {
		if one.busy {
			continue
		}
		if left := one.next.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if due == nil || isBefore(one, due) {
			due = one
		}
	}
	if due != nil {
		due.busy = true
		l.busy++
	}
	return due, wait
}

func isBefore(a, b *lane) bool {
	if c := a.next.Compare(b.next); c != 0 {
		return c < 0
	}
	return a.items[0].number < b.items[0].number
}

// end takes the first of a lane out, or has it wait.
func (l *line) end(one *lane, out bool, next time.Time) {
	l.busy--
	one.busy, one.next = false, next
	if !out {
		return
	}
	tenant := one.items[0].tenant
	one.items = one.items[1:]
	l.queued--
	if len(one.items) == 0 {
		delete(l.lanes, tenant)
	}
	if l.queued < maxQueued/2 {
		l.full = false
	}
}

// forget forgets how the receiver has answered: the next one has said nothing yet.
func (l *line) forget() {
	l.pause, l.problem, l.since = time.Time{}, "", time.Time{}
	for _, one := range l.lanes {
		one.next = time.Time{}
		for i := range one.items {
			one.items[i].tries = 0
		}
	}
}

// isFor reports whether events go to the receiver of a sink now.
func (l *line) isFor(s Sink) bool { return l.sink != nil && s != nil && l.sink.Same(s) }

// oldest returns the time of the oldest event that waits; zero: none does.
func (l *line) oldest() (at time.Time) {
	for _, one := range l.lanes {
		if first := one.items[0].at; at.IsZero() || first.Before(at) {
			at = first
		}
	}
	return at
}

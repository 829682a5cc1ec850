package daemon

import (
	"time"

	"onbehalf/events"
	"onbehalf/store"
)

// What people hear of limits: when so much of one is used, and again when it had fallen well
// below that in between.
const (
	limitsEvery = time.Second
	nearPart    = 80 // percent
	clearPart   = 60
	limitAgain  = time.Hour // at least between two events about one limit
)

// nearing is a limit that should not be reached, and whether people have heard that it is near.
type nearing struct {
	name, fix string
	use       func() (used, most int64)
	near      bool
	last      time.Time // of its last event
}

// nearing returns the limits that people hear of.
func (d *daemon) nearing() []*nearing {
	return []*nearing{
		{name: "limits.connections", fix: "find out who holds so many SMTP sessions within a message, or raise limits.connections and restart",
			use: func() (int64, int64) {
				c := d.server.Connections()
				return int64(c.Begun + c.Due), int64(d.server.Limits.Connections)
			}},
		{name: "limits.memory", fix: "raise limits.memory and reload: beyond it messages are deferred",
			use: func() (int64, int64) { return d.server.Memory() }},
		{name: "state that waits to be saved", fix: "see onbehalf status for why state is not saved: beyond it state is lost",
			use: func() (int64, int64) {
				h := d.store.Health()
				return h.Held, h.Limit
			}},
	}
}

// look returns whether there is an event to send of a limit.
func (l *nearing) look(now time.Time) (used, most int64, news bool) {
	used, most = l.use()
	switch {
	case most <= 0 || used*100 < most*clearPart:
		l.near = false
	case !l.near && used*100 >= most*nearPart:
		l.near = true
		news = l.last.IsZero() || now.Sub(l.last) >= limitAgain
	}
	if news {
		l.last = now
	}
	return used, most, news
}

// watchLimits looks at the limits, and at whether state is saved, until stop is called.
func (d *daemon) watchLimits() (stop func()) {
	end := make(chan struct{})
	go func() {
		ticker := time.NewTicker(limitsEvery)
		defer ticker.Stop()
		limits, saving := d.nearing(), saving{}
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			now := time.Now()
			for _, l := range limits {
				if used, most, news := l.look(now); news {
					d.notices.Notice(events.NewLimitNear(now, l.name, used, most, l.fix))
				}
			}
			d.notices.Notice(saving.look(d.store.Health(), now)...)
		}
	}()
	return func() { close(end) }
}

// saving knows whether people have heard that state is not saved.
type saving struct{ failedSince time.Time }

// look returns the event that there is to send.
func (s *saving) look(h store.Health, now time.Time) []events.Event {
	switch since := s.failedSince; {
	case h.Problem != nil && since.IsZero():
		s.failedSince = h.Since
		cause, fix := h.Advice()
		return []events.Event{events.NewStoreFailed(now, h.Since, cause, fix)}
	case h.Problem == nil && !since.IsZero():
		s.failedSince = time.Time{}
		return []events.Event{events.NewStoreRecovered(now, since)}
	}
	return nil
}

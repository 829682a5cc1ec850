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
	savingAgain = time.Hour // at least after an event that state is saved, before one that it is not
)

// nearing is a limit that should not be reached.
type nearing struct {
	name, fix string
	use       func() (used, most int64)
	heard     bool      // people have heard that it is near, and it has not fallen well below since
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

// look returns whether there is an event to send of a limit. One that it is too early for is sent
// later, if the limit is near then.
func (l *nearing) look(now time.Time) (used, most int64, news bool) {
	used, most = l.use()
	switch {
	case most <= 0 || used*100 < most*clearPart:
		l.heard = false
	case !l.heard && used*100 >= most*nearPart && (l.last.IsZero() || now.Sub(l.last) >= limitAgain):
		l.heard, l.last, news = true, now, true
	}
	return used, most, news
}

// watchLimits looks at the limits, and at whether state is saved, until stop is called. When that
// returns, nothing is written to the store any more.
func (d *daemon) watchLimits() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
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
	return func() {
		close(end)
		<-ended
	}
}

// saving knows whether people have heard that state is not saved.
type saving struct {
	failedSince time.Time // what they have heard; zero: nothing, or that state is saved again
	recovered   time.Time // when they last heard that
}

// look returns the event that there is to send. A disk that is full every other second makes two in
// an hour: a failure soon after the last one is sent later, if state is not saved then.
func (s *saving) look(h store.Health, now time.Time) []events.Event {
	switch since := s.failedSince; {
	case h.Problem != nil && since.IsZero() && (s.recovered.IsZero() || now.Sub(s.recovered) >= savingAgain):
		s.failedSince = h.Since
		cause, fix := h.Advice()
		return []events.Event{events.NewStoreFailed(now, h.Since, cause, fix)}
	case h.Problem == nil && !since.IsZero():
		s.failedSince, s.recovered = time.Time{}, now
		return []events.Event{events.NewStoreRecovered(now, since)}
	}
	return nil
}

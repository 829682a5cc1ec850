package watch

import (
	"log/slog"
	"sync"
	"time"

	"onbehalf/message"
)

// outage counts lookups without any answer. Enough of them in a row stop the round: it
// may be the resolver, and asking on would only make that worse. Before it is said to
// be, a domain that answered before is looked up; as many dead domains as there may be
// are no fault of the resolver's. From then on probes show when the round goes on.
type outage struct {
	log *slog.Logger

	mu        sync.Mutex
	count     int            // lookups in a row
	since     time.Time      // of the first of them
	until     time.Time      // nothing is looked up; zero: no probe has been without an answer yet
	probe     *entry         // being looked up; nil: none
	liveliest message.Domain // that last had an answer; zero: none had, or it was a probe since
}

const (
	tooMany    = 10
	probeEvery = 30 * time.Second
)

// next returns what begins: with no outage what the schedule has, else a probe. Nil: nothing begins
// before the wait has passed, or a lookup has ended.
func (o *outage) next(s *schedule) (*entry, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count < tooMany {
		return s.next()
	}
	if wait := time.Until(o.until); wait > 0 {
		return nil, wait
	}
	if o.probe != nil {
		return nil, scanEvery
	}
	if o.probe = s.probe(o.liveliest); o.probe != nil {
		o.liveliest = message.Domain{} // without an answer from it, others are asked, one after the other
	}
	return o.probe, scanEvery
}

// note counts one lookup, and reports whether it was the end of an outage.
func (o *outage) note(e *entry, answered bool) (ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	sure := !o.until.IsZero()
	if answered {
		if sure {
			o.log.Warn("DNS answers again", "outage", now.Sub(o.since).Round(time.Second))
		}
		o.count, o.since, o.until, o.probe, o.liveliest = 0, time.Time{}, time.Time{}, nil, e.target.Domain
		return sure
	}
	if o.count++; o.count == 1 {
		o.since = now
	}
	if e != o.probe {
		return false
	}
	o.probe, o.until = nil, now.Add(probeEvery)
	if !sure {
		o.log.Error("no answer from DNS, all standings stay as they are", "lookups", o.count, "since", o.since,
			"remedy", "check the servers in dns.servers, or those of /etc/resolv.conf")
	}
	return false
}

// reloaded makes the next probe come at once, unless the one under way still counts: the servers
// may have been exchanged. The liveliest is the domain of the new generation that last had an answer.
func (o *outage) reloaded(s *schedule, liveliest message.Domain) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.liveliest = liveliest
	if o.probe != nil && s.watched(o.probe.target.Domain) != o.probe {
		o.probe = nil
	}
	if !o.until.IsZero() {
		o.until = time.Now()
	}
}

// status returns the lookups in a row without any answer, since when, and if the round has stopped,
// until when.
func (o *outage) status() (count int, since, pausedUntil time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count >= tooMany {
		pausedUntil = o.until
	}
	return o.count, o.since, pausedUntil
}

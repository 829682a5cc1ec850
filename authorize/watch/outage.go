package watch

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// outage counts lookups without any answer. Enough of them in a row stop the round: it
// may be the resolver, and asking on would only make that worse. Before it is said to
// be, a domain that answered before is looked up; as many dead domains as there may be
// are no fault of the resolver's. From then on probes show when the round goes on.
//
// A resolver that denies what was there a while ago stops the round at once (doubt.go), and only a
// record that it shows ends that. Then the platform is the probe, because of most others it proves
// nothing that they have no records. Where it had none either, or its servers are dead, others that
// had some are.
type outage struct {
	log     *slog.Logger
	changed func(Outage)

	mu        sync.Mutex
	count     int            // lookups in a row
	since     time.Time      // of the first of them
	until     time.Time      // nothing is looked up; zero: no probe has been without an answer yet
	probe     *entry         // being looked up; nil: none
	liveliest message.Domain // that last had an answer; zero: none had, or it was a probe since
	showed    time.Time      // DNS had a record of some domain
	denied    message.Domain // has records, which DNS denies; zero: it denies none
	found     comparison     // by which that is not believed
	dead      bool           // a probe since had no answer: the platform's own name servers may be dead
	tries     int            // probes since that were not of the platform
}

// Outage is the begin or the end of one.
type Outage struct {
	Ended  bool
	Since  time.Time      // of the first lookup without an answer
	Denied message.Domain // had records, which DNS denies; zero: there is no answer
	Fix    string         // what the operator can do; empty when it has ended
}

const (
	tooMany    = 10
	probeEvery = 30 * time.Second
)

// next returns what begins: with no outage what the schedule has, else a probe. Nil: nothing begins
// before the wait has passed, or a lookup has ended.
func (o *outage) next(s *schedule, table *tenant.Snapshot) (*entry, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.isOn() {
		return s.next()
	}
	if wait := time.Until(o.until); wait > 0 {
		return nil, wait
	}
	if o.probe != nil {
		return nil, scanEvery
	}
	if !o.denied.IsZero() {
		o.probe = o.witness(s, table)
	} else if o.probe = s.probe(o.liveliest); o.probe != nil {
		o.liveliest = message.Domain{} // without an answer from it, others are asked, one after the other
	}
	return o.probe, scanEvery
}

// witness begins a probe that can show that a denial is over.
func (o *outage) witness(s *schedule, table *tenant.Snapshot) *entry {
	if platform := platformWith(table); !platform.IsZero() && !o.dead {
		return s.beginAt(platform)
	}
	others := othersWith(table, "")
	at := o.tries % (len(others) + 1)
	o.tries++
	if at < len(others) {
		return s.beginAt(others[at])
	}
	return s.probe(message.Domain{}) // all of those may have vanished for real
}

// isOn reports whether the round has stopped.
func (o *outage) isOn() bool { return o.count >= tooMany || !o.denied.IsZero() }

// note counts one lookup, and reports whether it was the end of an outage.
func (o *outage) note(e *entry, seen observed) (ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if seen.sign == answered {
		o.showed = now
	}
	switch {
	case seen.sign == answered, seen.sign == blank && o.denied.IsZero():
		return o.end(e, now)
	case seen.sign != blank:
		if o.count++; o.count == 1 {
			o.since = now
		}
	}
	if seen.sign == denied {
		o.deny(e, seen.found, now)
	}
	if e == o.probe {
		o.probed(seen.sign, now)
	}
	return false
}

// works reports whether DNS had a record of some domain lately, and denies none.
func (o *outage) works() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.denied.IsZero() && time.Since(o.showed) < lately
}

// denial returns by what it is not believed what DNS says, the domain that it began with included;
// not on: DNS denies nothing.
func (o *outage) denial() (found comparison, on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found = o.found
	found.denied = append([]message.Domain{o.denied}, found.denied...)
	return found, !o.denied.IsZero()
}

// end notes that DNS answers.
func (o *outage) end(e *entry, now time.Time) (ended bool) {
	sure := !o.until.IsZero()
	if sure {
		o.log.Warn("DNS answers again", "outage", now.Sub(o.since).Round(time.Second))
		o.changed(Outage{Ended: true, Since: o.since})
	}
	o.count, o.since, o.until, o.probe = 0, time.Time{}, time.Time{}, nil
	o.liveliest = e.target.Domain
	o.believe()
	return sure
}

// believe ends a denial.
func (o *outage) believe() {
	o.denied, o.found, o.dead, o.tries = message.Domain{}, comparison{}, false, 0
}

// deny notes that DNS denies what was there.
func (o *outage) deny(e *entry, found comparison, now time.Time) {
	if !o.denied.IsZero() {
		return
	}
	o.denied, o.found, o.until = e.target.Domain, found, now.Add(probeEvery)
	o.log.Error("DNS denies records that were there a while ago, and shows none of other domains; that is not believed, and all standings stay as they are",
		"domain", o.denied.String(), "denied_too", list(found.denied), "unanswered", list(found.unanswered), "since", o.since, "remedy", remedyOfDenial)
	o.changed(Outage{Since: o.since, Denied: o.denied, Fix: remedyOfDenial})
}

// list is for the log.
func list(domains []message.Domain) string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.String()
	}
	return strings.Join(names, " ")
}

// remedyOfDenial is for the operator: whichever it is, no tenant can fix it.
const remedyOfDenial = "ask the servers in dns.servers, or those of /etc/resolv.conf, and the domain's own name servers (dig), and fix the one that is wrong"

const remedyOfSilence = "check the servers in dns.servers, or those of /etc/resolv.conf"

// probed notes that a probe had no answer, or none to believe.
func (o *outage) probed(says sign, now time.Time) {
	o.dead = o.dead || says == unanswered && !o.denied.IsZero()
	if o.until.IsZero() {
		o.log.Error("no answer from DNS, all standings stay as they are", "lookups", o.count, "since", o.since,
			"remedy", remedyOfSilence)
		o.changed(Outage{Since: o.since, Fix: remedyOfSilence})
	}
	o.probe, o.until = nil, now.Add(probeEvery)
}

// reloaded makes the next probe come at once, unless the one under way still counts: the servers
// may have been exchanged. The liveliest is the domain of the new generation that last had an answer.
// Where none had records, no standing can be lost, and nothing is doubted.
func (o *outage) reloaded(s *schedule, liveliest message.Domain, holds bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.liveliest, o.dead = liveliest, false
	if !holds {
		o.believe()
	}
	if o.probe != nil && s.watched(o.probe.target.Domain) != o.probe {
		o.probe = nil
	}
	if !o.until.IsZero() {
		o.until = time.Now()
	}
}

// state is how the answers are.
type state struct {
	count       int            // lookups in a row without any answer, or none to believe
	since       time.Time      // the first of them
	pausedUntil time.Time      // the round has stopped; zero: it goes on
	denied      message.Domain // see outage
}

func (o *outage) state() state {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := state{count: o.count, since: o.since, denied: o.denied}
	if o.isOn() {
		s.pausedUntil = o.until
	}
	return s
}

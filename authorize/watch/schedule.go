package watch

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
)

// Lookups under way at the same time: slow name servers do not hold up the others.
const (
	maxLookups = 64
	maxShare   = 4 // one tenant has a place out of so many
)

// How often all domains are scanned for those that are due: while some are, and at least.
const (
	scanEvery = time.Second
	scanIdle  = time.Minute
)

// entry is a domain that is watched. It changes under the lock of its schedule.
type entry struct {
	target     authorize.Target
	due        time.Duration // of the next lookup, on the schedule's clock
	looking    bool          // a lookup is under way
	urgent     bool          // it is at the head: mail, or somebody who has asked, waits for the lookup
	asked      bool          // somebody has asked since the lookup under way began: it comes once more
	repeated   bool          // the lookup under way is that one, and counts
	unanswered int           // lookups in a row without any answer
}

// schedule says which domain is looked up next. It scans all entries for those that are due, and
// puts them in order: once a second, or where none is due, when the first will be. A tenant has a
// share of the places, so that slow name servers cost the others nothing.
//
// Its clock counts from its start and is monotonic: no other clock moves what is due.
type schedule struct {
	start time.Time

	mu      sync.Mutex
	entries map[message.Domain]*entry
	places  int // for lookups under way
	share   int // of them for one tenant
	looking int // lookups under way
	busy    map[string]int
	scanAt  time.Duration       // when entries are scanned again, if ready is used up by then
	ready   []*entry            // found due by the last scan, the next one at the end
	held    map[string][]*entry // by tenant: found due, the first one next, until the tenant has a place
}

func newSchedule() *schedule {
	return &schedule{start: time.Now(), busy: make(map[string]int), held: make(map[string][]*entry)}
}

func (s *schedule) now() time.Duration { return time.Since(s.start) }

// replace takes the entries of a new generation, and of the one before those that are among them.
func (s *schedule) replace(entries map[message.Domain]*entry, maxPerSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.ready, s.scanAt = entries, nil, 0
	clear(s.held)
	s.places = maxLookups
	if maxPerSecond > 0 {
		s.places = min(maxLookups, 2*maxPerSecond) // half a question a second each: 30 within a minute
	}
	s.share = max(1, s.places/maxShare)
}

// next begins the lookup that is due. Without one, or without a place for it, it returns how long
// to wait; less, when one has ended.
func (s *schedule) next() (*entry, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looking >= s.places {
		return nil, scanEvery
	}
	now := s.now()
	if len(s.ready) == 0 && s.scanAt <= now { // else all that is due since then is behind those in ready
		s.scan(now)
	}
	for len(s.ready) > 0 {
		last := len(s.ready) - 1
		e := s.ready[last]
		s.ready = s.ready[:last]
		switch of := e.target.Tenant; {
		case !s.waits(e, now):
		case s.busy[of] < s.share:
			s.begin(e)
			return e, 0
		default:
			s.held[of] = append(s.held[of], e)
		}
	}
	return nil, s.scanAt - now
}

// scan puts all that is due in order. It allocates nothing once ready is large enough.
func (s *schedule) scan(now time.Duration) {
	s.ready = s.ready[:0]
	soonest := now + scanIdle
	for _, e := range s.entries {
		switch {
		case e.looking: // put says when it is due
		case e.due <= now:
			s.ready = append(s.ready, e)
		default:
			soonest = min(soonest, e.due)
		}
	}
	slices.SortFunc(s.ready, func(a, b *entry) int { return cmp.Compare(b.due, a.due) })
	clear(s.held) // they were found again
	s.scanAt = now + scanEvery
	if len(s.ready) == 0 {
		s.scanAt = max(s.scanAt, soonest)
	}
}

// waits reports whether an entry that a scan found is still due.
func (s *schedule) waits(e *entry, now time.Duration) bool {
	return e.due <= now && !e.looking && s.entries[e.target.Domain] == e
}

func (s *schedule) begin(e *entry) {
	e.looking = true
	s.looking++
	s.busy[e.target.Tenant]++
}

// probe begins a lookup at once: of the domain if it waits, else of the one that is due first,
// whenever that is. Nil: all are being looked up.
func (s *schedule) probe(d message.Domain) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.entries[d]
	if first == nil || first.looking {
		first = nil
		for _, e := range s.entries {
			if !e.looking && (first == nil || e.due < first.due) {
				first = e
			}
		}
	}
	if first != nil {
		s.begin(first)
	}
	return first
}

// beginAt begins the lookup of a domain at once; nil: it is not watched, or being looked up.
func (s *schedule) beginAt(d message.Domain) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[d]
	if e == nil || e.looking {
		return nil
	}
	s.begin(e)
	return e
}

// end gives back the place of a lookup, and reports whether its entry still counts: a reload or a
// name that was forgotten may have ended that. One that counts is not due again before put.
func (s *schedule) end(e *entry) (counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := e.target.Tenant
	s.looking--
	if s.busy[of]--; s.busy[of] == 0 {
		delete(s.busy, of)
	}
	now := s.now()
	for held := s.held[of]; len(held) > 0; held = held[1:] {
		s.held[of] = held[1:]
		if s.waits(held[0], now) {
			s.ready = append(s.ready, held[0])
			break
		}
	}
	return s.entries[e.target.Domain] == e
}

// put makes an entry due again, some interval from now. The second lookup of a domain comes
// earlier than that, by a part that is its own: domains that were added together do not stay
// together.
func (s *schedule) put(e *entry, answered bool, interval time.Duration, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := e.asked
	e.looking, e.urgent, e.asked, e.repeated = false, false, false, false
	if e.unanswered++; answered {
		e.unanswered = 0
	}
	name := e.target.Domain.String()
	wait := jitter(later(interval, e.unanswered), name, time.Now())
	if first {
		wait = wait/10 + spread(wait-wait/10, name)
	}
	now := s.now()
	e.due = now + wait
	s.scanAt = min(s.scanAt, max(e.due, now+scanEvery))
	if asked {
		s.hasten(e)
	}
}

// repeats reports whether a lookup that has ended counts for nothing, because somebody asked for it
// after it had begun: it may have missed what they have changed. Its domain is at the head again.
// Whoever asks on and on has every second one count.
func (s *schedule) repeats(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.asked || e.repeated {
		return false
	}
	e.looking, e.asked, e.repeated = false, false, true
	s.hasten(e)
	return true
}

// add watches one more domain, whose mail waits.
func (s *schedule) add(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[e.target.Domain] = e
	s.hasten(e)
}

// hurry puts a domain at the head, whose mail waits: only others in a hurry are before it.
func (s *schedule) hurry(d message.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[d]; e != nil && !e.urgent && !e.looking {
		s.hasten(e)
	}
}

// ask puts a domain at the head that somebody asks for. A lookup that began before is not enough.
func (s *schedule) ask(d message.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := s.entries[d]; {
	case e == nil:
	case e.looking:
		e.asked = true
	case !e.urgent:
		s.hasten(e)
	}
}

// hasten makes an entry due before all that were ever due, in the order in which they are hastened.
func (s *schedule) hasten(e *entry) {
	const long = 100 * 365 * 24 * time.Hour
	e.urgent, e.due = true, s.now()-long
	at, _ := slices.BinarySearchFunc(s.ready, e, func(a, e *entry) int { return cmp.Compare(e.due, a.due) })
	s.ready = slices.Insert(s.ready, at, e)
}

// remove ends the watch of a domain.
func (s *schedule) remove(d message.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, d)
}

// watched returns the entry of a domain; nil: it is not watched.
func (s *schedule) watched(d message.Domain) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[d]
}

// waiting reports whether a domain is watched and not being looked up.
func (s *schedule) waiting(d message.Domain) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[d]
	return e != nil && !e.looking
}

// again makes those due whose last lookup had no answer: an outage was to blame.
func (s *schedule) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, e := range s.entries {
		if e.unanswered > 0 && e.due > now && !e.looking {
			e.unanswered, e.due = 0, now
		}
	}
	s.scanAt = 0
}

// nextLookup returns when a domain is looked up next: now, if it is due or in a hurry or being
// looked up. Zero: never, because it is not watched.
func (s *schedule) nextLookup(d message.Domain) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[d]
	if e == nil {
		return time.Time{}
	}
	now := time.Now()
	if e.looking {
		return now
	}
	return now.Add(max(0, e.due-s.now()))
}

// soonest returns when the first lookup is due, or was; zero: none is watched that is not being
// looked up. While the round is paused, that is when DNS is tried again.
func (s *schedule) soonest(pausedUntil time.Time) time.Time {
	if !pausedUntil.IsZero() {
		return pausedUntil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, first := s.now(), time.Duration(math.MaxInt64)
	for _, e := range s.entries {
		if !e.looking {
			first = min(first, max(e.due, now))
		}
	}
	if first == math.MaxInt64 {
		return time.Time{}
	}
	return time.Now().Add(first - now)
}

// progress returns how many domains are watched, how many are being looked up and how many are due;
// and since when the first of these is, those in a hurry aside.
func (s *schedule) progress() (watched, looking, due int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	oldest := time.Duration(math.MaxInt64)
	for _, e := range s.entries {
		if e.looking || e.due > now {
			continue
		}
		due++
		if !e.urgent {
			oldest = min(oldest, e.due)
		}
	}
	if oldest <= now {
		since = time.Now().Add(oldest - now)
	}
	return len(s.entries), s.looking, due, since
}

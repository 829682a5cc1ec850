package watch

import (
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Bounds of what mail makes us look up.
const (
	maxBelow  = 1000                // domains of one tenant that only a wildcard covers
	forgotten = 30 * 24 * time.Hour // such a domain, after its last mail
	maxSeen   = 1000                // that Run has not come to yet
	daily     = 24 * time.Hour      // is how often Seen is brought up to date
)

// Seen notes that a tenant's mail came from a domain. One that was never looked up is
// looked up next. Messages wait for this, so it waits for nothing: when Run is far
// behind, it is left to the next message.
func (w *Watcher) Seen(d message.Domain) {
	table := w.table.Load()
	if table == nil || !isNotable(table.Snapshot().Standing(d), time.Now()) {
		return
	}
	select {
	case w.seen <- d:
	default:
	}
}

// isNotable reports whether mail from a domain is news.
func isNotable(s tenant.Standing, now time.Time) bool {
	return isUntried(s) || !s.Seen.IsZero() && (now.Sub(s.Seen) > daily || s.Seen.After(now)) // the clock was wrong
}

// isUntried reports whether no lookup of the domain has ended yet. Name servers that once did not
// answer are not asked again and again because there is mail.
func isUntried(s tenant.Standing) bool {
	return s.DMARC.Checked.IsZero() && s.DMARC.LookupError == tenant.LookupError{}
}

// notice takes note of a domain that Seen has heard of.
func (w *Watcher) notice(d message.Domain) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	standing := w.source.Table().Snapshot().Standing(d)
	switch e := w.schedule.watched(d); {
	case e == nil:
		w.discover(d, now)
	case isUntried(standing):
		w.schedule.hurry(d)
	case isNotable(standing, now):
		standing.Seen = now
		w.set(e, standing)
	}
}

// discover begins to watch a domain that a wildcard covers.
func (w *Watcher) discover(d message.Domain, now time.Time) {
	owner, _ := w.source.Table().Snapshot().Owner(d)
	if owner == nil || owner.Authorization != tenant.Auto {
		return
	}
	if w.below.isFull(owner.ID) && !w.makeRoom(owner.ID) {
		if w.below.firstRefused(owner.ID) {
			w.Log.Warn("too many domains below a wildcard, no more are looked up", "tenant", owner.ID, "limit", maxBelow)
		}
		return
	}
	e := &entry{target: authorize.Below(owner, d)}
	w.below.add(owner.ID, d)
	addresses := authorize.AddressesOf(w.source.Table().Platform())
	if !w.set(e, e.target.Carry(tenant.Standing{Domain: d, Seen: now}, addresses).Standing) {
		w.below.forget(owner.ID, d)
		return
	}
	w.schedule.add(e)
}

// makeRoom forgets the domain below a tenant's wildcards that has authorized nobody and was
// without mail for longest: a sender that makes up names must not shut out those
// that are real. One that waits for its first lookup has it, so that there are no more new names
// than there are lookups.
func (w *Watcher) makeRoom(id string) bool {
	oldest := w.below.oldest(id, w.schedule.waiting)
	if oldest.IsZero() {
		return false
	}
	w.forget(id, oldest)
	return true
}

// forget ends the watch of a domain that only a wildcard covers, and what is known of it.
func (w *Watcher) forget(id string, d message.Domain) {
	w.schedule.remove(d)
	w.below.forget(id, d)
	if kept := w.source.Kept(); kept != nil {
		kept.Drop(d)
	}
	if err := w.source.Table().Forget(d); err != nil {
		w.Log.Error("standing cannot be forgotten", "domain", d.String(), "error", err)
	}
	w.save(nil, []message.Domain{d})
}

// below are the names that only wildcards cover, by tenant. The lock of the Watcher guards it.
type below struct {
	names map[string]map[message.Domain]time.Time // to the last mail; zero: the name may not be replaced
	full  map[string]bool                         // tenants that had more than there may be
}

func newBelow() below {
	return below{make(map[string]map[message.Domain]time.Time), make(map[string]bool)}
}

func (b below) add(id string, d message.Domain) {
	if b.names[id] == nil {
		b.names[id] = make(map[message.Domain]time.Time)
	}
	b.names[id][d] = time.Time{}
}

func (b below) forget(id string, d message.Domain) { delete(b.names[id], d) }

func (b below) isFull(id string) bool { return len(b.names[id]) >= maxBelow }

// firstRefused reports whether this is the first name in a generation that a tenant has no room
// for.
func (b below) firstRefused(id string) bool {
	first := !b.full[id]
	b.full[id] = true
	return first
}

// note keeps of a standing what oldest asks for, which asks often.
func (b below) note(id string, s tenant.Standing) {
	if _, found := b.names[id][s.Domain]; !found {
		return
	}
	if isUntried(s) || s.SPF.Holds() {
		s.Seen = time.Time{}
	}
	b.names[id][s.Domain] = s.Seen
}

// oldest returns the name to replace, of those that may be; zero: none may.
func (b below) oldest(id string, may func(message.Domain) bool) (oldest message.Domain) {
	var since time.Time
	for d, seen := range b.names[id] {
		if !seen.IsZero() && (oldest.IsZero() || seen.Before(since)) && may(d) {
			oldest, since = d, seen
		}
	}
	return oldest
}

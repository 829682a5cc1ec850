package authorize

import (
	"container/heap"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Bounds of what mail makes us look at.
const (
	maxBelow  = 1000                // domains of one tenant that only a wildcard covers
	forgotten = 30 * 24 * time.Hour // such a domain, after its last mail
	maxSeen   = 1000                // that Run has not come to yet
	daily     = 24 * time.Hour      // is how often Seen is brought up to date
)

// Seen tells that a tenant's mail came from a domain. One that was never looked at is
// looked at next. Messages wait for this, so it waits for nothing: when Run is far
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

// isNotable tells whether mail from a domain is news.
func isNotable(s tenant.Standing, now time.Time) bool {
	return isUntried(s) || !s.Seen.IsZero() && (now.Sub(s.Seen) > daily || s.Seen.After(now)) // the clock was wrong
}

// isUntried tells whether no look at the domain has ended yet. Name servers that were
// silent once are not asked again and again because there is mail.
func isUntried(s tenant.Standing) bool {
	return s.DMARC.Checked.IsZero() && s.DMARC.Trouble == tenant.Trouble{}
}

// notice takes note of a domain that Seen told of.
func (w *Watcher) notice(d message.Domain) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	standing := w.gen.Table.Snapshot().Standing(d)
	it, watched := w.items[d]
	switch {
	case !watched:
		w.discover(d, now)
	case !isUntried(standing):
		if isNotable(standing, now) {
			standing.Seen = now
			w.set(standing)
		}
	case !it.urgent && it.in != nil:
		it.hurry(now)
	}
}

// discover begins to watch a domain that a wildcard covers.
func (w *Watcher) discover(d message.Domain, now time.Time) {
	owner, _ := w.gen.Table.Snapshot().Owner(d)
	if owner == nil || owner.Authorization != tenant.Auto || len(w.items) == 0 {
		return
	}
	if len(w.below[owner.ID]) >= maxBelow && !w.makeRoom(owner.ID) {
		w.refuse(owner.ID)
		return
	}
	it := &item{target: Below(owner, d)}
	standing := it.target.wants(addresses(w.gen.Table.Platform().SendingIPs))
	standing.Seen = now
	if !w.set(standing) {
		return
	}
	insertBelow(w.below, it)
	w.items[d] = it
	w.queue.put(it, now)
	it.hurry(now)
}

func insertBelow(below map[string]map[message.Domain]*item, it *item) {
	of := it.target.Tenant
	if below[of] == nil {
		below[of] = make(map[message.Domain]*item)
	}
	below[of][it.target.Domain] = it
}

// note keeps of a standing what makeRoom asks, for it asks often.
func (it *item) note(s tenant.Standing) {
	if it.spare = s.Seen; isUntried(s) || s.SPF.Holds() {
		it.spare = time.Time{}
	}
}

// makeRoom forgets the domain below a tenant's wildcards that has authorized nobody and was
// without mail for longest: a sender that makes up names must not shut out those
// that are real. One that waits for its first look has it, so that there are no more new names
// than there are looks.
func (w *Watcher) makeRoom(id string) bool {
	var oldest *item
	for _, it := range w.below[id] {
		if it.in != nil && !it.spare.IsZero() && (oldest == nil || it.spare.Before(oldest.spare)) {
			oldest = it
		}
	}
	if oldest == nil {
		return false
	}
	heap.Remove(oldest.in, oldest.place)
	w.forget(oldest)
	return true
}

// refuse says once in a generation that a tenant has too many domains.
func (w *Watcher) refuse(id string) {
	if w.full[id] {
		return
	}
	w.full[id] = true
	w.Log.Warn("too many domains below a wildcard, no more are looked at", "tenant", id, "limit", maxBelow)
}

// forget ends the watch of a domain that only a wildcard covers, and that is in no queue.
func (w *Watcher) forget(it *item) {
	domain := it.target.Domain
	delete(w.items, domain)
	if w.gen.Kept != nil {
		w.gen.Kept.Drop(domain)
	}
	delete(w.below[it.target.Tenant], domain)
	if err := w.gen.Table.Forget(domain); err != nil {
		w.Log.Error("standing cannot be forgotten", "domain", domain.String(), "error", err)
	}
}

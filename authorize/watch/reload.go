package watch

import (
	"cmp"
	"slices"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Adopt makes a generation the current one. What was known in the one before, or what
// is given, is carried over into its table as far as it still holds; all that is new
// is looked up next.
func (w *Watcher) Adopt(source Source, known ...tenant.Standing) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin, err := w.known(known, time.Now())
	if err != nil {
		return err
	}
	next := w.newRound(source, begin)
	named, below := targets(source, begin)
	next.fitted = make([]*tenant.Standing, 0, len(named)+len(below))
	for _, s := range named {
		next.add(s, false)
	}
	for _, s := range below {
		next.add(s, true)
	}
	table := source.Table()
	if err := table.Carry(next.fitted); err != nil {
		return err
	}
	w.record(tenant.Standing{}, changesSince(w.table.Load(), table, next.now))
	w.direct = proofsOf(table.Direct())
	parked := w.parked
	w.parked = next.park(begin)
	w.saveRound(next, begin, parked)
	w.source, w.below = source, next.below
	w.schedule.replace(next.entries, source.MaxPerSecond())
	if kept := source.Kept(); kept != nil {
		kept.Retain(func(d message.Domain) bool { return next.entries[d] != nil })
	}
	w.outage.reloaded(w.schedule, next.liveliest, next.holds)
	w.table.Store(table)
	w.nudge()
	return nil
}

// Retry has all domains that DNS did not answer about looked up now: others may be asked.
func (w *Watcher) Retry() {
	w.schedule.again()
	w.nudge()
}

// known returns what the next generation begins with; of the first, what is given.
func (w *Watcher) known(given []tenant.Standing, now time.Time) (all []*tenant.Standing, err error) {
	if w.source == nil {
		for _, s := range given { // each by itself: one that stays keeps no others in memory
			all = append(all, &s)
		}
		return all, nil
	}
	err = w.source.Table().Snapshot().EachStanding(func(s *tenant.Standing) { all = append(all, s) })
	for _, s := range w.parked {
		if !isStale(s, now) {
			all = append(all, s)
		}
	}
	return all, err
}

// round is what a generation begins with.
type round struct {
	source    Source
	addresses string // that the platform sends from
	now       time.Time
	due       time.Duration // now, on the schedule's clock
	reload    bool          // there was a generation before
	same      bool          // and a lookup of that one is as good as one of this
	before    map[message.Domain]*tenant.Standing
	old       map[message.Domain]*entry

	fitted    []*tenant.Standing // those in before that are as they were are the same
	entries   map[message.Domain]*entry
	below     below
	liveliest message.Domain
	answered  time.Time // by the liveliest
	holds     bool      // a domain had records
}

func (w *Watcher) newRound(source Source, known []*tenant.Standing) *round {
	r := &round{source: source, addresses: authorize.AddressesOf(source.Table().Platform()), now: time.Now(), due: w.schedule.now(),
		reload: w.source != nil, same: asksLike(source, w.source),
		before: make(map[message.Domain]*tenant.Standing, len(known)), old: w.schedule.entries,
		entries: make(map[message.Domain]*entry, len(known)), below: newBelow()}
	for _, s := range known {
		r.before[s.Domain] = s
	}
	return r
}

// add watches a target; a discovered one is below a wildcard, and its mail was seen.
func (r *round) add(s authorize.Target, discovered bool) {
	before := r.before[s.Domain]
	c := s.Carry(*cmp.Or(before, &tenant.Standing{}), r.addresses)
	if !discovered {
		c.Standing.Seen = time.Time{}
	}
	r.fitted = append(r.fitted, unlessSame(c.Standing, before))
	r.holds = r.holds || authorize.Holds(c.Standing)
	e := r.old[s.Domain]
	if e == nil || !e.looking || !r.same || !e.target.Same(s) {
		e = r.renewed(s, c, e)
	} // else it is being looked up, and as reloads may come more often than a lookup ends, this one must count
	r.entries[s.Domain] = e
	if discovered {
		r.below.add(s.Tenant, s.Domain)
		r.below.note(s.Tenant, c.Standing)
	}
	if dmarc := c.Standing.DMARC; dmarc.LookupError == (tenant.LookupError{}) && dmarc.Checked.After(r.answered) {
		r.liveliest, r.answered = s.Domain, dmarc.Checked
	}
}

// unlessSame returns a standing, or the one before (nil: none) if it is the same.
func unlessSame(s tenant.Standing, before *tenant.Standing) *tenant.Standing {
	if before != nil && isSame(before, &s) {
		return before
	}
	own := s
	return &own
}

// renewed returns a new entry. The one before, if there was one, says when it was due: as often as
// there may be a reload, no domain's turn comes sooner by it, and none's later.
func (r *round) renewed(s authorize.Target, c authorize.Carried, old *entry) *entry {
	e := &entry{target: s, due: r.due + firstWait(r.source.Rules(), c, r.now)}
	switch {
	case old == nil && r.reload:
		e.due = r.due // what is known of it may be as old as it was parked
	case old != nil && c.Same:
		e.urgent, e.unanswered = old.urgent, old.unanswered
		interval := later(r.source.Rules().Interval(c.Standing, r.now), e.unanswered)
		if old.due <= r.due+jittered(interval) {
			e.due = old.due
		}
	}
	return e
}

// park returns of what is known that which may count again: of domains of tenants whose DNS
// does not decide now. A tenant that is authorized for an afternoon by its file has its
// standing back in the evening. Nobody decides by it until then, so that it is not in the
// table; and it does not grow older than a name without mail may.
func (r *round) park(known []*tenant.Standing) (parked []*tenant.Standing) {
	known = slices.DeleteFunc(slices.Clone(known), func(s *tenant.Standing) bool { return r.entries[s.Domain] != nil || isStale(s, r.now) })
	if len(known) == 0 {
		return nil // and none of a million tenants need be looked at
	}
	published := make(map[message.Domain]bool) // the names that such tenants publish under
	for _, t := range r.source.Table().Tenants() {
		if t.Authorization != tenant.Auto {
			for _, p := range t.Domains {
				published[p.Domain] = true
			}
		}
	}
	snapshot := r.source.Table().Snapshot()
	for _, s := range known {
		owner, _ := snapshot.Owner(s.Domain)
		if published[s.Domain] || owner != nil && owner.Authorization != tenant.Auto {
			parked = append(parked, s)
		}
	}
	return parked
}

// isStale reports whether a standing is too old to be parked.
func isStale(s *tenant.Standing, now time.Time) bool { return now.Sub(s.DMARC.Checked) > forgotten }

package authorize

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Generation is what a Watcher works by, from one reload to the next.
type Generation struct {
	Table *tenant.Table
	Keys  Keyring
	Look  func(context.Context, Target) Report // Observer.Look
	// DNS is a pointer to whom Look asks. A look under way counts in the next generation as
	// well, if that asks the same one.
	DNS   any
	Rules Rules
	Kept  *Kept // that Look keeps observations in; nil: none
	// MaxPerSecond is how many questions all looks together may ask; 0: any number. With few,
	// fewer looks are under way at the same time, lest none gets its answers in time.
	MaxPerSecond int
}

// Looks under way at the same time: slow name servers do not hold up the others.
const (
	maxLooks = 64
	maxShare = 4 // one tenant has a place out of so many
)

// places gives how many looks may be under way, and how many of them at domains of one
// tenant: the silence of its name servers is at the expense of its own.
func (g Generation) places() (all, tenants int) {
	all = maxLooks
	if g.MaxPerSecond > 0 {
		all = min(all, 2*g.MaxPerSecond) // half a question a second each: 30 in lookTime
	}
	return all, max(1, all/maxShare)
}

// Adopt makes a generation the current one. What was known in the one before, or what
// is given, is carried over into its table as far as it still holds; all that is new
// is looked at next.
func (w *Watcher) Adopt(gen Generation, known ...tenant.Standing) error {
	w.init()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gen.Table != nil {
		var err error
		if known, err = w.known(time.Now()); err != nil {
			return err
		}
	}
	next := newRound(gen, w.gen, known)
	named, wild := gen.targets(known)
	for _, s := range named {
		next.add(s, false, w.items[s.Domain])
	}
	for _, s := range wild {
		next.add(s, true, w.items[s.Domain])
	}
	if err := gen.Table.SetStandings(next.fitted...); err != nil {
		return err
	}
	w.tell(gen.directChanges(w.gen.Table, next.now))
	w.direct = proofsOf(gen.Table.Tenants())
	w.parked = next.park(known)
	w.gen, w.items, w.queue, w.below, w.liveliest, w.moved = gen, next.items, next.queue, next.below, next.liveliest, true
	for _, it := range w.queue {
		it.in = &w.queue
	}
	w.held, w.full = make(map[string]*queue), make(map[string]bool)
	probe := w.outage.probe
	w.outage.again(next.now, probe != nil && w.items[probe.target.Domain] == probe)
	w.table.Store(gen.Table)
	if gen.Kept != nil {
		gen.Kept.Retain(func(d message.Domain) bool { return w.items[d] != nil })
	}
	w.nudge()
	return nil
}

// known gives what the next generation begins with.
func (w *Watcher) known(now time.Time) ([]tenant.Standing, error) {
	all, err := w.gen.Table.Standings()
	for _, s := range w.parked {
		if !isStale(s, now) {
			all = append(all, s)
		}
	}
	return all, err
}

// round is what a generation begins with.
type round struct {
	gen       Generation
	now       time.Time
	addresses string
	reload    bool // there was a generation before
	sameLooks bool // and a look of that one is as good as one of this
	before    map[message.Domain]tenant.Standing

	fitted    []tenant.Standing
	items     map[message.Domain]*item
	queue     queue
	below     map[string]map[message.Domain]*item
	liveliest *item
	answered  time.Time // by the liveliest
}

func newRound(gen, last Generation, known []tenant.Standing) *round {
	r := &round{gen: gen, now: time.Now(), addresses: addresses(gen.Table.Platform().SendingIPs),
		reload: last.Table != nil, sameLooks: gen.looksLike(last),
		before: make(map[message.Domain]tenant.Standing, len(known)),
		items:  make(map[message.Domain]*item, len(known)), below: make(map[string]map[message.Domain]*item)}
	for _, s := range known {
		r.before[s.Domain] = s
	}
	return r
}

// looksLike tells whether looks of both generations ask the same, for the same platform.
func (g Generation) looksLike(last Generation) bool {
	if last.Table == nil || g.DNS != last.DNS {
		return false
	}
	now, before := g.Table.Platform(), last.Table.Platform()
	return now.Bounce == before.Bounce && slices.Equal(now.SendingIPs, before.SendingIPs)
}

// add watches a target; wild ones are those that only a wildcard covers. It may have an item
// of the generation before.
func (r *round) add(s Target, wild bool, old *item) {
	wanted := s.wants(r.addresses)
	standing := fit(r.before[s.Domain], wanted)
	if !wild {
		standing.Seen = time.Time{}
	}
	r.fitted = append(r.fitted, standing)
	it := old
	if old == nil || old.in != nil || !r.sameLooks || !old.target.same(s) {
		it = r.queued(s, standing, wanted, old)
	} // else it is being looked at, and as reloads may come more often than a look ends, this one must count
	it.note(standing)
	r.items[s.Domain] = it
	if wild {
		insertBelow(r.below, it)
	}
	if standing.DMARC.Trouble == (tenant.Trouble{}) && standing.DMARC.Checked.After(r.answered) {
		r.liveliest, r.answered = it, standing.DMARC.Checked
	}
}

// queued gives a new item, and queues it. The one before, if there was one, says when it
// was due.
func (r *round) queued(s Target, standing, wanted tenant.Standing, old *item) *item {
	it := &item{target: s, due: r.gen.firstLook(standing, wanted, r.now)}
	switch {
	case old == nil && r.reload:
		it.due = r.now // what is known of it may be as old as it was parked
	case old != nil && sameWants(r.before[s.Domain], wanted):
		it.goOn(old, r.gen.Rules.interval(standing, r.now), r.now)
	}
	heap.Push(&r.queue, it)
	return it
}

// park gives of what is known that which may count again: of domains of tenants whose DNS
// does not decide now. A tenant that is authorized for an afternoon by its file has its
// standing back in the evening. Nobody decides by it until then, so that it is not in the
// table; and it does not grow older than a name without mail may.
func (r *round) park(known []tenant.Standing) (parked []tenant.Standing) {
	told := make(map[message.Domain]bool) // the names that such tenants publish under
	for _, t := range r.gen.Table.Tenants() {
		if t.Authorization != tenant.Auto {
			for _, p := range t.Domains {
				told[p.Domain] = true
			}
		}
	}
	snapshot := r.gen.Table.Snapshot()
	for _, s := range known {
		if r.items[s.Domain] != nil || isStale(s, r.now) {
			continue
		}
		owner, _ := snapshot.Owner(s.Domain)
		if told[s.Domain] || owner != nil && owner.Authorization != tenant.Auto {
			parked = append(parked, s)
		}
	}
	return parked
}

// isStale tells whether a standing is too old to be parked.
func isStale(s tenant.Standing, now time.Time) bool { return now.Sub(s.DMARC.Checked) > forgotten }

// goOn makes an item due when the one in its place was: as often as there may be a reload,
// nobody's turn comes sooner by it, and nobody's later.
func (it *item) goOn(old *item, interval time.Duration, now time.Time) {
	it.urgent, it.silent = old.urgent, old.silent
	if latest := now.Add(jittered(later(interval, it.silent))); !old.due.After(latest) {
		it.due = old.due
	}
}

// sameWants tells whether a known standing is of all that is wanted, and of no more.
func sameWants(known, wanted tenant.Standing) bool {
	return known.SPF.Of == wanted.SPF.Of && known.ReturnPath.Of == wanted.ReturnPath.Of &&
		slices.EqualFunc(known.DKIM, wanted.DKIM, func(a, b tenant.Selector) bool { return a.Name == b.Name && a.Of == b.Of })
}

// targets gives all domains to watch: those that the configuration names, and those
// of the known ones that a wildcard still covers. Where no tenant's DNS decides, the
// platform's is not looked at either: the host may have no DNS at all, and would be told of
// an outage that concerns nobody.
func (g Generation) targets(known []tenant.Standing) (named, wild []Target) {
	for _, t := range g.Table.Tenants() {
		if t.Authorization == tenant.Auto {
			named = append(named, Targets(t, g.Keys)...)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	named = merged(append(named, OfPlatform(g.Table.Platform(), g.Keys)...))
	is := make(map[message.Domain]bool, len(named))
	for _, s := range named {
		is[s.Domain] = true
	}
	snapshot := g.Table.Snapshot()
	for _, s := range known {
		owner, _ := snapshot.Owner(s.Domain)
		if !s.Seen.IsZero() && !is[s.Domain] && owner != nil && owner.Authorization == tenant.Auto {
			wild = append(wild, Below(owner, s.Domain))
		}
	}
	return named, wild
}

// firstLook gives the time of the first look in a generation: now at what is new, else
// when it would have been due, or some time soon if that has passed.
func (g Generation) firstLook(known, wanted tenant.Standing, now time.Time) time.Time {
	if isNews(known, wanted) {
		return now
	}
	interval := g.Rules.interval(known, now)
	if due := known.DMARC.Checked.Add(interval); due.After(now) && due.Before(now.Add(2*interval)) {
		return due
	}
	return now.Add(spread(interval, known.Domain.String()))
}

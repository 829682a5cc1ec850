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
	Look  func(context.Context, Subject) Report // Looker.Look
	Rules Rules
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
		carried, err := w.gen.Table.Standings()
		if err != nil {
			return err
		}
		known = carried
	}
	next := newRound(gen, known)
	named, wild := gen.subjects(known)
	for _, s := range named {
		next.add(s, false, w.items[s.Domain])
	}
	for _, s := range wild {
		next.add(s, true, w.items[s.Domain])
	}
	if err := gen.Table.SetStandings(next.fitted...); err != nil {
		return err
	}
	w.gen, w.items, w.queue, w.below, w.liveliest, w.moved = gen, next.items, next.queue, next.below, next.liveliest, true
	for _, it := range w.queue {
		it.in = &w.queue
	}
	w.held, w.full = make(map[string]*queue), make(map[string]bool)
	w.outage.again(next.now)
	w.table.Store(gen.Table)
	w.nudge()
	return nil
}

// round is what a generation begins with.
type round struct {
	gen       Generation
	now       time.Time
	addresses string
	before    map[message.Domain]tenant.Standing

	fitted    []tenant.Standing
	items     map[message.Domain]*item
	queue     queue
	below     map[string]int
	liveliest *item
	answered  time.Time // by the liveliest
}

func newRound(gen Generation, known []tenant.Standing) *round {
	r := &round{gen: gen, now: time.Now(), addresses: addresses(gen.Table.Platform().SendingIPs),
		before: make(map[message.Domain]tenant.Standing, len(known)),
		items:  make(map[message.Domain]*item, len(known)), below: make(map[string]int)}
	for _, s := range known {
		r.before[s.Domain] = s
	}
	return r
}

// add queues a subject; wild ones are those that only a wildcard covers. The item of the
// generation before, if there was one, says when it was due.
func (r *round) add(s Subject, wild bool, old *item) {
	before, wanted := r.before[s.Domain], s.wants(r.addresses)
	standing := fit(before, wanted)
	if wild {
		r.below[s.Tenant]++
	} else {
		standing.Seen = time.Time{}
	}
	r.fitted = append(r.fitted, standing)
	it := &item{subject: s, due: r.gen.firstLook(standing, wanted, r.now)}
	if old != nil && sameWants(before, wanted) {
		it.goOn(old, r.gen.Rules.interval(standing, r.now), r.now)
	}
	r.items[s.Domain] = it
	heap.Push(&r.queue, it)
	if standing.DMARC.Trouble == (tenant.Trouble{}) && standing.DMARC.Checked.After(r.answered) {
		r.liveliest, r.answered = it, standing.DMARC.Checked
	}
}

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

// subjects gives all domains to watch: those that the configuration names, and those
// of the known ones that a wildcard still covers.
func (g Generation) subjects(known []tenant.Standing) (named, wild []Subject) {
	for _, t := range g.Table.Tenants() {
		if t.Authorization == tenant.Auto {
			named = append(named, Subjects(t, g.Keys)...)
		}
	}
	if len(named) == 0 {
		return nil, nil // a host without DNS, perhaps
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

// merged makes one subject of several of one domain. It can belong to one tenant, all
// names below it to another, and both look for keys there.
func merged(all []Subject) []Subject {
	at := make(map[message.Domain]int, len(all))
	var one []Subject
	for _, s := range all {
		i, found := at[s.Domain]
		if !found {
			at[s.Domain] = len(one)
			one = append(one, s)
			continue
		}
		one[i] = one[i].with(s)
	}
	return one
}

func (s Subject) with(other Subject) Subject {
	s.SPF = s.SPF || other.SPF
	s.Keys = slices.Clone(s.Keys)
	for _, k := range other.Keys {
		if !slices.ContainsFunc(s.Keys, func(own Key) bool { return own.Selector == k.Selector }) {
			s.Keys = append(s.Keys, k)
		}
	}
	switch {
	case s.ReturnPath.IsZero():
		s.ReturnPath = other.ReturnPath
	case !other.ReturnPath.IsZero() && s.ReturnPath != other.ReturnPath:
		s.ReturnPath = message.Domain{} // a standing has room for one: neither tenant may rely on the other's
	}
	return s
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

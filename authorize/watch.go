package authorize

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
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
}

// Watcher looks at the domains of all tenants with authorization auto, again and
// again, and keeps their standings in the table. Set its fields, Adopt a
// generation, and Run it.
type Watcher struct {
	Log *slog.Logger
	// Save keeps standings for the next start. It is called by Run alone.
	Save func([]tenant.Standing) error

	mu     sync.Mutex
	gen    Generation
	items  map[message.Domain]*item
	queue  queue
	below  map[string]int // by tenant: domains that only a wildcard covers
	doing  int            // looks under way
	outage outage
	events []Change // the last few, oldest first
	moved  bool     // something to save that matters
	wake   chan struct{}
}

// Bounds of a watch.
const (
	maxLooks  = 64   // at the same time: slow name servers do not hold up the others
	maxBelow  = 1000 // domains of one tenant that only a wildcard covers
	maxEvents = 100
	forgotten = 30 * 24 * time.Hour // a domain below a wildcard, after its last mail
)

// Adopt makes a generation the current one. What was known in the one before, or what
// is given, is carried over into its table as far as it still holds; all that is new
// is looked at next.
func (w *Watcher) Adopt(gen Generation, known ...tenant.Standing) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gen.Table != nil {
		carried, err := w.gen.Table.Standings()
		if err != nil {
			return err
		}
		known = carried
	}
	before := make(map[message.Domain]tenant.Standing, len(known))
	for _, s := range known {
		before[s.Domain] = s
	}
	subjects := gen.subjects(known)
	fitted := make([]tenant.Standing, 0, len(subjects))
	items := make(map[message.Domain]*item, len(subjects))
	var queue queue
	below := make(map[string]int)
	now := time.Now()
	for _, s := range subjects {
		wanted := s.wants(addresses(gen.Table.Platform().SendingIPs))
		standing := fit(before[s.Domain], wanted)
		fitted = append(fitted, standing)
		items[s.Domain] = &item{subject: s}
		queue.put(items[s.Domain], gen.firstLook(standing, wanted, now))
		if !standing.Seen.IsZero() {
			below[s.Tenant]++
		}
	}
	if err := gen.Table.SetStandings(fitted...); err != nil {
		return err
	}
	w.gen, w.items, w.queue, w.below, w.moved = gen, items, queue, below, true
	w.nudge()
	return nil
}

// subjects gives all domains to watch: those that the configuration names, and those
// of the known ones that a wildcard still covers.
func (g Generation) subjects(known []tenant.Standing) []Subject {
	var all []Subject
	named := make(map[message.Domain]bool)
	for _, t := range g.Table.Tenants() {
		if t.Authorization == tenant.Auto {
			all = append(all, Subjects(t, g.Keys)...)
		}
	}
	if len(all) == 0 {
		return nil // a host without DNS, perhaps
	}
	all = append(all, OfPlatform(g.Table.Platform(), g.Keys)...)
	for _, s := range all {
		named[s.Domain] = true
	}
	snapshot := g.Table.Snapshot()
	for _, s := range known {
		owner, _ := snapshot.Owner(s.Domain)
		if !s.Seen.IsZero() && !named[s.Domain] && owner != nil && owner.Authorization == tenant.Auto {
			all = append(all, Below(owner, s.Domain))
		}
	}
	return all
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

// Seen tells that a tenant's mail came from a domain. One that was never looked at
// is looked at next.
func (w *Watcher) Seen(d message.Domain) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gen.Table == nil {
		return
	}
	now := time.Now()
	standing := w.gen.Table.Snapshot().Standing(d)
	it, watched := w.items[d]
	switch {
	case !watched:
		w.discover(d, now)
	case !it.urgent && it.place >= 0 && standing.DMARC.Checked.IsZero():
		w.queue.hurry(it, now)
		w.nudge()
	}
	if !standing.Seen.IsZero() && now.Sub(standing.Seen) > 24*time.Hour {
		standing.Seen = now
		w.set(standing)
	}
}

// discover begins to watch a domain that a wildcard covers.
func (w *Watcher) discover(d message.Domain, now time.Time) {
	owner, _ := w.gen.Table.Snapshot().Owner(d)
	if owner == nil || owner.Authorization != tenant.Auto || len(w.items) == 0 {
		return
	}
	if w.below[owner.ID] >= maxBelow {
		if w.below[owner.ID] == maxBelow {
			w.below[owner.ID]++ // said once
			w.Log.Warn("too many domains below a wildcard, no more are looked at", "tenant", owner.ID, "limit", maxBelow)
		}
		return
	}
	it := &item{subject: Below(owner, d)}
	standing := it.subject.wants(addresses(w.gen.Table.Platform().SendingIPs))
	standing.Seen = now
	if !w.set(standing) {
		return
	}
	w.below[owner.ID]++
	w.items[d] = it
	w.queue.put(it, now)
	w.queue.hurry(it, now)
	w.nudge()
}

// Run looks until ctx ends. Then it waits for the looks under way, and saves.
func (w *Watcher) Run(ctx context.Context) {
	var tasks sync.WaitGroup
	tasks.Go(func() { w.keepSaved(ctx) })
	defer tasks.Wait()
	var looks sync.WaitGroup
	defer looks.Wait()
	wake := w.wakeup()
	for ctx.Err() == nil {
		it, look, wait := w.next(time.Now())
		if it != nil {
			looks.Go(func() { w.take(it, look(ctx, it.subject), ctx) })
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next gives the item that is due or, without one, how long to wait for it.
func (w *Watcher) next(now time.Time) (*item, func(context.Context, Subject) Report, time.Duration) {
	const forever = time.Hour // or until nudged
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := maxLooks
	if w.outage.stopped() {
		if wait := w.outage.until.Sub(now); wait > 0 {
			return nil, nil, wait
		}
		limit = 1 // a probe
	}
	if len(w.queue) == 0 || w.doing >= limit {
		return nil, nil, forever
	}
	if wait := w.queue[0].due.Sub(now); wait > 0 {
		return nil, nil, wait
	}
	w.doing++
	return heap.Pop(&w.queue).(*item), w.gen.Look, 0
}

// take draws the conclusions from a report. One that a reload has overtaken, or the end of
// the program cut short, is of no use.
func (w *Watcher) take(it *item, report Report, ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.nudge()
	w.doing--
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	w.outage.note(report.Answered, now, w.Log)
	domain := it.subject.Domain
	if w.items[domain] != it {
		return
	}
	before := w.gen.Table.Snapshot().Standing(domain)
	if !before.Seen.IsZero() && now.Sub(before.Seen) > forgotten {
		w.forget(it)
		return
	}
	after, changes := w.gen.Rules.Apply(before, report, now)
	w.set(after)
	w.tell(changes)
	wait := jitter(w.gen.Rules.interval(after, now), domain.String(), now)
	if before.DMARC.Checked.IsZero() && !after.DMARC.Checked.IsZero() {
		wait = max(spread(wait, domain.String()), wait/10)
	}
	it.urgent = false
	w.queue.put(it, now.Add(wait))
}

func (w *Watcher) forget(it *item) {
	domain := it.subject.Domain
	delete(w.items, domain)
	w.below[it.subject.Tenant]--
	if err := w.gen.Table.Forget(domain); err != nil {
		w.Log.Error("standing cannot be forgotten", "domain", domain.String(), "error", err)
	}
}

func (w *Watcher) set(s tenant.Standing) bool {
	err := w.gen.Table.SetStandings(s)
	if err != nil {
		w.Log.Error("standing cannot be kept", "domain", s.Domain.String(), "error", err)
	}
	return err == nil
}

// tell logs what has changed: how mail leaves may have changed with it.
func (w *Watcher) tell(changes []Change) {
	for _, c := range changes {
		level := slog.LevelInfo
		if lost := tenant.State(c.After); lost == tenant.Warning || lost == tenant.Pending && c.Before != "" {
			level = slog.LevelWarn
		}
		w.Log.Log(context.Background(), level, "authorization", "domain", c.Subject.Domain.String(), "tenant", c.Subject.Tenant,
			"mechanism", c.Mechanism, "before", cmp.Or(c.Before, "unknown"), "after", c.After, "evidence", c.Evidence)
	}
	if len(changes) > 0 {
		w.moved = true
	}
	w.events = append(w.events, changes...)
	if extra := len(w.events) - maxEvents; extra > 0 {
		w.events = slices.Clone(w.events[extra:])
	}
}

// wakeup gives what Run waits at, made when it is first asked for.
func (w *Watcher) wakeup() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wake == nil {
		w.wake = make(chan struct{}, 1)
	}
	return w.wake
}

// nudge makes Run look at the queue anew.
func (w *Watcher) nudge() {
	select {
	case w.wake <- struct{}{}: // never while it is nil
	default:
	}
}

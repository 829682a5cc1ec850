package authorize

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Watcher looks at the domains of all tenants with authorization auto, again and
// again, and keeps their standings in the table. Set its fields, Adopt a
// generation, and Run it.
type Watcher struct {
	Log *slog.Logger
	// Save keeps standings for the next start. It is called by Run alone.
	Save func([]tenant.Standing) error

	once  sync.Once
	wake  chan struct{}
	seen  chan message.Domain
	table atomic.Pointer[tenant.Table] // the generation's, for who must not wait

	mu        sync.Mutex
	gen       Generation
	items     map[message.Domain]*item
	direct    proofs
	parked    []tenant.Standing // of domains that are not watched now; never changed, only replaced
	queue     queue
	held      map[string]*queue                   // by tenant: taken out of queue until the tenant has a place
	below     map[string]map[message.Domain]*item // by tenant: those that only a wildcard covers
	full      map[string]bool                     // by tenant: there were more of them than may be
	doing     int                                 // looks under way
	doingFor  map[string]int                      // by tenant
	liveliest *item                               // that last had an answer; nil: none had
	outage    outage
	events    []Change // the last few, oldest first
	moved     bool     // something to save that matters
	unsaved   string   // why standings cannot be saved; empty: they can
}

const maxEvents = 100

func (w *Watcher) init() {
	w.once.Do(func() {
		w.wake = make(chan struct{}, 1)
		w.seen = make(chan message.Domain, maxSeen)
		w.doingFor = make(map[string]int)
	})
}

// Run looks until ctx ends. Then it waits for the looks under way, and saves.
func (w *Watcher) Run(ctx context.Context) {
	w.init()
	var tasks sync.WaitGroup
	var last saving
	if w.Save != nil {
		tasks.Go(func() { w.keepSaved(ctx, &last) })
	}
	for ctx.Err() == nil {
		it, look, wait := w.next(time.Now())
		if it != nil {
			tasks.Go(func() { w.take(it, w.carefully(ctx, look, it.target), ctx) })
			continue
		}
		w.rest(ctx, wait)
	}
	tasks.Wait()
	if w.Save != nil {
		w.saveNow(&last)
	}
}

// Observation returns what DNS answered last about a domain; false: nothing is kept of it.
func (w *Watcher) Observation(d message.Domain) (Observation, bool) {
	w.mu.Lock()
	kept := w.gen.Kept
	w.mu.Unlock()
	if kept == nil {
		return Observation{}, false
	}
	return kept.Last(d)
}

// rest waits for some time, or for something to do, and takes note of what Seen tells.
func (w *Watcher) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.wake:
	case d := <-w.seen:
		w.notice(d)
	}
}

// carefully looks at what strangers publish: a panic over it must not end the program.
func (w *Watcher) carefully(ctx context.Context, look func(context.Context, Target) Report, s Target) (r Report) {
	defer func() {
		if fault := recover(); fault != nil {
			w.Log.Error("look failed, the standing stays as it is", "domain", s.Domain.String(), "panic", fault, "stack", string(debug.Stack()))
			none := Finding{Text: "no look was possible: there is a fault in this program"}
			r = Report{Target: s, SPF: none, ReturnPath: none, Policy: none, Answered: true} // the resolver is not to blame
			r.Keys = slices.Repeat([]Finding{none}, len(s.Keys))
		}
	}()
	return look(ctx, s)
}

const forever = time.Hour // or until nudged

// next gives the item that is due or, without one, how long to wait for it.
func (w *Watcher) next(now time.Time) (*item, func(context.Context, Target) Report, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	it, wait := w.nextDue(now)
	if it != nil {
		w.doing++
		w.doingFor[it.target.Tenant]++
	}
	return it, w.gen.Look, wait
}

func (w *Watcher) nextDue(now time.Time) (*item, time.Duration) {
	if w.outage.stopped() {
		return w.nextProbe(now)
	}
	places, share := w.gen.places()
	for len(w.queue) > 0 && w.doing < places {
		if wait := w.queue[0].due.Sub(now); wait > 0 {
			return nil, wait
		}
		it := w.queue.next()
		if w.doingFor[it.target.Tenant] < share {
			return it, 0
		}
		w.hold(it)
	}
	return nil, forever
}

// nextProbe gives an item that tells whether it is the resolver: the one that answered last
// and, if that one is silent now, one after the other.
func (w *Watcher) nextProbe(now time.Time) (*item, time.Duration) {
	if wait := w.outage.until.Sub(now); wait > 0 {
		return nil, wait
	}
	it := w.liveliest
	switch {
	case w.outage.probe != nil:
		return nil, forever
	case it != nil && it.in != nil:
		heap.Remove(it.in, it.place)
	case len(w.queue) > 0:
		it = w.queue.next()
	default:
		return nil, forever
	}
	w.liveliest, w.outage.probe = nil, it
	return it, 0
}

// hold puts an item by until a look at another domain of its tenant has ended.
func (w *Watcher) hold(it *item) {
	of := it.target.Tenant
	if w.held[of] == nil {
		w.held[of] = new(queue)
	}
	heap.Push(w.held[of], it)
}

// release gives back a tenant's place.
func (w *Watcher) release(tenant string) {
	w.doing--
	if w.doingFor[tenant]--; w.doingFor[tenant] == 0 {
		delete(w.doingFor, tenant)
	}
	if held := w.held[tenant]; held != nil && len(*held) > 0 {
		heap.Push(&w.queue, held.next())
	}
}

// take draws the conclusions from a report. One of something else than is wanted since a
// reload, or that the end of the program cut short, is of no use.
func (w *Watcher) take(it *item, report Report, ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.nudge()
	w.release(it.target.Tenant)
	domain := it.target.Domain
	if ctx.Err() != nil || w.items[domain] != it {
		return
	}
	now := time.Now()
	if w.outage.note(it, report.Answered, now, w.Log) {
		w.queue.again(now)
	}
	before := w.gen.Table.Snapshot().Standing(domain)
	if before.Seen.After(now) {
		before.Seen = now // the clock was wrong, and must not keep it for ever
	}
	if !before.Seen.IsZero() && now.Sub(before.Seen) > forgotten {
		w.forget(it)
		return
	}
	after, changes := w.gen.Rules.Step(before, report, now)
	direct := w.direct.during(domain, now, w.gen.Table, func() { w.set(after) })
	w.tell(append(changes, direct...))
	w.count(it, report.Answered)
	wait := jitter(later(w.gen.Rules.interval(after, now), it.silent), domain.String(), now)
	if before.DMARC.Checked.IsZero() && !after.DMARC.Checked.IsZero() {
		wait = wait/10 + spread(wait-wait/10, domain.String())
	}
	w.queue.put(it, now.Add(wait))
}

// count notes whether a look had any answer.
func (w *Watcher) count(it *item, answered bool) {
	it.urgent = false
	if it.silent++; answered {
		it.silent = 0
		w.liveliest = it
	}
}

func (w *Watcher) set(s tenant.Standing) bool {
	err := w.gen.Table.SetStandings(s)
	if err != nil {
		w.Log.Error("standing cannot be kept", "domain", s.Domain.String(), "error", err)
		return false
	}
	if it := w.items[s.Domain]; it != nil {
		it.note(s)
	}
	return true
}

// tell logs what has changed: how mail leaves may have changed with it.
func (w *Watcher) tell(changes []Change) {
	for _, c := range changes {
		level := slog.LevelInfo
		if lost := tenant.State(c.After); lost == tenant.Warning || lost == tenant.Pending && c.Before != "" || c.After == directUnproven {
			level = slog.LevelWarn
		}
		w.Log.Log(context.Background(), level, "authorization", "domain", c.Domain.String(), "tenant", c.Tenant,
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

// nudge makes Run look at the queue anew.
func (w *Watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

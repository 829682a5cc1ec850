package watch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Watcher looks up the domains of all tenants with authorization auto, again and
// again, and keeps their standings in the table. Make it with New, Adopt a
// generation, and Run it.
type Watcher struct {
	Log *slog.Logger
	// Save keeps standings for the next start, and those of domains that are gone no longer. Nil:
	// they are not kept. It waits for nothing, and is called with each standing that has changed.
	Save func(saved []tenant.Standing, gone []message.Domain)
	// Changed is called with what has changed of a domain, in order, and with its standing before that,
	// and waits for nothing; nil: nobody asks. Of a reload, before is zero.
	Changed func(before tenant.Standing, all []authorize.Change)
	// Outage is called when lookups stop because DNS does not answer, or is not believed, and when it
	// answers again. It waits for nothing; nil: nobody asks.
	Outage func(Outage)

	// Each of these has a lock of its own, so that status waits for no reload.
	schedule *schedule
	outage   outage
	changes  changes

	wake  chan struct{}
	seen  chan message.Domain
	table atomic.Pointer[tenant.Table] // the generation's, for who must not wait

	mu     sync.Mutex // one at a time: the begin of a lookup, its conclusions, a discovery, a reload
	source Source
	below  below
	asked  onDemand
	direct proofs
	parked []*tenant.Standing // of domains that are not watched now; never changed, only replaced
}

// New makes a Watcher that has nothing to watch yet.
func New(log *slog.Logger) *Watcher {
	w := &Watcher{Log: log, schedule: newSchedule(), below: newBelow(), asked: make(onDemand),
		outage: outage{log: log}, changes: changes{log: log},
		wake: make(chan struct{}, 1), seen: make(chan message.Domain, maxSeen)}
	w.outage.changed = func(o Outage) {
		if w.Outage != nil {
			w.Outage(o)
		}
	}
	return w
}

// Run looks up what is due until ctx ends. Then it waits for the lookups under way.
func (w *Watcher) Run(ctx context.Context) {
	var lookups sync.WaitGroup
	for ctx.Err() == nil {
		e, source, wait := w.next()
		if e != nil {
			lookups.Go(func() { w.take(ctx, e, w.observe(ctx, source, e.target)) })
			continue
		}
		w.rest(ctx, wait)
	}
	lookups.Wait()
}

// rest waits for some time, or for something to do, and takes note of what Seen has heard of.
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

// next begins what is to be looked up now; nil: nothing is, until the wait has passed.
func (w *Watcher) next() (*entry, Source, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, wait := w.outage.next(w.schedule, w.source.Table().Snapshot())
	return e, w.source, wait
}

// take draws the conclusions from a report. One of something else than is wanted since a
// reload, or that the end of the program cut short, is of no use.
func (w *Watcher) take(ctx context.Context, e *entry, report observed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.nudge()
	if counts := w.schedule.end(e); !counts || ctx.Err() != nil {
		return
	}
	if w.outage.note(e, report) {
		w.schedule.again()
	}
	if w.schedule.repeats(e) {
		return
	}
	domain, now := e.target.Domain, time.Now()
	before := w.source.Table().Snapshot().Standing(domain)
	if before.Seen.After(now) {
		before.Seen = now // the clock was wrong, and must not keep it for ever
	}
	if !before.Seen.IsZero() && now.Sub(before.Seen) > forgotten {
		w.forget(e.target.Tenant, domain)
		return
	}
	after, changes := w.source.Rules().Step(before, report.Report, now)
	direct := w.direct.during(domain, now, w.source.Table(), func() { w.set(e, after) })
	w.record(before, append(changes, direct...))
	first := before.DMARC.Checked.IsZero() && !after.DMARC.Checked.IsZero()
	w.schedule.put(e, report.Answered, w.source.Rules().Interval(after, now), first)
}

// set puts the standing of an entry's domain into the table.
func (w *Watcher) set(e *entry, s tenant.Standing) bool {
	if err := w.source.Table().SetStandings(s); err != nil {
		w.Log.Error("standing cannot be kept", "domain", s.Domain.String(), "error", err)
		return false
	}
	w.below.note(e.target.Tenant, s)
	w.save([]tenant.Standing{s}, nil)
	return true
}

// record logs what has changed, and reports it.
func (w *Watcher) record(before tenant.Standing, all []authorize.Change) {
	if len(all) == 0 {
		return
	}
	w.changes.add(all)
	if w.Changed != nil {
		w.Changed(before, all)
	}
}

// nudge makes Run ask for the next lookup.
func (w *Watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Next returns when a domain is looked up next: now, if it is its turn or the lookup is under way.
// Zero: it is not watched.
func (w *Watcher) Next(d message.Domain) time.Time { return w.schedule.nextLookup(d) }

package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/watch"
	"onbehalf/store"
	"onbehalf/tenant"
)

// recorder keeps in the store what happened, for onbehalf history.
type recorder struct {
	*store.History
	store store.Store

	replaced   func()        // is called when there is another generation
	configured chan struct{} // there is one, or profiles are lost
	lost       atomic.Bool   // the store has lost profiles and marks
	before     *compared     // with the store or each other; nil: nothing was since the start
	mailed     sync.Map      // ids of tenants whose first mail is recorded
}

// pruneEvery is how often history is looked through for what is too old. Of much of it, some goes
// every pruneNext: mail needs the processor, and generations are compared meanwhile.
const (
	pruneEvery = time.Minute
	pruneNext  = time.Second
)

// markMail is where the store has the ids of tenants whose first mail is recorded.
const markMail = "first mail\x00"

// record begins to record what happens, and notes the start.
func (d *daemon) record(ctx context.Context) (ended <-chan struct{}) {
	history, err := store.OpenHistory(d.store)
	if err != nil {
		d.log.Error("the history of earlier runs cannot be read", "error", err)
	}
	r := &recorder{History: history, store: d.store, configured: make(chan struct{}, 1), replaced: func() {
		if d.handler != nil {
			d.handler.Reloaded()
		}
	}}
	d.recorder = r
	if err := r.store.Walk(store.BucketMarks, store.Range{From: markMail, To: markMail + "\xff"}, func(key string, _ []byte) bool {
		r.mailed.Store(key[len(markMail):], nil)
		return true
	}); err != nil {
		d.log.Error("it is not known whose first mail is recorded", "error", err)
	}
	r.Record(store.Entry{At: time.Now(), Kind: store.KindStart, After: d.options.Version})
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.keepHistory(ctx)
	}()
	return done
}

// keepHistory compares each generation with what was there before, and forgets what is too old.
func (d *daemon) keepHistory(ctx context.Context) {
	timer := time.NewTimer(pruneEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.recorder.configured:
			d.compare(ctx)
		case <-timer.C:
			timer.Reset(d.prune())
		}
	}
}

// compare records what the current generation has changed.
func (d *daemon) compare(ctx context.Context) {
	generation := d.current.Load()
	if generation == nil {
		return // it is about to begin
	}
	rest := breather()
	pause := func() {
		if ctx.Err() == nil {
			rest()
		}
	}
	if err := d.recorder.compare(ctx, generation, time.Now(), pause); err != nil {
		d.log.Error("history of the configuration cannot be recorded", "error", err)
	}
}

// prune forgets some of what is too old by each of the times that it may be: a clock that is ahead
// by mistake must not cost a year of history. It returns when to go on.
func (d *daemon) prune() (next time.Duration) {
	generation := d.current.Load()
	if generation == nil {
		return pruneEvery // it is about to begin
	}
	now := slices.MinFunc(append(d.clock.Others(), d.clock.Now()), time.Time.Compare)
	before := now.Add(-generation.HistoryKeep)
	more, err := d.recorder.Prune(before)
	days, failed := d.counters.Prune(before)
	if more, err = more || days, errors.Join(err, failed); err != nil {
		d.log.Error("old history cannot be deleted", "error", err)
	}
	if more && err == nil {
		return pruneNext
	}
	return pruneEvery
}

// refill has all that is known written again, after the store has lost it.
func (r *recorder) refill() {
	r.lost.Store(true)
	r.toCompare()
}

// reconfigured notes that there is another generation.
func (r *recorder) reconfigured() {
	r.replaced()
	r.toCompare()
}

func (r *recorder) toCompare() {
	select {
	case r.configured <- struct{}{}:
	default: // it will be seen when the one before is
	}
}

// changed has changes of standings recorded, and has people hear of those that matter to them. It is
// the watcher's Changed.
func (d *daemon) changed(before tenant.Standing, all []authorize.Change) {
	d.recorder.changed(all)
	d.notices.Notice(d.notices.eventsOf(before, all)...)
}

// changed records changes of standings.
func (r *recorder) changed(all []authorize.Change) {
	entries := make([]store.Entry, len(all))
	for i, c := range all {
		entries[i] = store.Entry{At: c.At, Kind: store.KindStanding, Tenant: c.Tenant, Domain: c.Domain.String(), Subject: c.Mechanism,
			Before: c.Before, After: c.After, Text: c.Evidence}
		if c.Mechanism == watch.Direct {
			entries[i].Kind, entries[i].Subject = store.KindOwnership, ""
		}
	}
	r.Record(entries...)
}

// writeMarks has it kept again whose first mail is recorded.
func (r *recorder) writeMarks() {
	r.mailed.Range(func(id, _ any) bool {
		r.store.Write(store.Change{Bucket: store.BucketMarks, Key: markMail + id.(string)})
		return true
	})
}

// mail records the first mail of a tenant. It is the milter's Mail.
func (r *recorder) mail(id string) {
	if _, known := r.mailed.Load(id); known {
		return
	}
	if _, known := r.mailed.LoadOrStore(id, nil); known {
		return
	}
	r.RecordWith([]store.Change{{Bucket: store.BucketMarks, Key: markMail + id}},
		store.Entry{At: time.Now(), Kind: store.KindFirstMail, Tenant: id})
}

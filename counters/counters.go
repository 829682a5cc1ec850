package counters

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"onbehalf/store"
)

const (
	tick     = time.Second // between two batches
	mostKept = 10_000      // days of tenants that are kept in memory: the busiest
	step     = 1000        // days that are pruned at a time
)

// Counters count. They may be used by many goroutines. Run saves.
type Counters struct {
	store store.Store
	log   *slog.Logger
	// Disagree is called when receivers begin to disagree about a tenant's mail, by the goroutine
	// that saves.
	disagree func(tenant string, d Disagreement)

	mu    sync.Mutex // messages wait for it
	fresh map[counted]*fresh

	saving sync.Mutex
	kept   map[counted]*Day
	failed bool // to read: that was logged
}

// counted is a tenant's day.
type counted struct {
	day int64 // since 1970
	id  string
}

const secondsOfDay = 24 * 60 * 60

func (c counted) date() string { return dateOf(time.Unix(c.day*secondsOfDay, 0)) }

// New returns counters that go on from what a store has. Where disagree is not nil, it is called
// when receivers begin to disagree about a tenant's mail.
func New(s store.Store, log *slog.Logger, disagree func(tenant string, d Disagreement)) *Counters {
	if disagree == nil {
		disagree = func(string, Disagreement) {}
	}
	return &Counters{store: s, log: log, disagree: disagree, fresh: make(map[counted]*fresh), kept: make(map[counted]*Day)}
}

// Message counts one. It waits for no disk and no network.
func (c *Counters) Message(m Message) {
	c.mu.Lock()
	c.of(m.Tenant, m.At).message(&m)
	c.mu.Unlock()
}

// Return counts a notification. It waits for no disk and no network.
func (c *Counters) Return(r Return) {
	c.mu.Lock()
	c.of(r.Tenant, r.At).back(&r)
	c.mu.Unlock()
}

// of returns what is fresh of a tenant's day. The lock mu is held.
func (c *Counters) of(id string, at time.Time) *fresh {
	key := counted{at.Unix() / secondsOfDay, id}
	f := c.fresh[key]
	if f == nil {
		f = new(fresh)
		c.fresh[key] = f
	}
	return f
}

// Run saves once a second until ctx ends, and then the rest.
func (c *Counters) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			c.Save()
			return
		case <-ticker.C:
			c.Save()
		}
	}
}

// Save adds what was counted to the days, and writes those to the store.
func (c *Counters) Save() {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	var all map[counted]*fresh // an empty one stays in use, and is not looked at without the lock
	if len(c.fresh) > 0 {
		all, c.fresh = c.fresh, make(map[counted]*fresh)
	}
	c.mu.Unlock()
	for key, f := range all {
		day, err := c.load(key)
		c.note(err)
		if err != nil { // the store sets aside what it cannot read
			c.again(key, f)
			continue
		}
		c.save(key, day, f)
	}
	c.forget()
}

// save adds to one day, and writes it.
func (c *Counters) save(key counted, day *Day, f *fresh) {
	var before []Disagreement
	if len(f.evidence) > 0 {
		before = c.disagreements(key)
	}
	day.add(f)
	c.write(key, day)
	if len(f.evidence) == 0 {
		return
	}
	for _, d := range c.disagreements(key) {
		if !slices.ContainsFunc(before, func(b Disagreement) bool { return b.Receiver == d.Receiver }) {
			c.disagree(key.id, d)
		}
	}
}

// disagreements returns the findings as of a day.
func (c *Counters) disagreements(key counted) []Disagreement {
	days, err := c.days(key.id, key.day, within)
	c.note(err)
	return Disagreements(days)
}

func (c *Counters) write(key counted, day *Day) {
	if text, err := json.Marshal(day); err == nil { // a time beyond the year 9999 cannot be written
		c.store.Write(store.Change{Bucket: store.BucketCounters, Key: keyOf(key.date(), key.id), Value: text})
	}
}

// load returns a day that is kept in memory from now on. The lock saving is held.
func (c *Counters) load(key counted) (*Day, error) {
	if day := c.kept[key]; day != nil {
		return day, nil
	}
	text, found, err := c.store.Get(store.BucketCounters, keyOf(key.date(), key.id))
	if err != nil {
		return nil, err
	}
	day := new(Day)
	if found {
		day = read(text)
	}
	c.kept[key] = day
	return day, nil
}

// again has what could not be saved counted with the next batch.
func (c *Counters) again(key counted, f *fresh) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if later := c.fresh[key]; later != nil {
		f.add(later)
	}
	c.fresh[key] = f
}

// note logs when the days of earlier batches cannot be read, and when they can be again.
func (c *Counters) note(err error) {
	if err != nil && !c.failed {
		c.log.Error("counters cannot be read: they are saved once they can", "error", err)
	}
	c.failed = err != nil
}

// forget keeps the busiest days of the latest day in memory. The lock saving is held.
func (c *Counters) forget() {
	if len(c.kept) <= mostKept {
		return
	}
	type one struct {
		key   counted
		total int64
	}
	all := make([]one, 0, len(c.kept))
	for key, day := range c.kept {
		all = append(all, one{key, day.total()})
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Or(cmp.Compare(b.key.day, a.key.day), cmp.Compare(b.total, a.total)) })
	for _, one := range all[mostKept:] {
		delete(c.kept, one.key)
	}
}

// SaveAgain writes all days that are kept in memory, after the store has lost them.
func (c *Counters) SaveAgain() {
	c.Save()
	c.saving.Lock()
	defer c.saving.Unlock()
	for key, day := range c.kept {
		c.write(key, day)
	}
}

// Days returns so many days of a tenant up to that of last, the earliest first, those without mail
// too. All that was counted is in them.
func (c *Counters) Days(id string, last time.Time, n int) ([]Day, error) {
	c.Save()
	return c.days(id, last.Unix()/secondsOfDay, n)
}

func (c *Counters) days(id string, last int64, n int) ([]Day, error) {
	all := make([]Day, n)
	for i := range all {
		date := counted{last - int64(n-1-i), id}.date()
		text, found, err := c.store.Get(store.BucketCounters, keyOf(date, id))
		if err != nil {
			return nil, err
		}
		if found {
			all[i] = *read(text)
		}
		all[i].Date = date
	}
	return all, nil
}

// Last returns when the last message of a tenant's own was seen, looking so many days back from an
// instant; zero: there was none.
func (c *Counters) Last(id string, from time.Time, days int) (time.Time, error) {
	for back := range days {
		one, err := c.days(id, from.Unix()/secondsOfDay-int64(back), 1)
		if err != nil {
			return time.Time{}, err
		}
		if !one[0].Last.IsZero() {
			return one[0].Last, nil
		}
	}
	return time.Time{}, nil
}

// Prune deletes days from before that of an instant: a bounded number at a time. It reports whether
// there is more to delete.
func (c *Counters) Prune(before time.Time) (more bool, err error) {
	var old []store.Change
	err = c.store.Walk(store.BucketCounters, store.Range{To: dateOf(before)}, func(key string, _ []byte) bool {
		old = append(old, store.Change{Bucket: store.BucketCounters, Key: key, Delete: true})
		return len(old) < step
	})
	if err != nil {
		return false, err
	}
	if len(old) > 0 {
		c.store.Write(old...)
	}
	return len(old) == step, nil
}

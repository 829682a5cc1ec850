package daemon

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"onbehalf/keys"
	"onbehalf/store"
	"onbehalf/tenant"
)

const (
	keyOfPlatform = "." // where the store has its profile: no tenant has this id
	markProfiles  = "profiles"
)

const (
	readStep  = 1000 // profiles that are read at a time
	writeStep = 500  // that are written before they are saved: about a millisecond's work
	longRest  = 20 * time.Millisecond
)

// compared is what a generation is compared by.
type compared struct {
	platform []byte // its profile
	tenants  []*tenant.Tenant
	ring     *keys.Ring
}

// compare records how a generation differs from the one that was compared before, and keeps the
// profiles that have changed. The first one since the start is compared with what the store has. A
// store that never had a profile, or has lost some, takes them as they are: it is not known what
// changed. When ctx ends, what is not compared yet is left to the next run.
func (r *recorder) compare(ctx context.Context, now *Generation, at time.Time, pause func()) error {
	platform, err := platformProfile(now.Platform, now.ring)
	if err != nil {
		return err
	}
	c := comparison{ctx: ctx, recorder: r, now: &compared{platform, now.Tenants, now.ring}, at: at, pause: pause}
	lost := r.lost.Swap(false)
	if r.before != nil {
		c.withGeneration(r.before)
		r.before = c.now
	}
	if lost {
		r.writeMarks()
	}
	if r.before == nil || lost {
		if err := c.withStore(lost); err != nil {
			if lost {
				r.lost.Store(true) // for the next time
			}
			return err
		}
		r.before = c.now
	}
	return nil
}

// comparison is one under way. Tenants are compared in the order of their ids: the file of the store
// then grows at its end.
type comparison struct {
	*recorder
	ctx    context.Context
	now    *compared
	at     time.Time
	pause  func() // is called for each tenant
	record bool   // it is known what there was before

	last, next []byte // memory for profiles
	written    int    // of them since the last save
	stuck      bool   // they cannot be saved
}

// earlier is a tenant as it was: its profile, or itself.
type earlier struct {
	id      string
	profile []byte
	tenant  *tenant.Tenant
	ring    *keys.Ring // that the tenant's keys are in
}

// withGeneration compares with an earlier generation. Most have the same tenants in the same order,
// but for one place.
func (c *comparison) withGeneration(before *compared) {
	c.record = true
	c.settle(keyOfPlatform, true, before.platform, c.now.platform)
	a, b := before.tenants, c.now.tenants
	for len(a) > 0 && len(b) > 0 && a[0].ID == b[0].ID {
		c.stays(ofGeneration(a[0], before.ring), b[0])
		a, b = a[1:], b[1:]
	}
	for i, j := len(a)-1, len(b)-1; i >= 0 && j >= 0 && a[i].ID == b[j].ID; i, j = i-1, j-1 {
		c.stays(ofGeneration(a[i], before.ring), b[j])
		a, b = a[:i], b[:j]
	}
	b = c.byID(b)
	for _, t := range c.byID(a) {
		b = c.settleTo(ofGeneration(t, before.ring), b)
	}
	c.comeAll(b)
}

func ofGeneration(t *tenant.Tenant, ring *keys.Ring) earlier {
	return earlier{id: t.ID, tenant: t, ring: ring}
}

// withStore compares with what the store has.
func (c *comparison) withStore(lost bool) error {
	_, known, err := c.store.Get(store.BucketMarks, markProfiles)
	platform, _, failure := c.store.Get(store.BucketProfiles, keyOfPlatform)
	if err := errors.Join(err, failure); err != nil {
		return err
	}
	c.record = known && !lost
	c.settle(keyOfPlatform, true, platform, c.now.platform) // it was always configured
	now := c.byID(c.now.tenants)
	for from, more := "", true; more && c.ctx.Err() == nil; {
		page, err := c.read(from)
		if err != nil {
			return err
		}
		for _, last := range page {
			if last.id != keyOfPlatform {
				now = c.settleTo(last, now)
			}
		}
		if more = len(page) == readStep; more {
			from = page[len(page)-1].id + "\x00"
		}
	}
	c.comeAll(now)
	if c.ctx.Err() == nil {
		c.store.Write(store.Change{Bucket: store.BucketMarks, Key: markProfiles})
	}
	return nil
}

// read returns the profiles from an id on, so many at most.
func (c *comparison) read(from string) (page []earlier, err error) {
	err = c.store.Walk(store.BucketProfiles, store.Range{From: from}, func(id string, text []byte) bool {
		page = append(page, earlier{id: id, profile: bytes.Clone(text)})
		return len(page) < readStep
	})
	return page, err
}

// byID returns tenants in the order of their ids.
func (c *comparison) byID(all []*tenant.Tenant) []*tenant.Tenant {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *tenant.Tenant) int {
		c.pause()
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// settleTo settles a tenant that was there before, and the new ones whose ids are before its own. It
// returns those that are left.
func (c *comparison) settleTo(last earlier, now []*tenant.Tenant) (left []*tenant.Tenant) {
	for len(now) > 0 && now[0].ID < last.id {
		c.comeAll(now[:1])
		now = now[1:]
	}
	if len(now) > 0 && now[0].ID == last.id {
		c.stays(last, now[0])
		return now[1:]
	}
	c.goes(last.id)
	return now
}

// goesOn reports whether there is time for another tenant.
func (c *comparison) goesOn() bool {
	c.pause()
	return c.ctx.Err() == nil
}

// stays compares a tenant with what it was.
func (c *comparison) stays(last earlier, t *tenant.Tenant) {
	if !c.goesOn() {
		return
	}
	before := last.profile
	if last.tenant != nil {
		if shared(last.tenant, t) {
			return
		}
		c.last = appendProfile(c.last[:0], last.tenant, last.ring)
		before = c.last
	}
	c.next = appendProfile(c.next[:0], t, c.now.ring)
	c.settle(t.ID, true, before, c.next)
}

// shared reports whether two generations have one value of a tenant, so that it has not changed. Of one
// with keys that is not said: those are in the rings of the generations.
func shared(before, now *tenant.Tenant) bool { return before == now && len(now.Identities) == 0 }

// comeAll takes in new tenants.
func (c *comparison) comeAll(all []*tenant.Tenant) {
	for _, t := range all {
		if !c.goesOn() {
			return
		}
		c.next = appendProfile(c.next[:0], t, c.now.ring)
		c.settle(t.ID, false, nil, c.next)
	}
}

// goes forgets a tenant that is no longer configured.
func (c *comparison) goes(id string) {
	if !c.goesOn() {
		return
	}
	var gone []store.Entry
	if c.record {
		gone = []store.Entry{{At: c.at, Kind: store.KindConfiguration, Tenant: id, Subject: "tenant", Before: "configured", After: "removed"}}
	}
	c.write(gone, store.Change{Bucket: store.BucketProfiles, Key: id, Delete: true}, store.Change{Bucket: store.BucketMarks, Key: markMail + id, Delete: true})
	c.mailed.Delete(id)
}

// settle records what a profile has changed, if anything, and keeps it. Of one that was there and
// cannot be read it is not known what changed.
func (c *comparison) settle(key string, there bool, last, next []byte) {
	if there && bytes.Equal(last, next) {
		return
	}
	before, readable := profile{}, true
	if there {
		before, readable = parseProfile(last)
	}
	var changed []store.Entry
	if c.record && readable {
		after, _ := parseProfile(next)
		like := store.Entry{At: c.at}
		if key != keyOfPlatform {
			like.Tenant = key
		}
		changed = differences(like, before, after, there)
	}
	c.write(changed, store.Change{Bucket: store.BucketProfiles, Key: key, Value: bytes.Clone(next)})
}

// write has changes saved, with what history says of them. Few are saved at a time, with a rest after
// each that is as long as the work was: of a million tenants at once, nothing would be left of two
// processors for mail.
func (c *comparison) write(entries []store.Entry, changes ...store.Change) {
	c.RecordWith(changes, entries...)
	if c.written++; c.written < writeStep || c.stuck {
		return
	}
	begun := time.Now()
	c.stuck = c.store.Sync() != nil // then all waits for the store to try again
	c.written = 0
	time.Sleep(min(time.Since(begun), longRest))
}

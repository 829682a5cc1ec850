package store

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

// Get is of Store.
func (f *File) Get(b Bucket, key string) (value []byte, found bool, err error) {
	err = f.Walk(b, Range{From: key, To: key + "\x00"}, func(_ string, v []byte) bool {
		value, found = append([]byte{}, v...), true
		return false
	})
	return value, found, err
}

// Walk is of Store.
func (f *File) Walk(b Bucket, r Range, yield func(key string, value []byte) bool) error {
	f.opened.RLock()
	defer f.opened.RUnlock()
	if f.db == nil {
		merged{overlay: f.waitingWithin(b, r), r: r, yield: yield}.rest()
		return nil
	}
	var ofCaller any
	err := contain(func() error {
		tx, overlay, err := f.begin(b, r)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		m := merged{overlay: overlay, r: r, yield: noting(&ofCaller, yield)}
		return m.walk(tx.Bucket([]byte(b)))
	})
	if ofCaller != nil {
		panic(ofCaller)
	}
	if errors.Is(err, errBroken) || errors.Is(err, errSum) {
		f.suspect.Store(true)
	}
	return err
}

// noting returns a yield that notes its own panic: that is a mistake of the program, and says nothing
// about the file. A fault at an address is of the file that value lies in.
func noting(panicked *any, yield func(key string, value []byte) bool) func(string, []byte) bool {
	return func(key string, value []byte) bool {
		defer func() {
			fault := recover()
			if _, ofMemory := fault.(interface{ Addr() uintptr }); fault != nil && !ofMemory {
				*panicked = fault
			}
			if fault != nil {
				panic(fault)
			}
		}()
		return yield(key, value)
	}
}

// begin returns what is saved, and what waits, at one instant: none was saved between the two.
func (f *File) begin(b Bucket, r Range) (*bolt.Tx, *overlay, error) {
	for {
		before := f.batches.Load()
		tx, err := f.db.Begin(false)
		if err != nil {
			return nil, nil, err
		}
		overlay := f.waitingWithin(b, r)
		if f.batches.Load() == before {
			return tx, overlay, nil
		}
		tx.Rollback()
	}
}

// waitingWithin returns what waits of a bucket.
func (f *File) waitingWithin(b Bucket, r Range) *overlay {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key, single := r.single(); single { // as Get asks, which needs no copy
		c, found := f.waiting.get(b, key)
		if !found {
			c, found = f.writing.get(b, key)
		}
		return &overlay{next: c, more: found}
	}
	return newOverlay(f.waiting.copyOf(b), f.writing.copyOf(b), r)
}

// merged walks over what is saved, with what waits laid over it.
type merged struct {
	overlay *overlay
	r       Range
	yield   func(key string, value []byte) bool
}

func (m merged) walk(saved *bolt.Bucket) error {
	if saved == nil {
		m.rest()
		return nil
	}
	cursor := saved.Cursor()
	for k, v := m.first(cursor); k != nil && m.r.has(string(k)); k, v = m.next(cursor) {
		key := string(k)
		for m.overlay.more && m.r.compare(m.overlay.next.Key, key) < 0 {
			if !m.pop() {
				return nil
			}
		}
		if m.overlay.more && m.overlay.next.Key == key {
			if !m.pop() {
				return nil
			}
			continue
		}
		value, err := unseal(key, v)
		if err != nil {
			return err
		}
		if !m.yield(key, value) {
			return nil
		}
	}
	m.rest()
	return nil
}

func (m *merged) first(c *bolt.Cursor) (key, value []byte) {
	switch {
	case !m.r.Reverse:
		return c.Seek([]byte(m.r.From))
	case m.r.To == "":
		return c.Last()
	}
	if key, _ := c.Seek([]byte(m.r.To)); key == nil {
		return c.Last()
	}
	return c.Prev()
}

func (m *merged) next(c *bolt.Cursor) (key, value []byte) {
	if m.r.Reverse {
		return c.Prev()
	}
	return c.Next()
}

// pop yields the next change that waits.
func (m *merged) pop() bool {
	c := m.overlay.pop()
	return c.Delete || m.yield(c.Key, c.Value)
}

func (m merged) rest() {
	for m.overlay.more && m.pop() {
	}
}

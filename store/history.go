package store

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Kind is what an Entry is about, in one word.
type Kind string

// The kinds. Subject, Before and After mean for each:
const (
	KindStanding      Kind = "standing"      // mechanism; states, or policies of dmarc
	KindOwnership     Kind = "ownership"     // empty; proven or unproven: may mail for the domain be delivered directly?
	KindConfiguration Kind = "configuration" // a key of the tenant's configuration; its values, or lists in Text
	KindKey           Kind = "key"           // name of a DKIM key; fingerprints of the public key, empty: there was or is none
	KindFirstMail     Kind = "first-mail"    // empty
	KindDisagreement  Kind = "disagreement"  // name of the receivers that disagree with DNS, empty: not known; empty
	KindStart         Kind = "start"         // of the daemon: its version
)

// Entry is one thing that happened.
type Entry struct {
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Tenant  string    `json:"tenant,omitempty"` // id; empty: the platform, or the daemon
	Domain  string    `json:"domain,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Before  string    `json:"before,omitempty"`
	After   string    `json:"after,omitempty"`
	Text    string    `json:"text,omitempty"` // the evidence, for people
}

// Bounds of history. One tenant's DNS may change at each lookup, and must not drive out that of
// others.
const (
	maxOfTenant = 10_000 // entries
	pruneStep   = 1000   // entries that go at a time
	maxText     = 2000   // bytes of each text
)

// History keeps what happened, ordered by time. An entry lies in one bucket under the time of its
// recording, and in another one its key, by tenant. It may be used by many goroutines.
type History struct {
	store Store

	mu     sync.Mutex
	last   uint64         // key of the last entry
	counts map[string]int // entries by tenant
	opened uint64         // key of the last entry when it was opened: up to it, counts does not know yet
	all    bool           // it knows
}

// OpenHistory returns the history in a store.
func OpenHistory(s Store) (*History, error) {
	h := &History{store: s, counts: make(map[string]int)}
	err := s.Walk(BucketHistory, Range{Reverse: true}, func(key string, _ []byte) bool {
		h.last, _ = timeOf(key)
		return false
	})
	h.opened = h.last
	return h, err
}

// keyOf returns the key of a time, in nanoseconds since 1970. Keys are as long as times are.
func keyOf(at uint64) string { return string(binary.BigEndian.AppendUint64(nil, at)) }

func timeOf(key string) (uint64, bool) {
	if len(key) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(key)), true
}

func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// Record keeps entries, and waits for nothing. Their keys ascend, whatever the clock does: no key
// is before the time of its entry.
func (h *History) Record(entries ...Entry) { h.RecordWith(nil, entries...) }

// RecordWith is Record, together with changes that say what is recorded: after a crash there are
// both or neither, so that nothing is recorded twice, or never.
func (h *History) RecordWith(changes []Change, entries ...Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		for _, text := range []*string{&e.Subject, &e.Before, &e.After, &e.Text} {
			*text = cutShort(*text)
		}
		e.At = e.At.Round(0)
		value, err := json.Marshal(e)
		if err != nil { // a time beyond the year 9999
			continue
		}
		h.last = max(h.last+1, nanoseconds(e.At))
		key := keyOf(h.last)
		h.counts[e.Tenant]++
		changes = append(changes, Change{Bucket: BucketHistory, Key: key, Value: value}, Change{Bucket: BucketByTenant, Key: e.Tenant + "\x00" + key})
	}
	if len(changes) > 0 {
		h.store.Write(changes...)
	}
}

func cutShort(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}

// Query asks for a page of history, the latest first.
type Query struct {
	Tenant string    // id
	All    bool      // of all tenants, the platform and the daemon; Tenant does not count then
	Since  time.Time // zero: from the beginning
	Before string    // what the page before said is next; empty: the first page
	Limit  int       // entries; less than 1: 1
}

// ErrPage is returned for a Before that no page has said.
var ErrPage = errors.New("there is no such page")

// List returns a page, and where the next one begins; empty: that was all.
func (h *History) List(q Query) (page []Entry, next string, err error) {
	q.Limit = max(q.Limit, 1)
	r := Range{From: keyOf(nanoseconds(q.Since)), Reverse: true}
	if q.Before != "" {
		before, err := hex.DecodeString(q.Before)
		if err != nil || len(before) != 8 {
			return nil, "", ErrPage
		}
		r.To = string(before)
	}
	values, err := h.within(q, r)
	if err != nil {
		return nil, "", err
	}
	for i, v := range values {
		if i == q.Limit {
			next = hex.EncodeToString([]byte(values[i-1].key))
			break
		}
		var e Entry
		if err := json.Unmarshal(v.text, &e); err != nil {
			return nil, "", fmt.Errorf("history: %w", err)
		}
		if !e.At.Before(q.Since) { // the clock was ahead when it was recorded
			page = append(page, e)
		}
	}
	return page, next, nil
}

// recorded is an entry as it is kept.
type recorded struct {
	key  string
	text []byte
}

// within returns one entry more than a page has.
func (h *History) within(q Query, r Range) (all []recorded, err error) {
	keep := func(key string, text []byte) bool {
		all = append(all, recorded{key, append([]byte{}, text...)})
		return len(all) <= q.Limit
	}
	if q.All {
		return all, errors.Join(h.store.Walk(BucketHistory, r, keep), err)
	}
	keys, err := h.keysOf(q.Tenant, r, q.Limit+1)
	for _, key := range keys {
		if err != nil {
			break
		}
		var text []byte
		var found bool
		if text, found, err = h.store.Get(BucketHistory, key); found { // else it has just been pruned
			keep(key, text)
		}
	}
	return all, err
}

// keysOf returns the keys of a tenant's entries, so many at most.
func (h *History) keysOf(id string, r Range, most int) (keys []string, err error) {
	prefix := id + "\x00"
	r.From = prefix + r.From
	if r.To == "" {
		r.To = id + "\x01"
	} else {
		r.To = prefix + r.To
	}
	err = h.store.Walk(BucketByTenant, r, func(key string, _ []byte) bool {
		keys = append(keys, key[len(prefix):])
		return len(keys) < most
	})
	return keys, err
}

// Prune deletes entries from before a time, and those that a tenant has too many of: a bounded
// number at a time. It reports whether there is more to delete.
func (h *History) Prune(before time.Time) (more bool, err error) {
	if err := h.count(); err != nil {
		return false, err
	}
	var old []Change
	seen := 0
	err = h.store.Walk(BucketHistory, Range{To: keyOf(nanoseconds(before))}, func(key string, text []byte) bool {
		var e Entry
		if json.Unmarshal(text, &e) == nil {
			old = append(old, h.deletes(e.Tenant, key)...)
		} else { // nothing says whose it is
			old = append(old, Change{Bucket: BucketHistory, Key: key, Delete: true})
		}
		seen++
		return seen < pruneStep
	})
	if err != nil {
		return false, err
	}
	if len(old) > 0 {
		h.store.Write(old...)
	}
	crowded, err := h.pruneCrowded()
	return seen == pruneStep || crowded, err
}

// pruneCrowded deletes the oldest entries of tenants that have too many. What was counted says only
// who may have: the store may have lost entries since.
func (h *History) pruneCrowded() (more bool, err error) {
	for _, id := range h.crowded() {
		keys, err := h.keysOf(id, Range{}, maxOfTenant+pruneStep+1)
		if err != nil {
			return false, err
		}
		surplus := len(keys) - maxOfTenant
		if surplus <= 0 {
			h.countAgain()
		}
		for _, key := range keys[:min(max(surplus, 0), pruneStep)] {
			h.store.Write(h.deletes(id, key)...)
		}
		more = more || surplus > pruneStep
	}
	return more, nil
}

// crowded returns the tenants that were counted to have too many entries.
func (h *History) crowded() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, count := range h.counts {
		if count > maxOfTenant {
			ids = append(ids, id)
		}
	}
	return ids
}

// countAgain has the next Prune count what the store has.
func (h *History) countAgain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts, h.opened, h.all = make(map[string]int), h.last, false
}

// deletes returns the changes that delete an entry, and counts it no longer.
func (h *History) deletes(id, key string) []Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts[id]--; h.counts[id] <= 0 {
		delete(h.counts, id)
	}
	return []Change{{Bucket: BucketHistory, Key: key, Delete: true}, {Bucket: BucketByTenant, Key: id + "\x00" + key, Delete: true}}
}

// count counts what the last run has left, once.
func (h *History) count() error {
	if h.all {
		return nil
	}
	counts := make(map[string]int)
	err := h.store.Walk(BucketByTenant, Range{}, func(key string, _ []byte) bool {
		id, at, _ := strings.Cut(key, "\x00")
		if t, ours := timeOf(at); ours && t <= h.opened {
			counts[id]++
		}
		return true
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, n := range counts {
		h.counts[id] += n
	}
	h.all = true
	return nil
}

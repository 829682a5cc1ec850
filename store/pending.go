package store

import (
	"maps"
	"slices"
	"strings"
)

// pending are changes that wait: of each key the last one.
type pending struct {
	buckets map[Bucket]map[string]Change
	count   int
	bytes   int
}

// overhead is about what a waiting change needs beside its key and value.
const overhead = 200

func sizeOf(c Change) int { return len(c.Key) + len(c.Value) + overhead }

func (p *pending) add(c Change) {
	if p.buckets == nil {
		p.buckets = make(map[Bucket]map[string]Change)
	}
	keys := p.buckets[c.Bucket]
	if keys == nil {
		keys = make(map[string]Change)
		p.buckets[c.Bucket] = keys
	}
	if before, found := keys[c.Key]; found {
		p.count--
		p.bytes -= sizeOf(before)
	}
	keys[c.Key] = c
	p.count++
	p.bytes += sizeOf(c)
}

// addAll takes over changes that are later than those that are here.
func (p *pending) addAll(later pending) {
	for _, keys := range later.buckets {
		for _, c := range keys {
			p.add(c)
		}
	}
}

// within returns the changes of a bucket that are within a range, in its order.
func (p *pending) within(b Bucket, r Range) []Change {
	var all []Change
	for key, c := range p.buckets[b] {
		if r.has(key) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Change) int { return r.compare(a.Key, b.Key) })
	return all
}

// sorted returns all buckets, and the changes of each in order: pages are then written in turn.
func (p *pending) sorted(yield func(Bucket, []Change) bool) {
	for _, b := range slices.Sorted(maps.Keys(p.buckets)) {
		if !yield(b, p.within(b, Range{})) {
			return
		}
	}
}

func (r Range) has(key string) bool { return key >= r.From && (r.To == "" || key < r.To) }

// single returns the only key that can be within a range, where there is but one.
func (r Range) single() (key string, is bool) {
	before, found := strings.CutSuffix(r.To, "\x00")
	return before, found && before == r.From
}

// compare orders keys as a walk meets them.
func (r Range) compare(a, b string) int {
	if r.Reverse {
		a, b = b, a
	}
	return strings.Compare(a, b)
}

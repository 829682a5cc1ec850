package store

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/btree"
)

// pending are changes that wait: of each key the last one. A walk takes a copy of a tree, which costs
// the same however much waits: what both share is copied when it is changed.
type pending struct {
	buckets map[Bucket]*tree
	count   int
	bytes   int
}

// tree is the changes of one bucket, by key.
type tree = btree.BTreeG[Change]

const degree = 32 // of a tree: 31 to 63 changes lie beside each other

func newTree() *tree {
	return btree.NewG(degree, func(a, b Change) bool { return a.Key < b.Key })
}

// overhead is about what a waiting change needs beside its key and value.
const overhead = 200

func sizeOf(c Change) int { return len(c.Key) + len(c.Value) + overhead }

func (p *pending) add(c Change) {
	if p.buckets == nil {
		p.buckets = make(map[Bucket]*tree)
	}
	keys := p.buckets[c.Bucket]
	if keys == nil {
		keys = newTree()
		p.buckets[c.Bucket] = keys
	}
	if before, found := keys.ReplaceOrInsert(c); found {
		p.count--
		p.bytes -= sizeOf(before)
	}
	p.count++
	p.bytes += sizeOf(c)
}

// addAll takes over changes that are later than those that are here.
func (p *pending) addAll(later pending) {
	for _, keys := range later.buckets {
		keys.Ascend(func(c Change) bool {
			p.add(c)
			return true
		})
	}
}

// get returns the change of a key; false: none waits.
func (p *pending) get(b Bucket, key string) (Change, bool) {
	if keys := p.buckets[b]; keys != nil {
		return keys.Get(Change{Key: key})
	}
	return Change{}, false
}

// copyOf returns a copy of a bucket's changes; nil: none wait.
func (p *pending) copyOf(b Bucket) *tree {
	if keys := p.buckets[b]; keys != nil {
		return keys.Clone()
	}
	return nil
}

// sorted returns all buckets, and the changes of each in order: pages are then written in turn.
func (p *pending) sorted(yield func(Bucket, *tree) bool) {
	for _, b := range slices.Sorted(maps.Keys(p.buckets)) {
		if !yield(b, p.buckets[b]) {
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

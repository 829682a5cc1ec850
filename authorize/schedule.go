package authorize

import (
	"container/heap"
	"hash/fnv"
	"time"
)

// item is a domain that is watched, and when it is looked at next.
type item struct {
	target Target
	due    time.Time
	in     *queue    // nil: being looked at
	place  int       // in the queue
	urgent bool      // mail from it waits for the first look
	silent int       // looks in a row without any answer
	spare  time.Time // last mail from a name that may give way to another; zero: it may not
}

// queue holds items that are not being looked at, the next one first.
type queue []*item

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is of heap.Interface.
func (q *queue) Push(x any) {
	it := x.(*item)
	it.in, it.place = q, len(*q)
	*q = append(*q, it)
}

// Pop is of heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	it.in = nil
	return it
}

// put queues an item that is in no queue for a time.
func (q *queue) put(it *item, due time.Time) {
	it.due = due
	heap.Push(q, it)
}

// next takes the item at the head.
func (q *queue) next() *item { return heap.Pop(q).(*item) }

// hurry puts a queued item at the head: only others in a hurry are before it.
func (it *item) hurry(now time.Time) {
	const long = 100 * 365 * 24 * time.Hour
	it.urgent = true
	it.due = now.Add(-long)
	heap.Fix(it.in, it.place)
}

// again makes those due whose last look was without an answer: it was not their fault.
func (q *queue) again(now time.Time) {
	for _, it := range *q {
		if it.silent > 0 && it.due.After(now) {
			it.silent, it.due = 0, now
		}
	}
	heap.Init(q)
}

// later doubles an interval for every look in a row that was without an answer, the
// first one aside, up to an hour: dead name servers take places and time from
// others.
func later(interval time.Duration, silent int) time.Duration {
	most := max(interval, rarely)
	for ; silent > 1 && interval < most; silent-- {
		interval *= 2
	}
	return min(interval, most)
}

// jittered gives the most that jitter makes of an interval.
func jittered(interval time.Duration) time.Duration { return interval + interval/10 }

// jitter moves an interval by up to 10 % either way, for each domain and time another.
func jitter(interval time.Duration, domain string, at time.Time) time.Duration {
	return time.Duration(float64(interval) * (0.9 + 0.2*fraction(domain, at.UnixNano())))
}

// spread gives a part of an interval that is always the same for a domain, so that
// domains which come together do not stay together.
func spread(interval time.Duration, domain string) time.Duration {
	return time.Duration(float64(interval) * fraction(domain, 0))
}

// fraction gives a number of [0, 1) that looks random and is not.
func fraction(domain string, salt int64) float64 {
	h := fnv.New64a()
	h.Write([]byte(domain))
	for range 8 {
		h.Write([]byte{byte(salt)})
		salt >>= 8
	}
	const bits = 53 // of a float64's mantissa
	x := h.Sum64()
	x ^= x >> 33 // FNV changes its high bits little by the last octets
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>(64-bits)) / (1 << bits)
}

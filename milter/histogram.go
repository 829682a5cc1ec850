package milter

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a Histogram's buckets: from a signature to a client that takes
// minutes to send its message.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute,
}

// Histogram counts durations by how long they were. The zero value is ready. It may be used by
// many goroutines, none of which waits.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Int64 // the last one: longer than all bounds
	sum     atomic.Int64                  // of the durations
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Durations are what a Histogram has counted.
type Durations struct {
	Count  int64
	Sum    time.Duration
	Within [len(Bounds)]int64 // at most as long as each of the Bounds
}

// Durations returns what was counted. While others count, Sum may be some durations ahead.
func (h *Histogram) Durations() (d Durations) {
	for i := range Bounds {
		d.Count += h.buckets[i].Load()
		d.Within[i] = d.Count
	}
	d.Count += h.buckets[len(Bounds)].Load()
	d.Sum = time.Duration(h.sum.Load())
	return d
}

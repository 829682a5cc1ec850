package authorize

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// buckets counts numbers of [0, 1) by tenths of a tenth.
func buckets(t *testing.T, of func(domain string) float64) {
	t.Helper()
	const domains, parts = 100_000, 100
	var count [parts]float64
	for i := range domains {
		x := of(fmt.Sprintf("customer%d.example", i))
		if x < 0 || x >= 1 {
			t.Fatalf("domain %d is at %v, outside of [0, 1)", i, x)
		}
		count[int(x*parts)]++
	}
	const mean = domains / parts
	for i, n := range count {
		if math.Abs(n-mean) > 6*math.Sqrt(mean) {
			t.Errorf("bucket %d holds %v domains, want about %d", i, n, mean)
		}
	}
}

func TestSpread(t *testing.T) {
	buckets(t, func(domain string) float64 { return float64(spread(time.Hour, domain)) / float64(time.Hour) })
	if a, b := spread(time.Hour, "a.example"), spread(time.Hour, "a.example"); a != b {
		t.Errorf("one domain is at %s and at %s", a, b)
	}
}

func TestJitter(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	part := func(domain string, at time.Time) float64 {
		return (float64(jitter(time.Hour, domain, at))/float64(time.Hour) - 0.9) / 0.2
	}
	buckets(t, func(domain string) float64 { return part(domain, at) })
	next := 0
	buckets(t, func(string) float64 { // one domain, at many times
		next++
		return part("a.example", at.Add(time.Duration(next)*time.Millisecond))
	})
	if most := jittered(time.Hour); most != 66*time.Minute {
		t.Errorf("the most is %s", most)
	}
}

func TestLater(t *testing.T) {
	minute := func(n time.Duration) time.Duration { return n * time.Minute }
	tests := []struct {
		interval time.Duration
		silent   int
		want     time.Duration
	}{
		{minute(5), 0, minute(5)},
		{minute(5), 1, minute(5)}, // once may be chance
		{minute(5), 2, minute(10)},
		{minute(5), 3, minute(20)},
		{minute(5), 4, minute(40)},
		{minute(5), 5, minute(60)},
		{minute(5), 1_000_000_000, minute(60)},
		{minute(60), 7, minute(60)},
		{minute(300), 7, minute(300)}, // never sooner than otherwise
	}
	for _, test := range tests {
		if got := later(test.interval, test.silent); got != test.want {
			t.Errorf("after %d silent looks at every %s the next is in %s, want %s", test.silent, test.interval, got, test.want)
		}
	}
}

func TestQueue(t *testing.T) {
	now := time.Now()
	var q queue
	var all []*item
	for i := range 1000 {
		it := &item{target: Target{Tenant: fmt.Sprint(i)}}
		q.put(it, now.Add(spread(time.Hour, it.target.Tenant)))
		all = append(all, it)
	}
	for _, i := range []int{500, 20, 999} {
		all[i].hurry(now)
		now = now.Add(time.Second)
	}
	heap.Remove(&q, all[7].place)
	if all[7].in != nil {
		t.Error("an item that was taken out believes that it is queued")
	}
	var order []*item
	for len(q) > 0 {
		it := q.next()
		if it.in != nil {
			t.Fatal("an item that was taken believes that it is queued")
		}
		order = append(order, it)
	}
	if len(order) != 999 || order[0] != all[500] || order[1] != all[20] || order[2] != all[999] {
		t.Error("those in a hurry were not first, in the order in which they came")
	}
	if !slices.IsSortedFunc(order, func(a, b *item) int { return a.due.Compare(b.due) }) {
		t.Error("the others were not in the order in which they are due")
	}
}

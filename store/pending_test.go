package store

import (
	"fmt"
	"testing"
)

// muchWaits returns a store in which so many changes of a bucket wait, and nothing is saved.
func muchWaits(t testing.TB, changes int) *File {
	t.Helper()
	f, _ := opened(t, t.TempDir())
	f.saving.Lock()
	t.Cleanup(func() {
		f.mu.Lock()
		f.waiting = pending{} // which nobody wants on a disk
		f.mu.Unlock()
		f.saving.Unlock()
		f.Close()
	})
	for i := range changes {
		f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%07d", i), Value: []byte("v")})
	}
	return f
}

// TestWalkCopiesNothing: a walk takes no more of what waits than it shows, and messages wait for no
// more: what it takes does not grow with what waits.
func TestWalkCopiesNothing(t *testing.T) {
	of := func(changes int) float64 {
		f := muchWaits(t, changes)
		return testing.AllocsPerRun(100, func() {
			for _, r := range []Range{{}, {Reverse: true}, {From: "0000500"}, {To: "0000500", Reverse: true}} {
				count := 0
				if err := f.Walk("b", r, func(string, []byte) bool { count++; return count < 3 }); err != nil || count != 3 {
					t.Fatalf("%d keys, %v", count, err)
				}
			}
			f.Write(Change{Bucket: "b", Key: "0000007", Value: []byte("w")})
		})
	}
	if few, many := of(1000), of(100_000); many > 2*few {
		t.Errorf("%g allocations where 1,000 changes wait, %g where 100,000 do", few, many)
	}
}

// BenchmarkWaiting is what a message costs that has a change saved, where few changes wait, and many; and
// where a walk comes before each.
func BenchmarkWaiting(b *testing.B) {
	for _, waiting := range []int{100, 100_000} {
		for _, walked := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d wait, walk %t", waiting, walked), func(b *testing.B) {
				f := muchWaits(b, waiting)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if walked {
						f.Walk("b", Range{Reverse: true}, func(string, []byte) bool { return false })
					}
					f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%07d", i*7919%waiting), Value: []byte("v")})
				}
			})
		}
	}
}

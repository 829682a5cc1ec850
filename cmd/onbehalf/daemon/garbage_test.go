package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// TestReloadsBesideMailRaiseNoBound: what messages hold during a reload is not taken for tenants, and
// a bound that was lifted comes back.
func TestReloadsBesideMailRaiseNoBound(t *testing.T) {
	const held, most, slack = 256 << 20, 512 << 20, 32 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	runtime.GC()
	boundMemory(most)
	bound := debug.SetMemoryLimit(-1)
	mail := make([]byte, held)
	runtime.GC()
	for _, reloaded := range []bool{true, false, true} {
		unbounded(func() (int64, int64) { return held, most })(reloaded)
		if now := debug.SetMemoryLimit(-1); now < bound || now > bound+slack {
			t.Errorf("the bound was %d MB and is %d MB", bound>>20, now>>20)
		}
	}
	boundMemory(most - held) // as after a long reload
	if now := debug.SetMemoryLimit(-1); now < bound-slack || now > bound+slack {
		t.Errorf("the bound was %d MB and is %d MB after a long reload", bound>>20, now>>20)
	}
	runtime.KeepAlive(mail)
}

// TestGarbageIsCollectedBeforeABoundIsLowered: else the message that takes memory next would have to
// collect all that a reload has left.
func TestGarbageIsCollectedBeforeABoundIsLowered(t *testing.T) {
	const most = 16 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it gathers
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for _, reloaded := range []bool{false, true} {
		for size, want := range map[int]int64{0: 0, 512 << 20: 1} {
			runtime.GC()
			boundMemory(most)
			done := unbounded(func() (int64, int64) { return 0, most })
			litter(size)
			before := read("/gc/cycles/forced:gc-cycles")
			done(reloaded)
			if n := read("/gc/cycles/forced:gc-cycles") - before; n != want {
				t.Errorf("reloaded %t: with %d octets of garbage it was collected %d times, want %d", reloaded, size, n, want)
			}
		}
	}
}

// TestLongReloadBeginsWithACollection, and has garbage collected sooner until it is over.
func TestLongReloadBeginsWithACollection(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	synctest.Test(t, func(t *testing.T) {
		usual := percentOfGarbage()
		before := read("/gc/cycles/forced:gc-cycles")
		done := unbounded(func() (int64, int64) { return 0, 0 })
		time.Sleep(longReload - time.Millisecond)
		if n := read("/gc/cycles/forced:gc-cycles") - before; n != 0 {
			t.Errorf("before it was long garbage was collected %d times", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := read("/gc/cycles/forced:gc-cycles") - before; n != 1 {
			t.Errorf("garbage was collected %d times, want once", n)
		}
		during := percentOfGarbage()
		done(true)
		if now := percentOfGarbage(); during != garbageOfLoad || now != usual {
			t.Errorf("garbage may be %d %%, and %d %% when it is over", during, now)
		}
	})
}

func percentOfGarbage() int64 { return read("/gc/gogc:percent") }

// litter makes garbage of so many octets.
func litter(size int) {
	for range size >> 20 {
		trash = make([]byte, 1<<20)
	}
	trash = nil
}

var trash []byte

package daemon

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// ballast is memory that is never touched, and so takes none of the host's. The Go run time
// collects garbage when as much has gathered as is in use; with few tenants that is 4 MB, and
// collecting that often is a tenth of the work on a small message. It counts the ballast as in use.
type ballast []byte

func newBallast() ballast { return make(ballast, 16<<20) }

// roomForGarbage is what may gather above what is in use, in octets, before it is collected
// whatever that costs.
const roomForGarbage = 64 << 20

// garbageOfLoad is how much garbage may gather while a configuration is loaded, in percent of what
// is in use: with the usual 100, a million tenants would take twice the memory that they need. A
// reload that is over sooner than longReload reads few tenants and does without: while garbage is
// collected, messages wait for a processor. One that is not begins with a collection, for the reason
// that lowerBound gives.
const (
	garbageOfLoad = 60
	longReload    = 8 * time.Second
)

// duringStart has garbage collected as a load needs it, until done is called.
func duringStart() (done func()) {
	percent := debug.SetGCPercent(garbageOfLoad)
	return func() { debug.SetGCPercent(percent) }
}

// unbounded lifts the bound of messages for a reload, which needs memory of its own: above the bound
// garbage is collected all the time, on half of the processors, and messages wait. The old generation
// is in memory until a new one has taken over, so it lasts until done is called. Messages returns what
// they hold, and what they may, in octets. What they hold just now raises no bound: it would never
// fall again.
func unbounded(messages func() (held, most int64)) (done func(reloaded bool)) {
	bound := debug.SetMemoryLimit(math.MaxInt64)
	_, most := messages()
	others := bound - most
	percent := make(chan int, 1)
	long := time.AfterFunc(longReload, func() {
		runtime.GC()
		percent <- debug.SetGCPercent(garbageOfLoad)
	})
	return func(reloaded bool) {
		wasLong := !long.Stop()
		if wasLong {
			debug.SetGCPercent(<-percent)
		}
		held, most := messages()
		switch {
		case !reloaded:
			lowerBound(bound)
		case wasLong:
			runtime.GC() // the old generation, and what the load has left, are not in use
			boundMemory(most - held)
		default:
			lowerBound(max(others, inUse()-garbage()-held+roomForGarbage) + most)
		}
	}
}

// lowerBound bounds memory after a reload without a bound. With more garbage than a bound allows, Go
// has whoever takes memory next collect all of it, and that is a message, which waits for half a
// second: so it is collected before.
func lowerBound(bound int64) {
	if inUse() > bound {
		runtime.GC()
	}
	debug.SetMemoryLimit(bound)
}

// boundMemory has garbage collected more often when messages hold much: else as much as they hold
// would gather beside them. What is in use already (tenants, keys) is not for them: forMessages is
// what they may hold more, in octets.
func boundMemory(forMessages int64) { debug.SetMemoryLimit(inUse() + forMessages + roomForGarbage) }

// inUse returns what the process has of the host's memory, in octets.
func inUse() int64 {
	return read("/memory/classes/total:bytes") - read("/memory/classes/heap/released:bytes") - read("/memory/classes/heap/free:bytes")
}

// garbage returns what has gathered since garbage was last collected, in octets, at most.
func garbage() int64 { return read("/memory/classes/heap/objects:bytes") - read("/gc/heap/live:bytes") }

func read(metric string) int64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

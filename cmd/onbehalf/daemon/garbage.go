package daemon

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// ballast is memory that is never touched, and so takes none of the host's. The Go run time
// collects garbage when as much has gathered as is in use; with few tenants that is 4 MB, and
// collecting that often is a tenth of the work on a small message. It counts the ballast as in use.
type ballast []byte

func newBallast() ballast { return make(ballast, 16<<20) }

// roomForGarbage is what may gather above what is in use, in octets, before it is collected
// whatever that costs.
const roomForGarbage = 64 << 20

// garbageOfReload is how much garbage may gather during a reload, in percent of what is in use: with
// the usual 100, a million tenants would take twice the memory that they need. A start, which has
// nothing in use yet, is faster with 100.
const garbageOfReload = 50

// unbounded lifts the bound of messages for a reload, which needs memory of its own: above the bound
// garbage is collected all the time, on half of the processors, and messages wait. The old generation
// is in memory until a new one has taken over, so it lasts until done is called.
func unbounded() (done func(reloaded bool, forMessages int64)) {
	bound, percent := debug.SetMemoryLimit(math.MaxInt64), debug.SetGCPercent(garbageOfReload)
	return func(reloaded bool, forMessages int64) {
		debug.SetGCPercent(percent)
		if !reloaded {
			debug.SetMemoryLimit(bound)
			return
		}
		runtime.GC() // the old generation, and what the load has left, are not in use
		boundMemory(forMessages)
	}
}

// boundMemory has garbage collected more often when messages hold much: else as much as they hold
// would gather beside them. What is in use before them (tenants, keys) is not for them.
func boundMemory(forMessages int64) {
	inUse := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(inUse)
	mapped := int64(inUse[0].Value.Uint64() - inUse[1].Value.Uint64() - inUse[2].Value.Uint64())
	debug.SetMemoryLimit(mapped + forMessages + roomForGarbage)
}

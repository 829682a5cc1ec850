package daemon

import (
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

// boundMemory has garbage collected more often when messages hold much: else as much as they hold
// would gather beside them. What is in use before them (tenants, keys) is not for them.
func boundMemory(forMessages int64) {
	inUse := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(inUse)
	mapped := int64(inUse[0].Value.Uint64() - inUse[1].Value.Uint64())
	debug.SetMemoryLimit(mapped + forMessages + roomForGarbage)
}

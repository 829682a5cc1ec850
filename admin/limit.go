package admin

import "fmt"

// Limit is one that the daemon keeps, and how near it is.
type Limit struct {
	Name LimitName `json:"name"`
	Used float64   `json:"used"` // connections, bytes, or packets a second
	Most float64   `json:"most"`
}

// LimitName is what a Limit is of.
type LimitName string

// The limits.
const (
	LimitConnections LimitName = "connections" // limits.connections
	LimitMemory      LimitName = "memory"      // limits.memory, in bytes
	LimitDNS         LimitName = "dns"         // dns.max_per_second, over the last ten seconds
	LimitStore       LimitName = "store"       // bytes of changes that wait to be saved
)

// LimitNames are all of them.
var LimitNames = [...]LimitName{LimitConnections, LimitMemory, LimitDNS, LimitStore}

// NearLimit is the share from which on people are shown a limit, and AtLimit that from which on it
// is about to be reached.
const (
	NearLimit = 0.8
	AtLimit   = 0.95
)

// Share returns how much of the limit is used: 1 is all of it.
func (l Limit) Share() float64 {
	if l.Most <= 0 {
		return 0
	}
	return l.Used / l.Most
}

// String says how near it is, and what happens when it is reached.
func (l Limit) String() string {
	percent := int(100 * l.Share())
	switch l.Name {
	case LimitConnections:
		return fmt.Sprintf("%d %% of limits.connections: %.0f of %.0f; beyond it, Postfix defers mail", percent, l.Used, l.Most)
	case LimitMemory:
		return fmt.Sprintf("%d %% of limits.memory: %.0f of %.0f MiB; beyond it, messages are deferred", percent, l.Used/(1<<20), l.Most/(1<<20))
	case LimitDNS:
		return fmt.Sprintf("%d %% of dns.max_per_second: %.0f of %.0f; beyond it, lookups wait", percent, l.Used, l.Most)
	case LimitStore:
		return fmt.Sprintf("%d %% of what may wait to be saved: %.0f of %.0f MiB; beyond it, changes are lost", percent, l.Used/(1<<20), l.Most/(1<<20))
	}
	return fmt.Sprintf("%d %% of %s", percent, l.Name)
}

package milter

import (
	"maps"
	"strings"
	"sync"

	"onbehalf/message"
)

// Returned counts the mail that came back for one tenant.
type Returned struct {
	Messages  int64            // led home, of any kind
	Automatic int64            // of these: with Auto-Submitted (RFC 3834), such as vacation replies
	Reports   map[string]int64 // of delivery status notifications, by action (RFC 3464 section 2.3.3)
}

// Returns counts by tenant id; empty: the platform's, or nobody's. The zero value is
// ready. It may be used by many goroutines.
type Returns struct {
	mu       sync.Mutex
	byTenant map[string]*Returned
}

// actions of RFC 3464. What else a notification says counts as "other".
var knownActions = map[string]bool{"failed": true, "delayed": true, "delivered": true, "relayed": true, "expanded": true}

func (r *Returns) add(tenant string, reports []message.Report, h message.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byTenant == nil {
		r.byTenant = make(map[string]*Returned)
	}
	counts := r.byTenant[tenant]
	if counts == nil {
		counts = &Returned{Reports: make(map[string]int64)}
		r.byTenant[tenant] = counts
	}
	counts.Messages++
	if field, found := h.Get("Auto-Submitted"); found && !strings.EqualFold(field.Text(), "no") {
		counts.Automatic++
	}
	for _, report := range reports {
		if knownActions[report.Action] {
			counts.Reports[report.Action]++
		} else {
			counts.Reports["other"]++
		}
	}
}

// ByTenant gives a copy of all counts.
func (r *Returns) ByTenant() map[string]Returned {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]Returned, len(r.byTenant))
	for tenant, counts := range r.byTenant {
		one := *counts
		one.Reports = maps.Clone(counts.Reports)
		all[tenant] = one
	}
	return all
}

package milter

import (
	"maps"
	"strings"
	"sync"

	"onbehalf/message"
	"onbehalf/rewrite"
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

// actionOf gives the action of a report: one of RFC 3464, or "other".
func actionOf(r message.Report) string {
	switch r.Action {
	case "failed", "delayed", "delivered", "relayed", "expanded":
		return r.Action
	}
	return "other"
}

// add counts a message for each tenant that it is led home to, which need not be the
// one that sent it.
func (r *Returns) add(exchanges []rewrite.Exchange, reports []message.Report, h message.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byTenant == nil {
		r.byTenant = make(map[string]*Returned)
	}
	seen := make(map[string]bool)
	for _, x := range exchanges {
		if !seen[x.Tenant] {
			seen[x.Tenant] = true
			r.of(x.Tenant).add(reports, h)
		}
	}
}

func (r *Returns) of(tenant string) *Returned {
	if r.byTenant[tenant] == nil {
		r.byTenant[tenant] = &Returned{Reports: make(map[string]int64)}
	}
	return r.byTenant[tenant]
}

func (r *Returned) add(reports []message.Report, h message.Header) {
	r.Messages++
	if field, found := h.Get("Auto-Submitted"); found && !strings.EqualFold(field.Text(), "no") {
		r.Automatic++
	}
	for _, report := range reports {
		r.Reports[actionOf(report)]++
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

package admin

import (
	"net/http"
	"time"

	"onbehalf/counters"
)

// Counters is the document at /counters/TENANT, and a part of that at /tenants/TENANT: what became
// of the tenant's mail on the last 30 days of UTC, today included. Those of the platform are at
// /counters/(platform), those of what belongs to no tenant at /counters/(unknown).
type Counters struct {
	Days []counters.Day `json:"days"` // the earliest first
	// Last is when the last message of the tenant's own was seen, since history.keep. Absent: none
	// was.
	Last          time.Time               `json:"last,omitzero"`
	Disagreements []counters.Disagreement `json:"disagreements,omitempty"` // of the last 7 days
	Error         string                  `json:"error,omitempty"`         // why there are none, within a Tenant
}

func (h *Handler) counters(called string) (any, *refusal) {
	id := called
	if id != counters.Platform && id != counters.Unknown {
		t, hint := h.source.Table().Snapshot().Find(called)
		if t == nil {
			return nil, refuse(http.StatusNotFound, "there is no tenant %.80q%s", called, hint)
		}
		id = t.ID
	}
	doc, err := h.source.Counters(id)
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "counters of %s: %v", id, err)
	}
	return doc, nil
}

// countersWithin returns them for a document that there is without them, too.
func (h *Handler) countersWithin(id string) Counters {
	doc, err := h.source.Counters(id)
	if err != nil {
		doc.Error = err.Error()
	}
	return doc
}

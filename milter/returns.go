package milter

import (
	"maps"
	"strings"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/receivers"
	"onbehalf/rewrite"
)

// Returned counts the mail that came back for one tenant.
type Returned struct {
	Messages  int64            // forwarded, of any kind
	Automatic int64            // of these: with Auto-Submitted (RFC 3834), such as vacation replies
	Reports   map[string]int64 // of delivery status notifications, by action (RFC 3464 section 2.3.3)
	// Refusals are what receivers say against the tenant's mail, by the number of the entry
	// in package receivers: authentication that fails, and rules of theirs.
	Refusals map[int]Refusal
}

// Refusal is one thing that receivers said.
type Refusal struct {
	Meaning receivers.Meaning
	Finding string // a sentence
	Times   int64
	Last    time.Time
}

// Returns counts by tenant id; empty: the platform's, or what belongs to no tenant. The zero value
// is ready. It may be used by many goroutines.
type Returns struct {
	mu       sync.Mutex
	byTenant map[string]*Returned
}

// actionOf returns the action of a report: one of RFC 3464, or "other".
func actionOf(r message.Report) string {
	switch r.Action {
	case "failed", "delayed", "delivered", "relayed", "expanded":
		return r.Action
	}
	return "other"
}

// refusals returns what receivers have against the message: not the recipients that are gone, nor
// the platform's own affairs.
func refusals(all []Failure) (found []Refusal) {
	seen := make(map[int]bool)
	for _, one := range all {
		meaning := one.Meaning
		if ours := meaning.Class == receivers.Auth || meaning.Class == receivers.Policy; !ours || seen[meaning.Entry] {
			continue
		}
		seen[meaning.Entry] = true
		found = append(found, Refusal{Meaning: meaning, Finding: findingOf(meaning)})
	}
	return found
}

// directSend is the entry of Exchange Online's Reject Direct Send.
const directSend = 23

func findingOf(m receivers.Meaning) string {
	if m.Entry == directSend {
		return "the tenant's Exchange refuses its own domain from outside; it needs a connector, or DKIM"
	}
	return m.Means
}

// add counts a message for each tenant that it is forwarded to, which need not be the
// one that sent it.
func (r *Returns) add(redirects []rewrite.Redirect, status *message.StatusReader, said []Refusal, h message.Header, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byTenant == nil {
		r.byTenant = make(map[string]*Returned)
	}
	seen := make(map[string]bool)
	for _, x := range redirects {
		if !seen[x.Tenant] {
			seen[x.Tenant] = true
			one := r.of(x.Tenant)
			one.add(status.Reports, h)
			one.note(said, now)
		}
	}
}

func (r *Returns) of(tenant string) *Returned {
	if r.byTenant[tenant] == nil {
		r.byTenant[tenant] = &Returned{Reports: make(map[string]int64), Refusals: make(map[int]Refusal)}
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

// note counts what receivers said.
func (r *Returned) note(said []Refusal, now time.Time) {
	for _, one := range said {
		one.Times, one.Last = r.Refusals[one.Meaning.Entry].Times+1, now
		r.Refusals[one.Meaning.Entry] = one
	}
}

// Of returns a copy of the counts of one tenant. Its maps are nil when nothing came back.
func (r *Returns) Of(tenant string) Returned {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.byTenant[tenant]
	if counts == nil {
		return Returned{}
	}
	one := *counts
	one.Reports, one.Refusals = maps.Clone(counts.Reports), maps.Clone(counts.Refusals)
	return one
}

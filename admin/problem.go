package admin

import (
	"cmp"
	"slices"
	"time"

	"onbehalf/tenant"
)

// problems are gathered first, and then cut to what a document holds.
type problems []Problem

// Bounds of the lists in a document.
const (
	maxListed  = 100
	maxDomains = 1000 // of one tenant
)

// take notes what should be better in a standing, given how mail of its domain leaves.
// A mechanism that is merely not there is no problem to a domain that needs it for
// nothing.
func (all *problems) take(id string, s tenant.Standing, delivery Delivery) {
	note := func(mechanism string, m tenant.Mechanism, missed bool) {
		troubled := m.LookupError != tenant.LookupError{}
		if m.State == tenant.Warning || troubled || missed && m.State == tenant.Pending {
			*all = append(*all, Problem{id, s.Domain, mechanism, m.State, m.Since, m.Evidence, m.LookupError})
		}
	}
	unsigned := delivery != Signed
	if s.SPF.Of != "" {
		note("spf", s.SPF, unsigned && delivery != BySPF && delivery != ByPath)
	}
	for _, key := range s.DKIM {
		note("dkim "+key.Name, key.Mechanism, unsigned)
	}
	if s.ReturnPath.Of != "" {
		note("return_path", s.ReturnPath, unsigned && delivery != BySPF)
	}
	if s.DMARC.LookupError != (tenant.LookupError{}) {
		*all = append(*all, Problem{id, s.Domain, "dmarc", tenant.State(s.DMARC.Policy), time.Time{}, s.DMARC.Evidence, s.DMARC.LookupError})
	}
}

// worst returns as many as a document holds: what concerns the platform, then what may
// soon be lost, what DNS does not tell about, and what is not there, each the
// latest first.
func (all problems) worst() []Problem {
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.weight(), b.weight()), b.when().Compare(a.when()))
	})
	return append([]Problem{}, all[:min(len(all), maxListed)]...)
}

// weight is the less, the worse the problem is.
func (p Problem) weight() int {
	switch {
	case p.Tenant == "":
		return 0
	case p.State == tenant.Warning:
		return 1
	case p.Trouble != tenant.LookupError{}:
		return 2
	}
	return 3
}

// when returns the instant that the problem is known by.
func (p Problem) when() time.Time {
	if p.Since.IsZero() {
		return p.Trouble.At
	}
	return p.Since
}

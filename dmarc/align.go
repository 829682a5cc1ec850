package dmarc

import "onbehalf/message"

// Mechanism is what authenticates a domain.
type Mechanism int

const (
	SPF  Mechanism = iota // the domain of the envelope sender (RFC 7208)
	DKIM                  // the SDID of a signature (RFC 6376)
)

// Author is the domain in From, and what it asks of receivers.
type Author struct {
	Domain message.Domain
	Asks   Asks
}

// Authenticated is a domain for which SPF or DKIM passes.
type Authenticated struct {
	Domain message.Domain
	// Organizational is its organizational domain by the tree walk; zero: not known.
	Organizational message.Domain
}

// Aligned reports whether every receiver takes what the mechanism has authenticated for the
// author's (RFC 9989 section 3.2.10, sections 4.4.1 and 4.4.2). Strict alignment is equality,
// relaxed alignment means one organizational domain. The domain of an author that was never
// looked up may ask for strict alignment, and only the domain itself aligns with it.
func (a Author) Aligned(by Mechanism, with Authenticated) bool {
	switch {
	case with.Domain.IsZero():
		return false
	case with.Domain == a.Domain:
		return true
	case a.strict(by), a.Asks.Policy == Unknown, Listed(with.Domain) != Listed(a.Domain):
		return false
	}
	return a.SameOrganization(with)
}

func (a Author) strict(by Mechanism) bool {
	if by == DKIM {
		return a.Asks.StrictDKIM
	}
	return a.Asks.StrictSPF
}

// SameOrganization reports whether receivers that walk the tree find one organizational domain
// for both, as far as is known. Without a record of the author's there is nothing to find.
func (a Author) SameOrganization(with Authenticated) bool {
	if a.Asks.Policy == Absent || with.Organizational.IsZero() || a.Asks.Organizational.IsZero() {
		return true
	}
	return with.Organizational == a.Asks.Organizational
}

package selftest

import (
	"fmt"

	"onbehalf/message"
	"onbehalf/tenant"
)

func (t *Test) platformAddress() message.Address {
	p := t.snapshot.Platform()
	if p.Owns(p.BouncesTo.Domain) {
		return p.BouncesTo
	}
	return message.Address{Local: "postmaster", Domain: p.Domain}
}

// tenantAddress returns the address asked for, or one that a person may read: an address that does
// not exist should not get answers to a test.
func (t *Test) tenantAddress(from message.Address) (message.Address, error) {
	if from.Domain.IsZero() {
		return t.defaultAddress()
	}
	owner, _ := t.snapshot.Owner(from.Domain)
	switch {
	case t.ownsAlone(from.Domain):
		return from, nil
	case owner != nil && owner != t.tenant:
		return from, fmt.Errorf("--from: %s belongs to tenant %s, not to %s", from.Domain, owner.ID, t.TenantID)
	}
	return from, fmt.Errorf("--from: %s is not a domain of tenant %s", from.Domain, t.TenantID)
}

func (t *Test) defaultAddress() (message.Address, error) {
	likely := []message.Address{t.tenant.BouncesTo}
	for _, wildcard := range []bool{false, true} {
		for _, pattern := range t.tenant.Domains {
			if pattern.Wildcard == wildcard {
				likely = append(likely, postmasterOf(pattern))
			}
		}
	}
	for _, from := range likely {
		if t.ownsAlone(from.Domain) {
			return from, nil
		}
	}
	return message.Address{}, fmt.Errorf("tenant %s has no address to send from; choose one with --from", t.TenantID)
}

// postmasterOf returns the address that every domain with mail has (RFC 5321 section
// 4.5.1); below a wildcard it is a guess.
func postmasterOf(pattern tenant.Pattern) message.Address {
	domain := pattern.Domain
	if pattern.Wildcard {
		domain, _ = message.ParseDomain("mail." + domain.String())
	}
	return message.Address{Local: "postmaster", Domain: domain}
}

func (t *Test) ownsAlone(d message.Domain) bool {
	owner, _ := t.snapshot.Owner(d)
	return !d.IsZero() && owner == t.tenant && !t.snapshot.Platform().Owns(d)
}

package selftest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Choose returns the tenant of an id; an empty id is the first one, which is said.
func Choose(id string, all []*tenant.Tenant, talk io.Writer) (*tenant.Tenant, error) {
	if len(all) == 0 {
		return nil, errors.New("the configuration has no tenant; add one to tenants_dir first")
	}
	if id == "" {
		fmt.Fprintf(talk, "testing with tenant %s, the first of %d; choose another by --tenant\n", all[0].ID, len(all))
		return all[0], nil
	}
	var some []string
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
		some = append(some, t.ID)
	}
	const few = 5
	if len(some) > few {
		some = append(some[:few], "...")
	}
	return nil, fmt.Errorf("there is no tenant %q; there are %s", id, strings.Join(some, ", "))
}

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
		return t.likelyAddress()
	}
	owner, _ := t.snapshot.Owner(from.Domain)
	switch {
	case t.ownsAlone(from.Domain):
		return from, nil
	case owner != nil && owner != t.tenant:
		return from, fmt.Errorf("--from: %s belongs to tenant %s, not to %s", from.Domain, owner.ID, t.TenantID)
	}
	return from, fmt.Errorf("--from: %s is no domain of tenant %s", from.Domain, t.TenantID)
}

func (t *Test) likelyAddress() (message.Address, error) {
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
	return message.Address{}, fmt.Errorf("tenant %s has no address that can be chosen for it; choose one by --from", t.TenantID)
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

package config

import "onbehalf/tenant"

// Identify returns the platform and each tenant the identities that they can sign
// as: of those that the configuration names, the ones that held lets through, as it
// returns them. Without it nobody has an identity. Tenants without keys are not written to:
// others may be reading them.
func (c *Config) Identify(held func([]tenant.Identity) []tenant.Identity) {
	named := make(map[*tenant.Tenant][]tenant.Identity)
	for _, key := range c.Keys {
		refused := make(map[tenant.Identity]bool, len(key.Refused)) // another tenant's key may have such a name
		for _, id := range key.Refused {
			refused[id] = true
		}
		ids := named[key.Tenant]
		for _, id := range key.Identities {
			if !refused[id] {
				ids = append(ids, id)
			}
		}
		named[key.Tenant] = ids
	}
	c.Platform.Identities = held(named[nil])
	delete(named, nil)
	for t, ids := range named {
		t.Identities = held(ids)
	}
}

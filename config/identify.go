package config

import "onbehalf/tenant"

// Identify returns the platform and each tenant the identities that they can sign
// as: of those that the configuration names, the ones that held lets through, as it
// returns them. Without it nobody has an identity.
func (c *Config) Identify(held func([]tenant.Identity) []tenant.Identity) {
	named := make(map[*tenant.Tenant][]tenant.Identity)
	for _, key := range c.Keys {
		refused := make(map[tenant.Identity]bool, len(key.Refused)) // another tenant's key may have such a name
		for _, id := range key.Refused {
			refused[id] = true
		}
		for _, id := range key.Identities {
			if !refused[id] {
				named[key.Tenant] = append(named[key.Tenant], id)
			}
		}
	}
	c.Platform.Identities = held(named[nil])
	for _, t := range c.Tenants {
		if held := held(named[t]); held != nil || t.Identities != nil { // others may be reading it
			t.Identities = held
		}
	}
}

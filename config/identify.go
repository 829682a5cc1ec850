package config

import (
	"slices"

	"onbehalf/tenant"
)

// Identify gives the platform and each tenant the identities that they can sign
// as: of those that the configuration names, the ones that held lets through, as it
// returns them. Without it nobody has an identity.
func (c *Config) Identify(held func([]tenant.Identity) []tenant.Identity) {
	named := make(map[*tenant.Tenant][]tenant.Identity)
	for _, key := range c.Keys {
		for _, id := range key.Identities {
			if !slices.Contains(key.Refused, id) { // another tenant's key may have that name
				named[key.Tenant] = append(named[key.Tenant], id)
			}
		}
	}
	c.Platform.Identities = held(named[nil])
	for _, t := range c.Tenants {
		t.Identities = held(named[t])
	}
}

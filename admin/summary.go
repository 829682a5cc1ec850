package admin

import (
	"slices"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// summary is one look at all tenants.
type summary struct {
	snapshot *tenant.Snapshot
	below    map[string][]message.Domain // by tenant: names below a wildcard that mail came from
	platform []tenant.Standing           // of its own domains
	now      time.Time
}

// newSummary looks at a table at one instant. Standings that come in while it is made may
// be missed, and are seen by the next one.
func newSummary(table *tenant.Table, now time.Time) (*summary, error) {
	all, err := table.Standings()
	if err != nil {
		return nil, err
	}
	v := &summary{snapshot: table.Snapshot(), below: make(map[string][]message.Domain), now: now}
	for _, s := range all {
		if v.isPlatforms(s.Domain) {
			v.platform = append(v.platform, s)
		} else if owner, _ := v.snapshot.Owner(s.Domain); owner != nil && !s.Seen.IsZero() {
			v.below[owner.ID] = append(v.below[owner.ID], s.Domain)
		}
	}
	return v, nil
}

// isPlatforms reports whether the platform's own mail depends on the domain.
func (v *summary) isPlatforms(d message.Domain) bool {
	p := v.snapshot.Platform()
	return d == p.Domain || d == p.FromDomain || d == p.Bounce
}

// source is where mail of a tenant comes from.
type source struct {
	pattern tenant.Pattern // a wildcard: no mail came from there yet
	domain  message.Domain // of the author; a wildcard's is one that might come
	at      message.Domain // whose standing says what the tenant publishes; zero: of another source
}

func exactly(d message.Domain) source { return source{tenant.Pattern{Domain: d}, d, d} }

// sources returns where mail of a tenant comes from, as far as it is known: the domains
// that it names, those that a wildcard covers and mail came from, and below a
// wildcard any other.
func (v *summary) sources(t *tenant.Tenant) []source {
	var named, wild []source
	exact := make(map[message.Domain]bool)
	for _, p := range t.Domains {
		if !p.Wildcard {
			exact[p.Domain] = true
			named = append(named, exactly(p.Domain))
		}
	}
	for _, p := range t.Domains {
		switch {
		case p.Wildcard && exact[p.Domain]:
			wild = append(wild, source{p, Sample(p), message.Domain{}})
		case p.Wildcard:
			wild = append(wild, source{p, Sample(p), p.Domain})
		}
	}
	for _, d := range v.below[t.ID] {
		if !exact[d] {
			named = append(named, exactly(d))
		}
	}
	return append(named, wild...)
}

// Sample returns a domain that a wildcard covers; where there is no room for one, its own.
func Sample(p tenant.Pattern) message.Domain {
	below, err := message.ParseDomain("any-name." + p.Domain.String())
	if err != nil { // there is no room for it
		return p.Domain
	}
	return below
}

// all counts all tenants, and gathers what is wrong with them.
func (v *summary) all(tenants []*tenant.Tenant) (Tenants, problems) {
	count := Tenants{By: make(map[Delivery]int)}
	var found problems
	for _, s := range v.platform {
		found.take("", s, Platform)
	}
	for _, t := range tenants {
		from := v.sources(t)
		count.take(t, v.deliveriesOf(t, from, &found), v.waits(t, from))
	}
	return count, found
}

// deliveriesOf returns the ways of a tenant's mail, guesses only where there is nothing
// better, and notes what is wrong.
func (v *summary) deliveriesOf(t *tenant.Tenant, all []source, found *problems) []Delivery {
	var deliveries []Delivery
	for _, from := range all {
		delivery := deliveryOf(v.decide(t, from.domain))
		if t.Authorization == tenant.Auto && !from.at.IsZero() {
			found.take(t.ID, v.snapshot.Standing(from.at), delivery)
		}
		if !from.pattern.Wildcard || all[0].pattern.Wildcard {
			deliveries = append(deliveries, delivery)
		}
	}
	return deliveries
}

// waits reports whether a domain of the tenant has not been looked up yet.
func (v *summary) waits(t *tenant.Tenant, all []source) bool {
	return t.Authorization == tenant.Auto && slices.ContainsFunc(all, func(from source) bool {
		return !from.at.IsZero() && !v.snapshot.Standing(from.at).LookedUp()
	})
}

// decide returns the plan for mail of a domain.
func (v *summary) decide(t *tenant.Tenant, d message.Domain) rewrite.Plan {
	return rewrite.Decide(letter(t, d, v.now), v.snapshot)
}

// take counts one tenant.
func (c *Tenants) take(t *tenant.Tenant, deliveries []Delivery, waits bool) {
	c.Total++
	if len(deliveries) == 0 {
		return
	}
	worst := slices.MaxFunc(deliveries, Delivery.compare)
	c.By[worst]++
	if slices.MinFunc(deliveries, Delivery.compare) != worst {
		c.Mixed++
	}
	if waits {
		c.NotLookedUp++
	}
	if t.Policy.Mode == tenant.Shadow {
		c.Shadow++
	}
}

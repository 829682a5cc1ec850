package admin

import (
	"slices"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// survey is one look at all tenants.
type survey struct {
	snapshot *tenant.Snapshot
	below    map[string][]message.Domain // by tenant: names below a wildcard that mail came from
	platform []tenant.Standing           // of its own domains
	now      time.Time
}

// newSurvey looks at a table at one instant. Standings that come in while it is made may
// be missed, and are seen by the next one.
func newSurvey(table *tenant.Table, now time.Time) (*survey, error) {
	all, err := table.Standings()
	if err != nil {
		return nil, err
	}
	v := &survey{snapshot: table.Snapshot(), below: make(map[string][]message.Domain), now: now}
	for _, s := range all {
		if v.isPlatforms(s.Domain) {
			v.platform = append(v.platform, s)
		} else if owner, _ := v.snapshot.Owner(s.Domain); owner != nil && !s.Seen.IsZero() {
			v.below[owner.ID] = append(v.below[owner.ID], s.Domain)
		}
	}
	return v, nil
}

// isPlatforms tells whether the platform's own mail depends on the domain.
func (v *survey) isPlatforms(d message.Domain) bool {
	p := v.snapshot.Platform()
	return d == p.Domain || d == p.FromDomain || d == p.Bounce
}

// needed is a standing of the platform's own without what nothing needs: a key at the domain of
// rewritten Froms counts only where DMARC asks for strict alignment.
func (v *survey) needed(s tenant.Standing) tenant.Standing {
	if p := v.snapshot.Platform(); s.Domain == p.FromDomain && s.Domain != p.Domain && !s.DMARC.StrictDKIM {
		s.DKIM = slices.DeleteFunc(slices.Clone(s.DKIM), func(key tenant.Selector) bool { return key.State == tenant.Pending })
	}
	return s
}

// source is where mail of a tenant comes from.
type source struct {
	pattern tenant.Pattern // a wildcard: no mail came from there yet
	domain  message.Domain // of the author; a wildcard's is one that might come
	at      message.Domain // whose standing tells what the tenant publishes; zero: of another source
}

func exactly(d message.Domain) source { return source{tenant.Pattern{Domain: d}, d, d} }

// sources gives where mail of a tenant comes from, as far as it is known: the domains
// that it names, those that a wildcard covers and mail came from, and below a
// wildcard any other.
func (v *survey) sources(t *tenant.Tenant) []source {
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

// Sample gives a domain that a wildcard covers; where there is no room for one, its own.
func Sample(p tenant.Pattern) message.Domain {
	below, err := message.ParseDomain("any-name." + p.Domain.String())
	if err != nil { // there is no room for it
		return p.Domain
	}
	return below
}

// all counts all tenants, and gathers what is wrong with them.
func (v *survey) all(tenants []*tenant.Tenant) (Tenants, problems) {
	count := Tenants{By: make(map[Way]int)}
	var found problems
	for _, s := range v.platform {
		found.take("", v.needed(s), Platform)
	}
	for _, t := range tenants {
		from := v.sources(t)
		count.take(t, v.waysOf(t, from, &found), v.waits(t, from))
	}
	return count, found
}

// waysOf gives the ways of a tenant's mail, guesses only where there is nothing
// better, and notes what is wrong.
func (v *survey) waysOf(t *tenant.Tenant, all []source, found *problems) []Way {
	var ways []Way
	for _, from := range all {
		way := wayOf(v.decide(t, from.domain))
		if t.Authorization == tenant.Auto && !from.at.IsZero() {
			found.take(t.ID, v.snapshot.Standing(from.at), way)
		}
		if !from.pattern.Wildcard || all[0].pattern.Wildcard {
			ways = append(ways, way)
		}
	}
	return ways
}

// waits tells whether a domain of the tenant has not been looked up yet.
func (v *survey) waits(t *tenant.Tenant, all []source) bool {
	return t.Authorization == tenant.Auto && slices.ContainsFunc(all, func(from source) bool {
		return !from.at.IsZero() && !v.snapshot.Standing(from.at).LookedUp()
	})
}

// decide gives the plan for mail of a domain.
func (v *survey) decide(t *tenant.Tenant, d message.Domain) rewrite.Plan {
	return rewrite.Decide(letter(t, d, v.now), v.snapshot)
}

// take counts one tenant.
func (c *Tenants) take(t *tenant.Tenant, ways []Way, waits bool) {
	c.Total++
	if len(ways) == 0 {
		return
	}
	worst := slices.MaxFunc(ways, Way.compare)
	c.By[worst]++
	if slices.MinFunc(ways, Way.compare) != worst {
		c.Mixed++
	}
	if waits {
		c.NotLookedUp++
	}
	if t.Policy.Mode == tenant.Shadow {
		c.Shadow++
	}
}

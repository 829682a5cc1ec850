package admin

import (
	"slices"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// survey is one look at tenants, at one instant. It asks for no more than it is asked.
type survey struct {
	snapshot *tenant.Snapshot
	now      time.Time
	err      error // of the table: something is missing
}

func newSurvey(table *tenant.Table, now time.Time) *survey {
	return &survey{snapshot: table.Snapshot(), now: now}
}

// platform returns the standings of the domains that the platform's own mail depends on.
func (v *survey) platform() (all []tenant.Standing) {
	p := v.snapshot.Platform()
	for _, d := range []message.Domain{p.Domain, p.FromDomain, p.Bounce} {
		if !slices.ContainsFunc(all, func(s tenant.Standing) bool { return s.Domain == d }) {
			all = append(all, v.snapshot.Standing(d))
		}
	}
	slices.SortFunc(all, func(a, b tenant.Standing) int { return strings.Compare(a.Domain.String(), b.Domain.String()) })
	return all
}

// needed is a standing of the platform's own without what nothing needs: a key at the domain of
// rewritten Froms counts only where DMARC asks for strict alignment.
func (v *survey) needed(s tenant.Standing) tenant.Standing {
	if p := v.snapshot.Platform(); s.Domain == p.FromDomain && s.Domain != p.Domain && !s.DMARC.StrictDKIM {
		s.DKIM = slices.DeleteFunc(slices.Clone(s.DKIM), func(key tenant.KeyStanding) bool { return key.State == tenant.Pending })
	}
	return s
}

// source is where mail of a tenant comes from.
type source struct {
	pattern tenant.Pattern // a wildcard: no mail came from there yet
	domain  message.Domain // of the author; a wildcard's is one that might come
	at      message.Domain // whose standing has what the tenant publishes; zero: of another source
}

func exactly(d message.Domain) source { return source{tenant.Pattern{Domain: d}, d, d} }

// sources returns where mail of a tenant comes from, as far as it is known: the domains
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
	below, err := v.snapshot.Discovered(t)
	if err != nil {
		v.err = err
	}
	for _, d := range below {
		named = append(named, exactly(d))
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

// decide returns the plan for mail of a domain.
func (v *survey) decide(t *tenant.Tenant, d message.Domain) rewrite.Plan {
	return PlanFor(v.snapshot, t, d, v.now)
}

package watch

import (
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Direct is the mechanism of a Change when DNS has begun or ceased to prove that a domain is its
// tenant's own, so that mail for it may be delivered directly.
const Direct = "direct"

// The states of Direct.
const (
	Proven   = "proven"
	Unproven = "unproven"
)

// provenDomains returns which direct domains of a tenant DNS proves to be its own.
func provenDomains(s *tenant.Snapshot, t *tenant.Tenant) map[message.Domain]bool {
	proven := make(map[message.Domain]bool, len(t.Direct.Domains))
	for _, d := range t.Direct.Domains {
		proven[d] = rewrite.Proven(s, t, d)
	}
	return proven
}

// proofs are the tenants with direct domains, by each name at which DNS can prove one of these: the
// domain itself and all names above it.
type proofs map[message.Domain][]*tenant.Tenant

func proofsOf(tenants []*tenant.Tenant) proofs {
	all := make(proofs)
	for _, t := range tenants {
		for _, d := range t.Direct.Domains {
			for up := d; !up.IsZero(); up = up.Parent() {
				if there := all[up]; len(there) == 0 || there[len(there)-1] != t {
					all[up] = append(there, t)
				}
			}
		}
	}
	return all
}

// during reports what changes of the proofs at a name while work changes its standing.
func (p proofs) during(at message.Domain, now time.Time, table *tenant.Table, work func()) []authorize.Change {
	before := make([]map[message.Domain]bool, len(p[at]))
	for i, t := range p[at] {
		before[i] = provenDomains(table.Snapshot(), t)
	}
	work()
	var changes []authorize.Change
	for i, t := range p[at] {
		changes = append(changes, directChanges(t, before[i], provenDomains(table.Snapshot(), t), now)...)
	}
	return changes
}

// directChanges compares what is proven of a tenant's domains with what was.
func directChanges(t *tenant.Tenant, before, after map[message.Domain]bool, now time.Time) []authorize.Change {
	var changes []authorize.Change
	for _, d := range t.Direct.Domains {
		if before[d] == after[d] {
			continue
		}
		c := authorize.Change{Domain: d, Tenant: t.ID, Mechanism: Direct, Before: Unproven, After: Proven, At: now,
			Evidence: "mail for it is delivered directly to " + t.Direct.NextHop.String()}
		if before[d] {
			c.Before, c.After = Proven, Unproven
			c.Evidence = "no DKIM key and no return path of ours is active any more: mail for it is delivered by MX, not directly to " + t.Direct.NextHop.String()
		}
		changes = append(changes, c)
	}
	return changes
}

// changesSince compares what is proven of the domains of all tenants with what was in the table of
// the generation before; nil: there was none.
func changesSince(last, table *tenant.Table, now time.Time) []authorize.Change {
	if last == nil {
		return nil
	}
	var changes []authorize.Change
	was, is := last.Snapshot(), table.Snapshot()
	for _, t := range table.Direct() {
		if former := was.Tenant(t.ID); former != nil {
			before := make(map[message.Domain]bool)
			for _, d := range t.Direct.Domains {
				before[d] = former.Direct.Covers(d) && rewrite.Proven(was, former, d)
			}
			changes = append(changes, directChanges(t, before, provenDomains(is, t), now)...)
		}
	}
	return changes
}

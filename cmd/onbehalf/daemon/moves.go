package daemon

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"onbehalf/admin"
	"onbehalf/authorize"
	"onbehalf/authorize/watch"
	"onbehalf/events"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// eventsOf returns what people must know of changes of a domain's standing, which was another one
// before them; zero: they are of a reload. What moves no mail is in history alone.
func (n *notices) eventsOf(before tenant.Standing, all []authorize.Change) (found []events.Event) {
	var of []string // tenants
	for _, c := range all {
		switch {
		case c.Mechanism == watch.Direct && c.Before == watch.Proven:
			found = append(found, events.NewOwnershipLost(c.At, c.Tenant, c.Domain.String(), c.Evidence))
		case c.Mechanism == watch.Direct:
		case c.Tenant == "" && isLoss(c):
			found = append(found, events.NewPlatformWarning(c.At, c.Domain.String(), c.Mechanism, c.Before, c.After, c.Evidence))
		case c.Tenant != "" && !slices.Contains(of, c.Tenant):
			of = append(of, c.Tenant)
		}
	}
	if !before.LookedUp() { // it moves from what was not known
		return found
	}
	now := n.generation()
	for _, id := range of {
		own := slices.DeleteFunc(slices.Clone(all), func(c authorize.Change) bool { return c.Tenant != id || c.Mechanism == watch.Direct })
		found = append(found, movesOf(now, id, before, own)...)
	}
	return found
}

// isLoss reports whether a mechanism of the platform is gone, or may be.
func isLoss(c authorize.Change) bool {
	is := tenant.State(c.After)
	return is == tenant.Warning || is == tenant.Pending && (c.Before == string(tenant.Active) || c.Before == string(tenant.Warning))
}

// movesOf compares how a tenant's mail left, leaves, and will leave if what is in doubt is gone.
func movesOf(now *Generation, id string, before tenant.Standing, changes []authorize.Change) (found []events.Event) {
	is := now.table.Snapshot()
	t := is.Tenant(id)
	was, err := now.table.Supposing(before)
	if t == nil || err != nil { // a reload has removed it
		return nil
	}
	after := is.Standing(before.Domain)
	will, err := now.table.Supposing(withoutDoubtful(after))
	if err != nil {
		return nil
	}
	at := changes[0].At
	for _, a := range authorsAt(t, before.Domain) {
		first, second, third := admin.PlanFor(was, t, a.domain, at).Row, admin.PlanFor(is, t, a.domain, at).Row, admin.PlanFor(will, t, a.domain, at).Row
		switch doubt := slices.IndexFunc(changes, func(c authorize.Change) bool { return c.After == string(tenant.Warning) }); {
		case first != second:
			found = append(found, events.NewTenantMoved(at, id, a.shown, first.String(), second.String(), reasons(changes), second > first))
		case doubt >= 0 && second != third:
			c := changes[doubt]
			found = append(found, events.NewTenantWarning(at, id, a.shown, c.Mechanism, second.String(), third.String(), at.Add(now.DNS.DemoteAfter), c.Evidence))
		}
	}
	return found
}

// withoutDoubtful returns a standing in which all that is in warning is gone.
func withoutDoubtful(s tenant.Standing) tenant.Standing {
	s.DKIM = slices.Clone(s.DKIM)
	all := []*tenant.Mechanism{&s.SPF, &s.ReturnPath}
	for i := range s.DKIM {
		all = append(all, &s.DKIM[i].Mechanism)
	}
	for _, m := range all {
		if m.State == tenant.Warning {
			m.State = tenant.Pending
		}
	}
	return s
}

// author is one who stands for all mail of a pattern.
type author struct {
	shown  string // the pattern
	domain message.Domain
}

func authorOf(p tenant.Pattern) author {
	if p.Wildcard {
		return author{p.String(), admin.Sample(p)}
	}
	return author{p.String(), p.Domain}
}

// authorsAt returns one for each pattern whose mail a standing decides about.
func authorsAt(t *tenant.Tenant, d message.Domain) (all []author) {
	wild := false
	for _, p := range t.Domains {
		if p.Domain == d {
			all = append(all, authorOf(p))
		} else if p.Covers(d) {
			wild = true
		}
	}
	if len(all) == 0 && wild { // mail came from there
		all = append(all, author{d.String(), d})
	}
	return all
}

// reasons says why, in the words of the changes.
func reasons(changes []authorize.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s: %s", c.Mechanism, c.Evidence), ": "))
	}
	return strings.Join(all, "; ")
}

// reconfigured notices which tenants' mail leaves in another way because of a reload. It calls
// pause for each domain too: one tenant may have thousands.
func (n *notices) reconfigured(before, now *Generation, pause func()) {
	was, is := before.table.Snapshot(), now.table.Snapshot()
	at := time.Now()
	for _, t := range now.Tenants {
		pause()
		former := was.Tenant(t.ID)
		if former == nil || shared(former, t) || bytes.Equal(appendProfile(nil, former, before.ring), appendProfile(nil, t, now.ring)) {
			continue
		}
		for _, p := range t.Domains {
			pause()
			a := authorOf(p)
			if owner, _ := was.Owner(a.domain); owner == nil || owner.ID != t.ID {
				continue
			}
			first, second := admin.PlanFor(was, former, a.domain, at).Row, admin.PlanFor(is, t, a.domain, at).Row
			if first != second && first != rewrite.RowForbidden {
				n.Notice(events.NewTenantReconfigured(at, t.ID, a.shown, first.String(), second.String(), second > first))
			}
		}
	}
}

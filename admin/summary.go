package admin

import (
	"slices"
	"strings"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// summary is what all tenants come to, kept from one question to the next: only those tenants are
// decided about again whose standings have changed. For 100,000 of them that is milliseconds, where
// all take seconds.
type summary struct {
	mu sync.Mutex
	worked
}

// worked is what a summary has worked out.
type worked struct {
	table     *tenant.Table
	known     []*tenant.Standing                  // of the last question, ordered by domain
	position  map[*tenant.Tenant]int              // in the table's list, and in accounts
	wildcards map[message.Domain][]*tenant.Tenant // by the domain that they stand below
	accounts  []account
}

// account is what one tenant comes to.
type account struct {
	worst  Delivery // empty: it has no domain
	mixed  bool
	waits  bool // a domain has not been looked up yet
	listed []listed
}

// listed is a standing that may hold problems, given how mail of its domain leaves.
type listed struct {
	standing *tenant.Standing
	delivery Delivery
}

// of returns what all tenants of a table come to now, and the worst that is wrong with them.
func (s *summary) of(table *tenant.Table, now time.Time) (Tenants, worst, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := newSurvey(table, now)
	changed, err := s.update(v.snapshot)
	if err != nil {
		s.table = nil // what was read is not all: everything is worked out the next time
		return Tenants{}, worst{}, err
	}
	if s.table != table || slices.ContainsFunc(changed, v.isPlatforms) {
		s.begin(table)
		for i, t := range table.Tenants() {
			s.accounts[i] = v.account(t)
		}
	} else {
		for t := range s.concerned(v.snapshot, changed) {
			s.accounts[s.position[t]] = v.account(t)
		}
	}
	if v.err != nil {
		s.table = nil // all is worked out the next time
		return Tenants{}, worst{}, v.err
	}
	count, found := s.add(v)
	return count, found, nil
}

// letGo forgets all tables, with their tenants and standings: they may be large.
func (s *summary) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worked = worked{}
}

// begin prepares for a table that nothing was asked of yet.
func (s *summary) begin(table *tenant.Table) {
	all := table.Tenants()
	s.table, s.accounts = table, make([]account, len(all))
	s.position, s.wildcards = make(map[*tenant.Tenant]int, len(all)), make(map[message.Domain][]*tenant.Tenant)
	for i, t := range all {
		s.position[t] = i
		for _, p := range t.Domains {
			if p.Wildcard {
				s.wildcards[p.Domain] = append(s.wildcards[p.Domain], t)
			}
		}
	}
}

// update takes in what is known now, and returns the domains of which that is something else than
// it was.
func (s *summary) update(snapshot *tenant.Snapshot) (changed []message.Domain, err error) {
	before, now := s.known, make([]*tenant.Standing, 0, len(s.known))
	err = snapshot.EachStanding(func(one *tenant.Standing) {
		now = append(now, one)
		for len(before) > 0 && strings.Compare(before[0].Domain.String(), one.Domain.String()) < 0 {
			changed, before = append(changed, before[0].Domain), before[1:] // it was forgotten
		}
		switch {
		case len(before) == 0 || before[0].Domain != one.Domain:
			changed = append(changed, one.Domain)
		case before[0] != one:
			changed, before = append(changed, one.Domain), before[1:]
		default:
			before = before[1:]
		}
	})
	for _, one := range before {
		changed = append(changed, one.Domain)
	}
	s.known = now
	return changed, err
}

// concerned returns the tenants whose mail is decided by the standings of some domains: who owns
// them, and who publishes its keys there for all names below.
func (s *summary) concerned(snapshot *tenant.Snapshot, changed []message.Domain) map[*tenant.Tenant]bool {
	all := make(map[*tenant.Tenant]bool)
	for _, d := range changed {
		if owner, _ := snapshot.Owner(d); owner != nil {
			all[owner] = true
		}
		for _, t := range s.wildcards[d] {
			all[t] = true
		}
	}
	return all
}

// add counts all tenants, and gathers the worst that is wrong with them.
func (s *summary) add(v *survey) (Tenants, worst) {
	count := Tenants{By: make(map[Delivery]int)}
	var found worst
	for _, one := range v.platform() {
		one = v.needed(one)
		found.take("", &one, Platform)
	}
	for i, t := range s.table.Tenants() {
		a := &s.accounts[i]
		for _, one := range a.listed {
			found.take(t.ID, one.standing, one.delivery)
		}
		count.take(t, a)
	}
	return count, found
}

// take counts one tenant.
func (c *Tenants) take(t *tenant.Tenant, a *account) {
	c.Total++
	if a.worst == "" {
		return
	}
	c.By[a.worst]++
	if a.mixed {
		c.Mixed++
	}
	if a.waits {
		c.NotLookedUp++
	}
	if t.Policy.Mode == tenant.Shadow {
		c.Shadow++
	}
}

// account works out what a tenant comes to. Guesses count only where there is nothing better.
func (v *survey) account(t *tenant.Tenant) (a account) {
	all := v.sources(t)
	var deliveries []Delivery
	for _, from := range all {
		delivery := deliveryOf(v.decide(t, from.domain))
		if !from.pattern.Wildcard || all[0].pattern.Wildcard {
			deliveries = append(deliveries, delivery)
		}
		if t.Authorization != tenant.Auto || from.at.IsZero() {
			continue
		}
		known := v.snapshot.Known(from.at)
		if known != nil {
			a.listed = append(a.listed, listed{known, delivery})
		}
		a.waits = a.waits || known == nil || !known.LookedUp()
	}
	if len(deliveries) > 0 {
		a.worst = slices.MaxFunc(deliveries, Delivery.compare)
		a.mixed = slices.MinFunc(deliveries, Delivery.compare) != a.worst
	}
	return a
}

// isPlatforms reports whether the platform's own mail depends on the domain, and with it that of
// all.
func (v *survey) isPlatforms(d message.Domain) bool {
	p := v.snapshot.Platform()
	return d == p.Domain || d == p.FromDomain || d == p.Bounce
}

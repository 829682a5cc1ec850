package tenant

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"

	"onbehalf/message"
)

// Snapshot is one instant of a Table: what a message sees from MAIL to the end.
// It costs a pointer, and may be kept as long as the message lasts.
type Snapshot struct {
	table *Table // its platform and tenants never change
	txn   *memdb.Txn
}

// Platform returns the platform.
func (s *Snapshot) Platform() *Platform { return s.table.platform }

// Owner returns the tenant that a domain belongs to, and the apex under which that
// tenant publishes keys for it: the domain itself, or for a wildcard its parent. The longest
// match wins. Nil: of none.
func (s *Snapshot) Owner(d message.Domain) (*Tenant, message.Domain) {
	if c, found := s.first(domains, domainKey(Pattern{Domain: d})); found {
		return c.Tenant, c.Apex
	}
	if parent := d.Parent(); !parent.IsZero() {
		if c, found := s.longest(domains, domainKey(Pattern{parent, true})); found {
			return c.Tenant, c.Apex
		}
	}
	return nil, message.Domain{}
}

// Named returns the tenant whose configuration has exactly this pattern among its domains; nil: none.
func (s *Snapshot) Named(p Pattern) *Tenant {
	if c, found := s.first(domains, domainKey(p)); found {
		return c.Tenant
	}
	return nil
}

// BoundTo returns the tenant that a submitter is bound to by login or, without a
// login that binds, by the smallest network that it comes from. Who is bound may send as that
// tenant alone. Nil: to none.
func (s *Snapshot) BoundTo(who message.Submitter) *Tenant {
	if who.Login != "" {
		if c, found := s.first(logins, s.Platform().Trust.Login(who.Login)); found {
			return c.Tenant
		}
	}
	if addr := who.Client.Unmap(); addr.IsValid() {
		if c, found := s.longest(networks, networkKey(addr, addr.BitLen())); found {
			return c.Tenant
		}
	}
	return nil
}

// Standing returns what is known of a domain. The zero Standing: nothing.
func (s *Snapshot) Standing(d message.Domain) Standing {
	if known := s.Known(d); known != nil {
		return *known
	}
	return Standing{Domain: d}
}

// Known returns what is known of a domain; nil: nothing. It is one pointer as long as it is one
// standing, and not to be changed.
func (s *Snapshot) Known(d message.Domain) *Standing {
	row, err := s.txn.First(standings, "id", d.String())
	known, found := row.(*Standing)
	if err != nil || !found {
		return nil
	}
	return known
}

// EachStanding visits all that is known, as Known returns it, ordered by domain.
func (s *Snapshot) EachStanding(visit func(*Standing)) error {
	return s.EachStandingAfter("", func(one *Standing) bool {
		visit(one)
		return true
	})
}

// EachStandingAfter visits what is known of the domains behind a name, which need not be one of
// them, ordered by domain, until visit returns false. It passes over none.
func (s *Snapshot) EachStandingAfter(name string, visit func(*Standing) bool) error {
	rows, err := s.txn.LowerBound(standings, "id", name)
	if err != nil {
		return err
	}
	for row := rows.Next(); row != nil; row = rows.Next() {
		if one := row.(*Standing); one.Domain.String() != name && !visit(one) {
			break
		}
	}
	return nil
}

// StandingsOf returns what is known of the domains that patterns name and, of a wildcard, of the
// names below it that mail came from. It is ordered by domain, each once, and visits these alone,
// however the patterns overlap.
func (s *Snapshot) StandingsOf(patterns []Pattern) ([]*Standing, error) {
	var all []*Standing
	var below []string
	for _, p := range patterns {
		if p.Wildcard {
			below = append(below, domainKey(p))
		} else if known := s.Known(p.Domain); known != nil {
			all = append(all, known)
		}
	}
	slices.Sort(below)
	for i, visited := 0, -1; i < len(below); i++ {
		if visited >= 0 && strings.HasPrefix(below[i], below[visited]) {
			continue // a wildcard below another
		}
		visited = i
		rows, err := s.txn.Get(standings, discovered+"_prefix", below[i])
		if err != nil {
			return nil, err
		}
		for row := rows.Next(); row != nil; row = rows.Next() {
			all = append(all, row.(*Standing))
		}
	}
	slices.SortFunc(all, func(a, b *Standing) int { return strings.Compare(a.Domain.String(), b.Domain.String()) })
	return slices.Compact(all), nil
}

// Discovered returns the domains of a tenant that no pattern names, but one of its wildcards covers
// and mail came from, in order. It visits these alone.
func (s *Snapshot) Discovered(t *Tenant) ([]message.Domain, error) {
	var all []message.Domain
	for _, p := range t.Domains {
		if !p.Wildcard {
			continue
		}
		rows, err := s.txn.Get(standings, discovered+"_prefix", domainKey(p))
		if err != nil {
			return nil, err
		}
		for row := rows.Next(); row != nil; row = rows.Next() {
			d := row.(*Standing).Domain
			if owner, apex := s.Owner(d); owner == t && apex != d {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b message.Domain) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all), nil // a wildcard may stand below another
}

func (s *Snapshot) first(table, key string) (*claim, bool) {
	row, err := s.txn.First(table, "id", key)
	c, found := row.(*claim)
	return c, found && err == nil
}

func (s *Snapshot) longest(table, key string) (*claim, bool) {
	row, err := s.txn.LongestPrefix(table, "id_prefix", key)
	c, found := row.(*claim)
	return c, found && err == nil
}

// Tenant returns the tenant of an id; nil: there is none.
func (s *Snapshot) Tenant(id string) *Tenant {
	return s.table.byID[id]
}

// TakesBounces reports whether bounce addresses of ours stand at the domain: the
// platform's bounce domain, or a tenant's return path.
func (s *Snapshot) TakesBounces(d message.Domain) bool {
	return !d.IsZero() && (d == s.table.platform.Bounce || s.table.byPath[d] != nil)
}

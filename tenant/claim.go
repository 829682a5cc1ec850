package tenant

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"

	"onbehalf/message"
)

// claim says that a name belongs to a tenant: a domain pattern, a login or a network.
type claim struct {
	Key    string
	Tenant *Tenant
	Apex   message.Domain // domains: the pattern's domain, under which the tenant publishes
}

// claims are what tenants claim, by table, in the order of the tenants.
type claims map[string][]labelled

func byKey(a, b labelled) int { return strings.Compare(a.Key, b.Key) }

// labelled is a claim, and what it is called in an error.
type labelled struct {
	claim
	label string
}

func claimsOf(tenants []*Tenant, trust Trust, pause func()) (claims, error) {
	all := make(claims)
	for _, t := range tenants {
		pause()
		if err := all.add(t, trust); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c claims) add(t *Tenant, trust Trust) error {
	put := func(table, key, label string, apex message.Domain) {
		c[table] = append(c[table], labelled{claim{key, t, apex}, label})
	}
	for _, p := range t.Domains {
		put(domains, domainKey(p), p.String(), p.Domain)
	}
	for _, login := range t.Submitters.Logins {
		put(logins, trust.Login(login), login, message.Domain{})
	}
	for _, n := range t.Submitters.Networks {
		if !n.IsValid() || n.Addr().Is4In6() {
			return fmt.Errorf("network %s of tenant %s is neither an IPv4 nor an IPv6 one", n, t.ID)
		}
		put(networks, networkKey(n.Addr(), n.Bits()), n.String(), message.Domain{})
	}
	return nil
}

// replace takes claims out of a database, and puts others in.
func replace(db *memdb.MemDB, removed, added claims, shared bool, pause func()) error {
	txn := db.Txn(true)
	defer txn.Abort()
	for _, table := range []string{domains, logins, networks} {
		slices.SortFunc(removed[table], byKey)
		for i := range removed[table] {
			pause()
			if err := txn.Delete(table, &removed[table][i].claim); err != nil {
				return err
			}
		}
		if err := insert(txn, table, added[table], shared, pause); err != nil {
			return err
		}
	}
	txn.Commit()
	return nil
}

// insert puts the claims of a table into the database in the order of their keys: neighbours
// share most of their way in the tree, which for a million halves the time. Each is a value of its
// own, so that what a later table takes over of these keeps nothing else in memory. Shared: there are
// claims in the table already.
func insert(txn *memdb.Txn, table string, all []labelled, shared bool, pause func()) error {
	slices.SortStableFunc(all, byKey)
	for i := range all {
		pause()
		c := all[i].claim
		var there any
		var err error
		switch {
		case i > 0 && all[i-1].Key == c.Key:
			there = &all[i-1].claim
		case shared:
			there, err = txn.First(table, "id", c.Key)
		}
		if err == nil && there != nil {
			err = fmt.Errorf("%s %s belongs to tenant %s and to tenant %s", table, all[i].label, there.(*claim).Tenant.ID, c.Tenant.ID)
		}
		if err == nil {
			err = txn.Insert(table, &c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

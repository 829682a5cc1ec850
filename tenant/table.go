package tenant

import (
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/go-memdb"

	"onbehalf/message"
)

// Table is the tenants, the platform and the standings, in memory. Tenants and
// platform never change: a reload makes a new Table and carries the standings
// over. Standings change at any time. A Table may be used by many goroutines.
type Table struct {
	platform *Platform
	tenants  []*Tenant
	byID     map[string]*Tenant
	byPath   map[message.Domain]*Tenant // by return path
	direct   []*Tenant                  // in the order of tenants
	nextHops nextHops
	claims   *memdb.MemDB // without standings; never written to
	db       *memdb.MemDB // claims and standings
}

// NewTable makes a table. A platform without a secret is an error. One domain pattern, login or
// network in two tenants is an error, and so are two tenants of one id: memdb itself would let
// the later one win without a word.
func NewTable(platform *Platform, tenants []*Tenant) (*Table, error) {
	return NewTableAfter(nil, platform, tenants, func() {})
}

// NewTableAfter is NewTable for a reload: pause is called every few microseconds, one call at a
// time. What is in memory for tenants that were in the table before (nil: there was none), as the
// same pointers, is shared with it. Standings are not taken over.
func NewTableAfter(before *Table, platform *Platform, tenants []*Tenant, pause func()) (*Table, error) {
	if len(platform.SRS.Secrets) == 0 {
		return nil, errors.New("platform has no secret to make bounce addresses with")
	}
	if before == nil || before.platform.Trust.Realm != platform.Trust.Realm { // logins have other keys
		db, err := memdb.NewMemDB(schema())
		if err != nil {
			return nil, err
		}
		before = &Table{claims: db} // its tenants are all new
	}
	t := &Table{platform: platform, tenants: tenants}
	for _, one := range tenants {
		pause()
		if !one.Direct.NextHop.IsZero() {
			t.direct = append(t.direct, one)
		}
	}
	t.nextHops = byNextHop(t.direct)
	old, next := unlike(before.tenants, tenants)
	if err := t.index(before, old, next, pause); err != nil {
		return nil, err
	}
	gone := others(old, t.byID, pause)
	if len(gone) > len(before.tenants)/2 { // to take out costs more than to put in
		return NewTableAfter(nil, platform, tenants, pause)
	}
	removed, _ := claimsOf(gone, platform.Trust, pause) // they were accepted once
	added, err := claimsOf(others(next, before.byID, pause), platform.Trust, pause)
	if err != nil {
		return nil, err
	}
	t.db = before.claims.Snapshot()
	if err := replace(t.db, removed, added, len(before.tenants) > 0, pause); err != nil {
		return nil, err
	}
	t.claims = t.db.Snapshot()
	return t, nil
}

// others returns those of some tenants that are not among those of an index.
func others(of []*Tenant, index map[string]*Tenant, pause func()) (all []*Tenant) {
	for _, t := range of {
		pause()
		if index[t.ID] != t {
			all = append(all, t)
		}
	}
	return all
}

// unlike returns two lists without what both begin with and both end with: most reloads change few
// of many tenants.
func unlike(a, b []*Tenant) (restA, restB []*Tenant) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

// index makes what finds a tenant by id and by return path of what a table before had, in which the
// next stand in place of the old.
func (t *Table) index(before *Table, old, next []*Tenant, pause func()) error {
	if len(before.tenants) == 0 {
		t.byID, t.byPath = make(map[string]*Tenant, len(next)), make(map[message.Domain]*Tenant)
	} else {
		t.byID, t.byPath = maps.Clone(before.byID), maps.Clone(before.byPath)
	}
	for _, one := range old {
		pause()
		delete(t.byID, one.ID)
		delete(t.byPath, one.ReturnPath)
	}
	for _, one := range next {
		pause()
		if t.byID[one.ID] != nil {
			return fmt.Errorf("tenant id %s is there twice", one.ID)
		}
		t.byID[one.ID] = one
		if path := one.ReturnPath; !path.IsZero() {
			if other := t.byPath[path]; other != nil {
				return fmt.Errorf("return path %s belongs to tenant %s and to tenant %s", path, other.ID, one.ID)
			}
			t.byPath[path] = one
		}
	}
	return nil
}

// Tenants returns all tenants, in the order of the configuration.
func (t *Table) Tenants() []*Tenant { return t.tenants }

// Direct returns those tenants that have a next hop for direct delivery, in the same order.
func (t *Table) Direct() []*Tenant { return t.direct }

// SetStandings puts what is now known of some domains into the table, all at
// once, for every snapshot taken from then on.
func (t *Table) SetStandings(all ...Standing) error {
	own := make([]*Standing, len(all))
	for i, s := range all {
		own[i] = &s
	}
	return t.Carry(own)
}

// Carry is SetStandings with standings of a table before, as Known returns them there, or as nobody
// else will change them.
func (t *Table) Carry(all []*Standing) error {
	txn := t.db.Txn(true)
	defer txn.Abort()
	for _, s := range all {
		if err := txn.Insert(standings, s); err != nil {
			return err
		}
	}
	txn.Commit()
	return nil
}

// Forget takes the standings of some domains out of the table. It is no error when
// there is none.
func (t *Table) Forget(all ...message.Domain) error {
	txn := t.db.Txn(true)
	defer txn.Abort()
	for _, d := range all {
		row, err := txn.First(standings, "id", d.String()) // DeleteAll takes the key for a prefix
		if err == nil && row != nil {
			err = txn.Delete(standings, row)
		}
		if err != nil {
			return err
		}
	}
	txn.Commit()
	return nil
}

// Platform returns the platform.
func (t *Table) Platform() *Platform { return t.platform }

// Standings returns all that is known, ordered by domain.
func (t *Table) Standings() ([]Standing, error) {
	var all []Standing
	err := t.Snapshot().EachStanding(func(s *Standing) { all = append(all, *s) })
	return all, err
}

// Snapshot returns the table as it is at this instant.
func (t *Table) Snapshot() *Snapshot { return &Snapshot{t, t.db.Txn(false)} }

// Supposing returns the table as it would be if it knew something else of some domains. Nothing
// changes in it.
func (t *Table) Supposing(all ...Standing) (*Snapshot, error) {
	txn := t.db.Snapshot().Txn(true)
	for _, s := range all {
		if err := txn.Insert(standings, &s); err != nil {
			return nil, err
		}
	}
	return &Snapshot{t, txn}, nil
}

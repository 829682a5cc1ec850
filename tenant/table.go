package tenant

import (
	"errors"
	"fmt"

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
		before = &Table{claims: db}
	}
	byID, byPath := make(map[string]*Tenant, len(tenants)), make(map[message.Domain]*Tenant)
	added := make(claims)
	for _, t := range tenants {
		pause()
		if byID[t.ID] != nil {
			return nil, fmt.Errorf("tenant id %s is there twice", t.ID)
		}
		byID[t.ID] = t
		if path := t.ReturnPath; !path.IsZero() {
			if other := byPath[path]; other != nil {
				return nil, fmt.Errorf("return path %s belongs to tenant %s and to tenant %s", path, other.ID, t.ID)
			}
			byPath[path] = t
		}
		if before.byID[t.ID] == t {
			continue
		}
		if err := added.add(t, platform.Trust); err != nil {
			return nil, err
		}
	}
	removed := make(claims)
	for _, t := range before.tenants {
		pause()
		if byID[t.ID] != t {
			removed.add(t, platform.Trust) // it could be added once
		}
	}
	db := before.claims.Snapshot()
	if err := replace(db, removed, added, len(before.tenants) > 0, pause); err != nil {
		return nil, err
	}
	return &Table{platform, tenants, byID, byPath, byNextHop(tenants), db.Snapshot(), db}, nil
}

// Tenants returns all tenants, in the order of the configuration.
func (t *Table) Tenants() []*Tenant { return t.tenants }

// SetStandings puts what is now known of some domains into the table, all at
// once, for every snapshot taken from then on.
func (t *Table) SetStandings(all ...Standing) error {
	txn := t.db.Txn(true)
	defer txn.Abort()
	for _, s := range all {
		if err := txn.Insert(standings, &s); err != nil {
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

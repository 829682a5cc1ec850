package tenant

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

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

// Names of the tables in the database.
const (
	domains   = "domain"
	logins    = "login"
	networks  = "network"
	standings = "standing"
)

// claim says that a name belongs to a tenant: a domain pattern, a login or a network.
type claim struct {
	Key    string
	Tenant *Tenant
	Apex   message.Domain // domains: the pattern's domain, under which the tenant publishes
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

// claims are what tenants claim, by table, in the order of the tenants.
type claims map[string][]labelled

// labelled is a claim, and what it is called in an error.
type labelled struct {
	claim
	label string
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
	slices.SortStableFunc(all, func(a, b labelled) int { return strings.Compare(a.Key, b.Key) })
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

func schema() *memdb.DBSchema {
	byKey := func(name string) *memdb.TableSchema {
		return &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{
			"id": {Name: "id", Unique: true, Indexer: keyIndexer{}},
		}}
	}
	known := byKey(standings)
	known.Indexes[discovered] = &memdb.IndexSchema{Name: discovered, AllowMissing: true, Indexer: discoveredIndexer{}}
	return &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{
		domains: byKey(domains), logins: byKey(logins), networks: byKey(networks), standings: known,
	}}
}

// keyIndexer indexes records by their key, octet by octet, and can look for the
// longest key that is a prefix of the one asked for.
type keyIndexer struct{}

func (keyIndexer) FromObject(record any) (bool, []byte, error) {
	switch r := record.(type) {
	case *claim:
		return true, []byte(r.Key), nil
	case *Standing:
		return true, []byte(r.Domain.String()), nil
	}
	return false, nil, fmt.Errorf("a %T does not belong here", record)
}

func (keyIndexer) FromArgs(args ...any) ([]byte, error) {
	if key, ok := args[0].(string); ok && len(args) == 1 {
		return []byte(key), nil
	}
	return nil, fmt.Errorf("cannot look up %v", args)
}

func (i keyIndexer) PrefixFromArgs(args ...any) ([]byte, error) { return i.FromArgs(args...) }

// discovered is the index of the standings of names that mail came from and a wildcard covers.
const discovered = "discovered"

// discoveredIndexer orders them by labels from the root, so that those below a wildcard stand
// together.
type discoveredIndexer struct{ keyIndexer }

func (discoveredIndexer) FromObject(record any) (bool, []byte, error) {
	s, ok := record.(*Standing)
	if !ok || s.Seen.IsZero() {
		return false, nil, nil
	}
	return true, []byte(domainKey(Pattern{Domain: s.Domain})), nil
}

// domainKey orders labels from the root, so that a wildcard is a prefix of all
// that it covers: "*.example.org" is "org.example.", and "example.org", which
// covers nothing but itself, "org.example.=".
func domainKey(p Pattern) string {
	name := p.Domain.String()
	key := make([]byte, 0, len(name)+2)
	for end := len(name); end >= 0; {
		dot := strings.LastIndexByte(name[:end], '.')
		key = append(append(key, name[dot+1:end]...), '.')
		end = dot
	}
	if !p.Wildcard {
		key = append(key, '=')
	}
	return string(key)
}

// networkKey is the family and the network's bits, a character each, so that a
// network is a prefix of all that it contains.
func networkKey(addr netip.Addr, bits int) string {
	addr = addr.Unmap()
	octets := addr.AsSlice()
	key := make([]byte, 0, 1+bits)
	key = append(key, "46"[len(octets)/16])
	for i := range bits {
		key = append(key, '0'+octets[i/8]>>(7-i%8)&1)
	}
	return string(key)
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

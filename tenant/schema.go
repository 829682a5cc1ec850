package tenant

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// Names of the tables in the database.
const (
	domains   = "domain"
	logins    = "login"
	networks  = "network"
	standings = "standing"
)

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

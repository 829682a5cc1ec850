package tenant

import (
	"reflect"
	"strings"

	"onbehalf/message"
)

// Tenant is one customer. It is not changed once it is in a Table.
type Tenant struct {
	ID            string // [a-z0-9-]+, unique
	Name          string // for people
	Domains       []Pattern
	Authorization Authorization
	Identities    []Identity     // those whose private key we hold, RSA before Ed25519
	ReturnPath    message.Domain // delegated to us for bounces; zero: none
	Submitters    Submitters
	Policy        Policy
	FromName      Template        // of the From of a rewritten message
	BouncesTo     message.Address // gets bounces that no address could lead back; zero: the platform's
	Direct        Direct
}

// Equal reports whether two tenants are alike in everything.
func (t *Tenant) Equal(other *Tenant) bool { return reflect.DeepEqual(t, other) }

// Pattern is a domain of a tenant: one name, or all names below it.
type Pattern struct {
	Domain   message.Domain
	Wildcard bool // "*.": the names below Domain, without Domain itself
}

// ParsePattern reads "example.org" or "*.example.org".
func ParsePattern(s string) (Pattern, error) {
	name, wildcard := strings.CutPrefix(s, "*.")
	domain, err := message.ParseDomain(name)
	return Pattern{domain, wildcard}, err
}

// String returns what ParsePattern reads.
func (p Pattern) String() string {
	if p.Wildcard {
		return "*." + p.Domain.String()
	}
	return p.Domain.String()
}

// Covers reports whether the domain is the pattern's.
func (p Pattern) Covers(d message.Domain) bool {
	if p.Wildcard {
		return d.Below(p.Domain)
	}
	return d == p.Domain
}

// Algorithm is a signature algorithm of DKIM's k= tag.
type Algorithm string

const (
	RSA     Algorithm = "rsa"     // RFC 6376, with SHA-256
	Ed25519 Algorithm = "ed25519" // RFC 8463
)

// Identity is the name of a signing key: the domain that signs (SDID, the d= tag
// of RFC 6376 section 3.5), the selector (s=) and the algorithm. The key itself is
// known to package keys alone.
type Identity struct {
	SDID      message.Domain `json:"sdid"`
	Selector  string         `json:"selector"`
	Algorithm Algorithm      `json:"algorithm"`
}

// String returns the name under which the public key is published.
func (i Identity) String() string {
	return i.Selector + "._domainkey." + i.SDID.String()
}

package authorize

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Subject is one domain to look at, and what to look for.
type Subject struct {
	Domain message.Domain
	Tenant string // id; empty: the domain is the platform's own
	SPF    bool   // mail is sent from this very name, so SPF is wanted
	Keys   []Key  // that should be published under the domain
	// ReturnPath should be delegated to us; zero: none.
	ReturnPath message.Domain
}

// Key is a key that a domain should publish.
type Key struct {
	tenant.Identity
	Public crypto.PublicKey
	Mark   string // keys.Key.Mark
}

// Keyring gives the public key of an identity.
type Keyring interface {
	Key(tenant.Identity) (keys.Key, bool)
}

// Subjects gives the domains that a tenant's configuration names.
func Subjects(t *tenant.Tenant, ring Keyring) []Subject {
	var all []Subject
	for _, p := range t.Domains {
		i := slices.IndexFunc(all, func(s Subject) bool { return s.Domain == p.Domain })
		if i < 0 {
			i = len(all)
			all = append(all, apex(t, p.Domain, ring))
		}
		all[i].SPF = all[i].SPF || !p.Wildcard
	}
	return all
}

func apex(t *tenant.Tenant, d message.Domain, ring Keyring) Subject {
	s := Subject{Domain: d, Tenant: t.ID, Keys: keysOf(t.Identities, d, ring)}
	if p := t.ReturnPath; !p.IsZero() && p.Organizational() == d.Organizational() {
		s.ReturnPath = p
	}
	return s
}

// Below is a domain that only a wildcard covers, and mail was sent from.
func Below(t *tenant.Tenant, d message.Domain) Subject {
	return Subject{Domain: d, Tenant: t.ID, SPF: true}
}

// OfPlatform gives the domains of the platform's own that its mail depends on. Bounces
// come to the bounce domain as they would to a return path.
func OfPlatform(p *tenant.Platform, ring Keyring) []Subject {
	all := []Subject{{Domain: p.Domain, SPF: true, Keys: keysOf(p.Identities, p.Domain, ring)}}
	if p.FromDomain != p.Domain && p.FromDomain != p.Bounce {
		all = append(all, Subject{Domain: p.FromDomain, SPF: true})
	}
	return append(all, Subject{Domain: p.Bounce, SPF: true, ReturnPath: p.Bounce})
}

func keysOf(ids []tenant.Identity, d message.Domain, ring Keyring) []Key {
	var wanted []Key
	for _, id := range ids {
		if k, held := ring.Key(id); held && id.SDID == d {
			wanted = append(wanted, Key{id, k.Public(), k.Mark()})
		}
	}
	return wanted
}

// wants gives a Standing that asks for what the subject asks for, and knows nothing.
// A mechanism that is not wanted has an empty Of.
func (s Subject) wants(ips string) tenant.Standing {
	w := tenant.Standing{Domain: s.Domain}
	if s.SPF {
		w.SPF.Of = ips
	}
	for _, k := range s.Keys {
		w.DKIM = append(w.DKIM, tenant.Selector{Name: k.Selector, Mechanism: tenant.Mechanism{Of: k.Mark}})
	}
	w.ReturnPath.Of = s.ReturnPath.String()
	return w
}

// addresses names the sending IPs in a Mechanism's Of.
func addresses[T fmt.Stringer](ips []T) string {
	var texts []string
	for _, ip := range ips {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, " ")
}

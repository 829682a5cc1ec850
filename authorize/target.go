package authorize

import (
	"cmp"
	"crypto"
	"fmt"
	"slices"
	"strings"

	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Target is one domain to look up, and what to look for.
type Target struct {
	Domain message.Domain
	Tenant string      // id of who owns the domain; empty: it is the platform's own
	SPF    bool        // mail is sent from this very name, so SPF is wanted
	Keys   []WantedKey // that should be published under the domain
	// ReturnPath should be delegated to us; zero: none.
	ReturnPath message.Domain
	PathTenant string // id of whose return path it is, which can be another tenant
	// Thorough looks for absent keys at the names that people publish them at by mistake: a dozen
	// questions for each, for somebody who waits for the hint.
	Thorough bool
}

// WantedKey is a key that a domain should publish.
type WantedKey struct {
	tenant.Identity
	Public crypto.PublicKey
	At     string // where it is published; empty: at the name of the identity
	Mark   string // keys.Key.Mark
	Tenant string // id of who signs with it; empty: the platform
}

// Name returns the name that the key is looked for at.
func (k WantedKey) Name() string { return cmp.Or(k.At, k.String()) }

// Keyring returns the public key of an identity.
type Keyring interface {
	Key(tenant.Identity) (keys.Key, bool)
}

// Targets returns the domains that a tenant's configuration names.
func Targets(t *tenant.Tenant, ring Keyring) []Target {
	var all []Target
	for _, p := range t.Domains {
		i := slices.IndexFunc(all, func(s Target) bool { return s.Domain == p.Domain })
		if i < 0 {
			i = len(all)
			all = append(all, apex(t, p.Domain, ring))
		}
		all[i].SPF = all[i].SPF || !p.Wildcard
	}
	return all
}

func apex(t *tenant.Tenant, d message.Domain, ring Keyring) Target {
	s := Target{Domain: d, Tenant: t.ID, Keys: keysOf(t.ID, t.Identities, d, ring)}
	if p := t.ReturnPath; !p.IsZero() && dmarc.Listed(p) == dmarc.Listed(d) {
		s.ReturnPath, s.PathTenant = p, t.ID
	}
	return s
}

// Below is a domain that only a wildcard covers, and mail was sent from.
func Below(t *tenant.Tenant, d message.Domain) Target {
	return Target{Domain: d, Tenant: t.ID, SPF: true}
}

// OfPlatform returns the domains of the platform's own that its mail depends on. Bounces
// come to the bounce domain as they would to a return path.
func OfPlatform(p *tenant.Platform, ring Keyring) []Target {
	all := []Target{{Domain: p.Domain, SPF: true, Keys: keysOf("", p.Identities, p.Domain, ring)}}
	if p.FromDomain != p.Domain && p.FromDomain != p.Bounce {
		all = append(all, Target{Domain: p.FromDomain, SPF: true, Keys: keysOf("", p.Identities, p.FromDomain, ring)})
	}
	return append(all, Target{Domain: p.Bounce, SPF: true, ReturnPath: p.Bounce, Keys: keysOf("", p.Identities, p.Bounce, ring)})
}

func keysOf(whose string, ids []tenant.Identity, d message.Domain, ring Keyring) []WantedKey {
	var wanted []WantedKey
	for _, id := range ids {
		if k, held := ring.Key(id); held && id.SDID == d {
			wanted = append(wanted, WantedKey{Identity: id, Public: k.Public(), Mark: k.Mark(), Tenant: whose})
		}
	}
	return wanted
}

// Same reports whether a lookup of the one is a lookup of the other.
func (s Target) Same(other Target) bool {
	return s.Domain == other.Domain && s.Tenant == other.Tenant && s.SPF == other.SPF &&
		s.ReturnPath == other.ReturnPath && s.PathTenant == other.PathTenant &&
		slices.EqualFunc(s.Keys, other.Keys, func(a, b WantedKey) bool {
			return a.Identity == b.Identity && a.Mark == b.Mark && a.Tenant == b.Tenant
		})
}

// Concerns reports whether a lookup of it is of something that a tenant publishes.
func (s Target) Concerns(id string) bool {
	return s.Tenant == id || s.PathTenant == id || slices.ContainsFunc(s.Keys, func(k WantedKey) bool { return k.Tenant == id })
}

// Merge makes one target of several of one domain. It can belong to one tenant, all
// names below it to another, and both look for keys there.
func Merge(all []Target) []Target {
	at := make(map[message.Domain]int, len(all))
	one := make([]Target, 0, len(all))
	for _, s := range all {
		i, found := at[s.Domain]
		if !found {
			at[s.Domain] = len(one)
			one = append(one, s)
			continue
		}
		one[i] = one[i].with(s)
	}
	return one
}

func (s Target) with(other Target) Target {
	if !s.SPF && other.SPF { // the domain itself is the other's
		s.SPF, s.Tenant = true, other.Tenant
	}
	s.Keys = slices.Clone(s.Keys)
	for _, k := range other.Keys {
		if !slices.ContainsFunc(s.Keys, func(own WantedKey) bool { return own.Selector == k.Selector }) {
			s.Keys = append(s.Keys, k)
		}
	}
	switch {
	case s.ReturnPath.IsZero():
		s.ReturnPath, s.PathTenant = other.ReturnPath, other.PathTenant
	case !other.ReturnPath.IsZero() && s.ReturnPath != other.ReturnPath: // see PathConflicts
		s.ReturnPath, s.PathTenant = message.Domain{}, ""
	}
	return s
}

// Conflict is a domain that two tenants publish under, each with a return path of its own.
type Conflict struct {
	Domain message.Domain
	A, B   *tenant.Tenant
}

// PathConflicts returns the domains whose return paths are not looked for, and so never
// used, because there are two. A Standing has room for one, and neither tenant may rely on the
// other's. Only tenants with authorization auto are concerned.
func PathConflicts(tenants []*tenant.Tenant) []Conflict {
	var all []Conflict
	first := make(map[message.Domain]*tenant.Tenant)
	for _, t := range tenants {
		if t.Authorization != tenant.Auto || t.ReturnPath.IsZero() {
			continue
		}
		for _, s := range Targets(t, new(keys.Ring)) {
			switch other := first[s.Domain]; {
			case s.ReturnPath.IsZero():
			case other == nil:
				first[s.Domain] = t
			case other.ReturnPath != t.ReturnPath:
				all = append(all, Conflict{s.Domain, other, t})
			}
		}
	}
	return all
}

// wants returns a Standing that asks for what the target asks for, and knows nothing.
// A mechanism that is not wanted has an empty Of.
func (s Target) wants(ips string) tenant.Standing {
	w := tenant.Standing{Domain: s.Domain}
	if s.SPF {
		w.SPF.Of = ips
	}
	for _, k := range s.Keys {
		w.DKIM = append(w.DKIM, tenant.KeyStanding{Name: k.Selector, Mechanism: tenant.Mechanism{Of: k.Mark}})
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

package config

import (
	"fmt"

	"onbehalf/message"
	"onbehalf/tenant"
)

// claims is what belongs to one owner only: a tenant, or the platform (nil). The tenant table
// relies on it.
type claims struct {
	ids, domains, logins, networks, returnPaths map[string]*entry
}

func newClaims() claims {
	return claims{map[string]*entry{}, map[string]*entry{}, map[string]*entry{}, map[string]*entry{}, map[string]*entry{}}
}

// String names the owner of something: a tenant and its file, or nil, the platform.
func (e *entry) String() string {
	if e == nil {
		return "the platform"
	}
	item, _ := e.doc.item(e.path)
	return item + " (" + e.doc.file + ")"
}

// claim records the owner of a name, unless it has another owner already.
func claim(of map[string]*entry, name string, by *entry) (other *entry, taken bool) {
	if other, found := of[name]; found {
		return other, other != by
	}
	of[name] = by
	return by, false
}

func (l *loader) claimID(e *entry) {
	if other, taken := claim(l.claims.ids, e.tenant.ID, e); taken {
		_, here := e.doc.find(e.path + ".id")
		_, there := other.doc.find(other.path + ".id")
		e.doc.fail(e.path+".id",
			fmt.Sprintf("%s, in line %d, is also the id of another tenant, in line %d of %s", e.tenant.ID, here.line, there.line, other.doc.file),
			"use another id for each")
	} else if l.stays(l.before.tenant(e.tenant.ID)) {
		l.disputed = true
	}
}

// claimSubmitters binds logins and networks, which can be bound to one owner only.
func (l *loader) claimSubmitters(by *entry, d *document, path string, s tenant.Submitters) {
	for _, login := range s.Logins {
		if other, taken := claim(l.claims.logins, login, by); taken {
			d.fail(path+".logins", fmt.Sprintf("%s is also bound to %s", Quoted(login), other), "bind a login to one sender only")
		}
	}
	for _, network := range s.Networks {
		if other, taken := claim(l.claims.networks, network.String(), by); taken {
			d.fail(path+".networks", fmt.Sprintf("%s is also bound to %s", network, other), "bind smaller networks, or logins")
		}
	}
}

// checkAgainstOthers checks a tenant against the platform and all other tenants.
func (l *loader) checkAgainstOthers(e *entry) {
	for i, p := range e.tenant.Domains {
		l.claimDomain(e, e.domainPath(i), p)
	}
	l.claimSubmitters(e, e.doc, e.path+".submitters", e.tenant.Submitters)
	l.checkTrust(e.doc, e.path+".submitters", "this tenant", e.tenant.Submitters)
	l.claimReturnPath(e)
}

func (l *loader) claimDomain(me *entry, path string, p tenant.Pattern) {
	d, own := me.doc, l.config.Platform
	if other, taken := claim(l.claims.domains, p.String(), me); taken {
		d.fail(path, fmt.Sprintf("%s also belongs to %s", p, other), "name it for one tenant only")
	} else if l.staysNamed(p) {
		l.disputed = true
	}
	if of, found := l.own.overlap(p); found {
		d.fail(path, p.String()+" overlaps with the platform's own domain "+of.String(), "remove it from the tenant or from platform.domains")
	}
	if !own.Bounce.IsZero() && own.Bounce.Within(p.Domain) {
		d.fail(path, "platform.bounce_domain "+own.Bounce.String()+" lies in "+p.String(), "choose a bounce domain that belongs to no tenant")
	}
}

// ownDomains are the platform's own domains, as tenants' are compared with them.
type ownDomains struct {
	at    map[message.Domain]tenant.Pattern // by the domain that the pattern names
	wild  map[message.Domain]bool           // those with a wildcard
	above map[message.Domain]tenant.Pattern // each domain that one of them lies below, and one that does
}

func newOwnDomains(patterns []tenant.Pattern) ownDomains {
	own := ownDomains{map[message.Domain]tenant.Pattern{}, map[message.Domain]bool{}, map[message.Domain]tenant.Pattern{}}
	for _, p := range patterns {
		own.at[p.Domain] = p
		own.wild[p.Domain] = own.wild[p.Domain] || p.Wildcard
		for up := p.Domain.Parent(); !up.IsZero(); up = up.Parent() {
			if _, found := own.above[up]; !found {
				own.above[up] = p
			}
		}
	}
	return own
}

// overlap returns an own domain so that some domain is both the platform's and the tenant's, and
// nobody could say in whose name its mail leaves.
func (own ownDomains) overlap(p tenant.Pattern) (tenant.Pattern, bool) {
	if of, found := own.at[p.Domain]; found {
		return of, true
	}
	for up := p.Domain.Parent(); !up.IsZero(); up = up.Parent() {
		if own.wild[up] {
			return tenant.Pattern{Domain: up, Wildcard: true}, true
		}
	}
	of, found := own.above[p.Domain]
	return of, found && p.Wildcard
}

func (l *loader) claimReturnPath(me *entry) {
	d, path, name := me.doc, me.path+".return_path", me.tenant.ReturnPath
	if name.IsZero() {
		return
	}
	if other, taken := claim(l.claims.returnPaths, name.String(), me); taken {
		d.fail(path, fmt.Sprintf("%s is also the return path of %s", name.Unicode(), other), "use another name for each")
	}
	if p := l.config.Platform; name == p.Bounce || p.Owns(name) {
		d.fail(path, name.Unicode()+" is the platform's own", "choose a name below the tenant's domain")
	}
}

// checkBouncesTo makes sure that bounces end somewhere. It needs the return paths of
// all tenants.
func (l *loader) checkBouncesTo(d *document, path string, to message.Address) {
	if where := l.ownDestination(to.Domain); where != "" {
		d.fail(path, to.String()+" is inside "+where+", so a bounce would come back again", "name a mailbox elsewhere that people read")
	}
}

// ownDestination returns which of our own names takes the mail of a domain, where nobody reads it;
// empty: none.
func (l *loader) ownDestination(domain message.Domain) string {
	p := l.config.Platform
	if !p.Bounce.IsZero() && domain.Within(p.Bounce) {
		return "platform.bounce_domain"
	}
	for up := domain; !up.IsZero(); up = up.Parent() {
		if o, found := l.claims.returnPaths[up.String()]; found {
			return "the return path of " + o.String()
		}
	}
	if p.OnlyReplies(domain) {
		return "the domain of platform.from, where only replies arrive"
	}
	return ""
}

// checkOwnership checks what depends on the longest match among all tenants.
func (l *loader) checkOwnership(e *entry) {
	d, path := e.doc, e.path+".direct.domains"
	for _, domain := range e.tenant.Direct.Domains {
		switch holder, found := l.holder(domain); {
		case !found:
			d.fail(path, domain.Unicode()+" is not among the tenant's domains", "add it there, or remove it here")
		case holder != e:
			d.fail(path, fmt.Sprintf("%s belongs to %s", domain.Unicode(), holder), "remove it here")
		case l.ownDestination(domain) != "":
			d.fail(path, fmt.Sprintf("%s is inside %s, so its mail comes to this host", domain.Unicode(), l.ownDestination(domain)), "remove it here")
		}
	}
	name := e.tenant.ReturnPath
	if other, found := l.named(tenant.Pattern{Domain: name}); found && other != e {
		d.fail(e.path+".return_path", fmt.Sprintf("%s belongs to %s", name.Unicode(), other), "choose another name")
	}
}

// holder returns the tenant that a domain belongs to, as the tenant table will.
func (l *loader) holder(domain message.Domain) (*entry, bool) {
	if o, found := l.named(tenant.Pattern{Domain: domain}); found {
		return o, true
	}
	for up := domain.Parent(); !up.IsZero(); up = up.Parent() {
		if o, found := l.named(tenant.Pattern{Domain: up, Wildcard: true}); found {
			return o, true
		}
	}
	return nil, false
}

// named returns the tenant that has exactly this pattern among its domains. Of one in a file that
// was kept there is no entry: it is nobody who asks.
func (l *loader) named(p tenant.Pattern) (*entry, bool) {
	o, found := l.claims.domains[p.String()]
	return o, found || l.staysNamed(p)
}

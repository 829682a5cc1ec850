package config

import (
	"cmp"
	"fmt"

	"onbehalf/message"
	"onbehalf/tenant"
)

// tenant takes one tenant by itself.
func (l *loader) tenant(e *entry) {
	d, raw := e.doc, e.raw
	t := &tenant.Tenant{ID: raw.ID, Name: cmp.Or(d.displayName(e.path+".name", raw.Name), raw.ID)}
	e.tenant = t
	l.checkID(e)
	t.Domains, e.places = d.patterns(e.path+".domains", raw.Domains)
	if len(raw.Domains) == 0 {
		d.fail(e.path+".domains", "names no domain", "write the domains that the tenant sends from")
	}
	e.warnOfProviders()
	l.warnOfReplies(e)
	t.Authorization = choice(d, e.path+".authorization", or(raw.Authorization, "auto"), tenant.Auto, tenant.Authorized, tenant.Unauthorized)
	t.Submitters = d.submitters(e.path+".submitters", raw.Submitters, l.config.Platform.Trust)
	t.Policy = e.override(l.config.Platform.Policy)
	l.checkSigned(e)
	t.FromName = e.nameTemplate()
	t.ReturnPath = e.returnPath()
	t.BouncesTo = d.address(e.path+".bounces_to", raw.BouncesTo)
	t.Direct = e.direct()
	l.dkim(d, e.path+".dkim", raw.DKIM, apexes(t.Domains), t)
	if len(raw.DKIM) == 0 {
		e.tenant = l.shared(t)
	}
	e.raw = nil
	l.config.Tenants = append(l.config.Tenants, e.tenant)
}

// shared returns a tenant as it was before, if it has not changed: the same of a million tenants is
// in memory once. One that has keys gets its Identities from Identify, and so is never shared.
func (l *loader) shared(t *tenant.Tenant) *tenant.Tenant {
	if was := l.before.tenant(t.ID); was != nil && was.Equal(t) {
		return was
	}
	return t
}

// longDomain is the length in bytes from which on a domain leaves little room in a reply
// address, and replyRoom what both parts of the author's address may have together: of 64
// (RFC 5321 section 4.5.3.1.1), 19 are the address's own.
const (
	longDomain = 30
	replyRoom  = 45
)

// warnOfReplies warns of domains whose authors hardly fit into a reply address.
func (l *loader) warnOfReplies(e *entry) {
	if !l.config.Platform.From.Holds("reply") {
		return
	}
	for i, pattern := range e.tenant.Domains {
		if size := len(pattern.Domain.String()); size >= longDomain {
			e.doc.warn(e.domainPath(i),
				fmt.Sprintf("has %d bytes, so {reply} in platform.from has room for %d bytes before the @; for longer addresses From is noreply@%s, and only Reply-To reaches the author",
					size, max(0, replyRoom-size), l.config.Platform.FromDomain.Unicode()),
				"expect replies to From to bounce where a program ignores Reply-To, or use a shorter domain")
		}
	}
}

// checkID checks the id.
func (l *loader) checkID(e *entry) {
	path, id := e.path+".id", e.raw.ID
	switch {
	case id == "":
		e.doc.require(path, id, "yourorg, for logs, reports and bounce addresses")
	case !validID(id):
		e.doc.fail(path, Quoted(id)+" is not an id", "use 1 to 40 of a-z, 0-9 and hyphen")
	default:
		l.claimID(e)
	}
}

// returnPath takes the name under the tenant's own domain to which bounces go. To
// be aligned it must lie below a domain that the tenant sends from.
func (e *entry) returnPath() message.Domain {
	path := e.path + ".return_path"
	name := e.doc.domain(path, e.raw.ReturnPath)
	if name.IsZero() || len(e.tenant.Domains) == 0 {
		return name
	}
	below := false
	for _, apex := range apexes(e.tenant.Domains) {
		if name == apex {
			e.doc.fail(path, name.Unicode()+" is a domain that the tenant sends from, and its mail would be treated as bounces", "choose a name below it, like bounce."+name.Unicode())
			return name
		}
		below = below || name.Below(apex)
	}
	if !below {
		e.doc.fail(path, name.Unicode()+" is not below a domain of the tenant", "choose a name like bounce."+e.tenant.Domains[0].Domain.Unicode())
	}
	return name
}

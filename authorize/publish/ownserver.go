package publish

import (
	"fmt"
	"slices"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// OwnServer says what mail to a tenant's own domains meets that has SPF and nothing else: the
// envelope sender must then be in the author's domain (row 5 of rewrite.Decide), and a server
// may refuse its own domains from outside.
func OwnServer(domains ...message.Domain) string {
	return fmt.Sprintf("with SPF alone, mail to %s itself has an address of that domain as envelope sender, and a server like Exchange Online may refuse that from outside (550 5.7.68); our DKIM key in DNS prevents it, and so does an inbound connector for our addresses", listOf(domains))
}

// ownServer is OwnServer for the domains that have SPF and nothing else, or will have when
// they publish what the sheet asks for; empty: there are none.
func (k task) ownServer(s Sheet, t *tenant.Tenant) string {
	var all []message.Domain
	for _, p := range t.Domains {
		if !p.Wildcard && k.spfAlone(s, t, p.Domain) {
			all = append(all, p.Domain)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return OwnServer(all...)
}

func (k task) spfAlone(s Sheet, t *tenant.Tenant, d message.Domain) bool {
	live := func(purpose Purpose, name string) bool {
		return slices.ContainsFunc(s.Records, func(r Record) bool { return r.Purpose == purpose && r.Name == name && r.Done })
	}
	keys := slices.DeleteFunc(k.Keys.Held(t.Identities), func(id tenant.Identity) bool { return id.SDID != d })
	path := dmarc.Listed(t.ReturnPath) == dmarc.Listed(d)
	switch {
	case t.Authorization == tenant.Unauthorized:
		return false
	case t.Authorization == tenant.Authorized: // whatever DNS has
		return len(keys) == 0 && !t.Direct.Covers(d)
	case path && live(Bounces, t.ReturnPath.String()):
		return false
	}
	key := slices.ContainsFunc(keys, func(id tenant.Identity) bool { return live(DKIM, id.String()) })
	return !key && (live(SPF, d.String()) || len(keys) == 0 && !path)
}

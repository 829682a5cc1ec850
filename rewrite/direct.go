package rewrite

import (
	"fmt"
	"slices"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Proven reports whether DNS shows now that a domain is the tenant's own, so that its mail
// may be sent where the tenant says: the tenant has it in the table, and a DKIM key of ours or
// the return path is active there or at a domain of the tenant's above it, because whoever controls
// a zone controls all names below. Authorization "authorized" is proof by itself. One lookup
// that found a key gone (state warning) ends the proof: mail is then delivered by MX, and nothing
// is lost.
func Proven(s *tenant.Snapshot, t *tenant.Tenant, d message.Domain) bool {
	if owner, _ := s.Owner(d); owner != t {
		return false
	}
	switch t.Authorization {
	case tenant.Authorized:
		return true
	case tenant.Unauthorized:
		return false
	}
	for up := d; !up.IsZero(); up = up.Parent() {
		if owner, apex := s.Owner(up); owner == t && shows(s.Standing(apex), t) {
			return true
		}
	}
	return false
}

// shows reports whether a standing holds what only who controls the domain can publish.
func shows(s tenant.Standing, t *tenant.Tenant) bool {
	if path := s.ReturnPath; path.State == tenant.Active && t.ReturnPath.Below(s.Domain) && path.Of == t.ReturnPath.String() {
		return true
	}
	for _, id := range t.Identities {
		if id.SDID == s.Domain && s.Key(id.Selector).State == tenant.Active {
			return true
		}
	}
	return false
}

// DirectHop returns the next hop to which mail for a domain is delivered directly, and
// for whom; nil: it is delivered by MX. In shadow mode nothing is changed, and so no mail
// is sent another way.
func DirectHop(s *tenant.Snapshot, d message.Domain) (*tenant.Tenant, tenant.NextHop) {
	owner, _ := s.Owner(d)
	if owner == nil || owner.Policy.Mode == tenant.Shadow || !owner.Direct.Covers(d) || !Proven(s, owner, d) {
		return nil, tenant.NextHop{}
	}
	return owner, owner.Direct.NextHop
}

// direct reports whether every recipient is at a server of the tenant's own that mail is
// delivered to directly. If only some are, notDirect says so.
func (f *facts) direct() bool {
	if len(f.destinations) == 0 {
		return false
	}
	proven, direct := make(map[message.Domain]bool), 0
	for _, d := range f.destinations {
		if !f.tenant.Direct.Covers(d) {
			continue
		}
		if _, known := proven[d]; !known {
			proven[d] = Proven(f.s, f.tenant, d)
		}
		if !proven[d] {
			f.notDirect = fmt.Sprintf("not delivered directly: no key or return path of ours proves that %s is the tenant's", d)
			return false
		}
		direct++
	}
	all := len(f.destinations)
	if direct == all {
		return true
	}
	if direct > 0 {
		f.notDirect = fmt.Sprintf("not delivered directly: %d of %d recipients are elsewhere", all-direct, all)
	}
	return false
}

// directSender makes the envelope sender of directly delivered mail a bounce address, because
// a server may refuse its own domains from outside; or, where the tenant wants that, the author's.
func (f *facts) directSender() sender {
	switch {
	case f.tenant.Direct.Envelope == tenant.EnvelopeAuthor && f.canAlign():
		return f.authorAsSender
	case f.path:
		return f.unlessOurs(f.bounceAtTenant)
	}
	return f.unlessOurs(f.bounceAtPlatform)
}

// toOwnServer reports whether a recipient is in one of the tenant's own domains. Its server
// may refuse those domains as envelope sender, whatever SPF and DKIM say (Exchange Online:
// 550 5.7.68).
func (f *facts) toOwnServer() bool {
	return slices.ContainsFunc(f.destinations, func(d message.Domain) bool {
		owner, _ := f.s.Owner(d)
		return owner == f.tenant
	})
}

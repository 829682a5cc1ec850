package rewrite

import (
	"cmp"
	"fmt"
	"slices"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Decide returns the plan for a message by this table. Mail of an untrusted
// submitter passes untouched, and so does what came from a stranger and is handed back by a
// filter on this host, and what we have signed a moment ago.
//
// S: SPF of the author's domain passes for every sending host. K: a DKIM key of
// ours is live in the tenant's DNS. R: the tenant delegated a return path to us.
// A mechanism that would not align with From counts as absent, and so does one that the last lookup
// found gone, unless the DMARC policy is none or absent.
//
//	row            From           S    K    R    envelope sender                        From     signature
//	1  key-path    tenant         any  yes  yes  bounce address at the return path      keep     tenant
//	2  key-spf     tenant         yes  yes  no   kept if it aligns, else bounce address keep     tenant
//	3  key         tenant         no   yes  no   bounce address                         keep     tenant
//	4  path        tenant         any  no   yes  bounce address at the return path      keep     platform
//	5  spf         tenant         yes  no   no   kept if it aligns, else the author     keep     platform
//	6  on-behalf   tenant         no   no   no   bounce address                         rewrite  platform
//	7  platform    platform's                    kept if it is ours, else bounce        keep     platform
//	8  unknown     no tenant's                   policy.unknown_domain: as 6, refuse, or leave alone
//	9  unreadable  not one author                policy.unreadable_from: refuse, or as 6
//	10 forbidden   submitter may not use it      refuse
//
// A sender that sendmail(1) made up, because no one was named, is replaced by the author before
// the table is applied. The null sender stays null in every row, and S and R are then absent: SPF
// speaks of the HELO name. A sender in the platform's own domains stays, save in
// rows 4 and 5, where SPF is all that aligns. A server may refuse its own domain as
// the envelope sender of mail from outside, so with a recipient in one of the
// tenant's own domains row 2 is row 3. When every recipient is delivered directly to
// the tenant's own server, From is kept whatever the row, and the envelope sender is
// a bounce address unless the tenant wants the author's. Recipients that are bounce
// or reply addresses of ours are routed to the mailbox behind them, whoever the submitter is.
func Decide(m message.Message, s *tenant.Snapshot) Plan {
	f := gather(m, s)
	return f.bounded(f.withRedirects(f.decide()))
}

// maxEdits is how many changes to a header we make. Postfix looks through the header for
// each, so thousands of them take it minutes.
const maxEdits = 100

// bounded refuses a message whose header would take too many changes.
func (f *facts) bounded(p Plan) Plan {
	if len(p.Edits) <= maxEdits {
		return p
	}
	refused := Plan{Row: RowTooMany, Action: Refuse, Tenant: p.Tenant, Bound: p.Bound, Shadow: p.Shadow}
	last := p.Edits[len(p.Edits)/2].Name
	refused.Reason = "the header repeats fields too often"
	refused.Detail = fmt.Sprintf("%d changes to it would be needed, most of them to %s; at most %d are made", len(p.Edits), last, maxEdits)
	return refused
}

// decide is the table.
func (f *facts) decide() Plan {
	switch {
	case f.forbidden != "":
		return f.forbid(f.forbidden)
	case !f.trusted:
		p := f.plan(RowUntrusted, Pass, f.distrusted)
		p.Detail, p.Tenant, p.Shadow = f.stranger, p.Bound, false
		if f.unreadable == "" && len(f.author.Mailboxes) > 0 {
			p.Claimed = f.author.Mailboxes[0].Address
		}
		return p
	case f.decidedBefore():
		return f.plan(RowDecided, Pass, "it was decided about when it came to this host")
	case f.unreadable != "" && f.policy.UnreadableFrom == tenant.UnreadableReject:
		return f.refuse(RowUnreadable, "author cannot be read", f.unreadable)
	case f.unreadable != "":
		return f.onBehalf(RowUnreadable, "author cannot be read")
	case f.class == ofPlatform:
		return f.keep(RowPlatform, "the platform's own mail", f.unlessOurs(f.bounceAtPlatform), f.platform.Signers(f.domain))
	case f.class == ofNoTenant && f.policy.UnknownDomain == tenant.UnknownReject:
		return f.refuse(RowUnknown, "author's domain belongs to no tenant", f.domain.String())
	case f.class == ofNoTenant && f.policy.UnknownDomain == tenant.UnknownPass:
		return f.plan(RowUnknown, Pass, "author's domain belongs to no tenant")
	case f.class == ofNoTenant:
		return f.onBehalf(RowUnknown, "author's domain belongs to no tenant")
	case f.direct():
		return f.keep(RowDirect, "all recipients are delivered directly", f.directSender(), f.ownOrPlatform())
	case f.key && f.path:
		return f.keep(RowKeyPath, "DKIM key and return path are live", f.unlessOurs(f.bounceAtTenant), f.live)
	case f.key && f.spf && !f.toOwnServer():
		return f.keep(RowKeySPF, "DKIM key and SPF are live", f.unlessAligned(f.unlessOurs(f.bounceAtPlatform)), f.live)
	case f.key && f.spf:
		return f.keep(RowKey, "DKIM key is live, and a recipient is in the tenant's own domains", f.unlessOurs(f.bounceAtPlatform), f.live)
	case f.key:
		return f.keep(RowKey, "DKIM key is live", f.unlessOurs(f.bounceAtPlatform), f.live)
	case f.path:
		return f.keep(RowPath, "return path is live", f.bounceAtTenant, f.platform.Signers(f.domain))
	case f.spf && f.canAlign():
		return f.keep(RowSPF, "SPF is live", f.authorAsSender, f.platform.Signers(f.domain))
	default:
		return f.onBehalf(RowOnBehalf, "the author's domain has not authorized us")
	}
}

// sender returns the address that takes the place of the envelope sender; nil: it
// stays. A nil func keeps it too.
type sender func() *message.Address

// plan starts a plan with what all rows have in common.
func (f *facts) plan(row Row, action Action, reason string) Plan {
	p := Plan{Row: row, Action: action, Reason: reason, Shadow: f.policy.Mode == tenant.Shadow, Standings: f.consulted}
	if f.tenant != nil {
		p.Tenant = f.tenant.ID
	}
	if f.bound != nil {
		p.Bound = f.bound.ID
	}
	return p
}

func (f *facts) refuse(row Row, reason, detail string) Plan {
	p := f.plan(row, Refuse, reason)
	p.Detail = detail
	return p
}

// forbid refuses what the submitter may not send. The policy is that of the submitter's tenant, not
// of the tenant that the message claims to be from.
func (f *facts) forbid(why string) Plan {
	f.policy = f.policyOf(f.bound)
	p := f.refuse(RowForbidden, "submitter may not send as this author", why)
	p.ByNetwork = f.byNetwork
	return p
}

// keep lets the message leave as its author's own.
func (f *facts) keep(row Row, reason string, from sender, keys []tenant.Identity) Plan {
	if forbidden := f.forbidsField("Sender", f.bound); forbidden != "" {
		return f.forbid(forbidden)
	}
	p := f.plan(row, Keep, reason)
	p.ReversePath = f.replaceSender(from)
	p.Edits = slices.Concat(f.settleFrom(), f.dropUnreadable("Sender"), f.dropStale(keys), f.complete())
	p.Sign = keys
	return p
}

// onBehalf lets the message leave as the platform's: row 6, and those that go
// "as 6". The policy may keep an author whose domain does not object.
func (f *facts) onBehalf(row Row, reason string) Plan {
	p := f.plan(row, Rewrite, reason)
	p.Detail = cmp.Or(f.unreadable, f.notDirect, f.doubted)
	p.ReversePath = f.replaceSender(f.unlessOurs(f.bounceAtPlatform))
	from, keys := slices.Concat(f.dropTrail(), f.dropSender(), f.replaceFrom()), f.platform.Signers(f.platform.FromDomain)
	if f.mayKeepFrom() {
		if forbidden := f.forbidsField("Sender", f.bound); forbidden != "" {
			return f.forbid(forbidden)
		}
		p.Action, p.Detail = Keep, "policy.rewrite_from keeps From"
		from, keys = append(f.settleFrom(), f.dropUnreadable("Sender")...), f.platform.Signers(f.domain)
	}
	p.Edits = slices.Concat(from, f.replyTo(), f.dropStale(keys), f.complete())
	p.Sign = keys
	return p
}

// mayKeepFrom reports whether row 6 leaves From alone.
func (f *facts) mayKeepFrom() bool {
	if f.unreadable != "" {
		return false
	}
	switch f.policy.RewriteFrom {
	case tenant.RewriteNever:
		return true
	case tenant.RewriteDMARC:
		return !slices.ContainsFunc(f.author.Mailboxes, func(m message.Mailbox) bool { return f.objects(m.Address.Domain) })
	}
	return false
}

// objects reports whether receivers may refuse a From of the domain that nothing
// authenticates.
func (f *facts) objects(d message.Domain) bool {
	policy := f.standing(d).DMARC.Policy
	listed := slices.ContainsFunc(f.policy.AlwaysRewrite, d.Within)
	return listed || !lenient(policy)
}

// replaceSender returns what takes the place of the envelope sender; nil: it stays. One
// that nobody chose does not.
func (f *facts) replaceSender(from sender) *message.Address {
	if from == nil || f.m.Envelope.ReversePath.Null() {
		return f.chosen
	}
	if replaced := from(); replaced != nil {
		return replaced
	}
	return f.chosen
}

// unlessOurs keeps a sender in the platform's own domains, of who may send as the platform,
// and a bounce address of ours that leads somewhere.
func (f *facts) unlessOurs(otherwise sender) sender {
	from := f.m.Envelope.ReversePath.Address
	if !f.isOurs(from.Domain) {
		return otherwise
	}
	if from.Domain == f.platform.Bounce {
		if _, err := NewCodec(f.platform.SRS, f.m.Received).Decode(from); err != nil {
			return otherwise
		}
		return nil
	}
	if f.forbidsFrom(from.Domain, f.bound) != "" {
		return otherwise
	}
	return nil
}

// unlessAligned keeps a sender that SPF vouches for, if policy lets it.
func (f *facts) unlessAligned(otherwise sender) sender {
	if f.policy.KeepEnvelope && f.aligns(f.m.Envelope.ReversePath) {
		return nil
	}
	return otherwise
}

func (f *facts) bounceAtPlatform() *message.Address { return f.bounceAt(f.platform.Bounce) }

func (f *facts) bounceAtTenant() *message.Address { return f.bounceAt(f.tenant.ReturnPath) }

// bounceAt wraps the sender into a bounce address, unless it is one already.
func (f *facts) bounceAt(domain message.Domain) *message.Address {
	id := ""
	if f.tenant != nil {
		id = f.tenant.ID
	}
	codec := NewCodec(f.platform.SRS, f.m.Received)
	address := codec.BounceAt(f.m.Envelope.ReversePath, id, domain, f.m.Envelope.SMTPUTF8, f.s.TakesBounces)
	if address == f.m.Envelope.ReversePath.Address {
		return nil
	}
	return &address
}

// authorAsSender makes the author the envelope sender, so that SPF speaks for the
// domain in From.
func (f *facts) authorAsSender() *message.Address {
	if f.aligns(f.m.Envelope.ReversePath) {
		return nil
	}
	return &f.author.Mailboxes[0].Address
}

// ownOrPlatform returns the tenant's live keys or, when there is none, the platform's.
func (f *facts) ownOrPlatform() []tenant.Identity {
	if f.key {
		return f.live
	}
	return f.platform.Signers(f.domain)
}

package milter

import (
	"cmp"
	"net/netip"
	"time"

	"onbehalf/message"
	"onbehalf/receivers"
	"onbehalf/rewrite"
)

// Owner is whose mail something is. The zero Owner is that of what belongs to no tenant.
type Owner struct {
	Tenant   string // id, always of a tenant that is configured
	Platform bool   // it is the platform's
}

// Outcome is what became of a message, for who counts messages.
type Outcome struct {
	Owner
	Row    rewrite.Row
	Result string    // done, passed, refused or deferred
	Reason string    // why it was refused, of a fixed set; empty: it was not
	At     time.Time // when it came
}

// unsignable is the reason where a plan was to be carried out, and the message could not be signed.
const unsignable = "the message cannot be signed as it is"

// outcome returns what is counted. A message that comes to this host a second time is not.
func (t *transaction) outcome() (o Outcome, counts bool) {
	o = Outcome{Owner: t.owner(), Row: t.plan.Row, Result: string(t.result), At: t.message.Received}
	if t.result == refused {
		o.Reason = t.plan.Reason
		if t.plan.Action != rewrite.Refuse {
			o.Reason = unsignable
		}
	}
	return o, t.plan.Row != rewrite.RowDecided
}

// owner returns whose message it is. Whom a stranger claims to be does not count, nor whom a
// submitter may not send as where he is bound to a tenant: then it is that one's.
func (t *transaction) owner() Owner {
	p := &t.plan
	switch {
	case p.Row == rewrite.RowUntrusted:
		return Owner{}
	case p.Row == rewrite.RowPlatform && p.Tenant == "":
		return Owner{Platform: true}
	case p.Row == rewrite.RowReturn && p.Tenant == "" && len(p.Redirects) > 0:
		return t.ownerOf(p.Redirects[0])
	case p.Row == rewrite.RowForbidden:
		return Owner{Tenant: cmp.Or(p.Bound, p.Tenant)}
	}
	return Owner{Tenant: cmp.Or(p.Tenant, p.Bound)}
}

// sentByOwner reports whether the message has left, and its owner has sent it. A bounce comes to
// its owner, and in shadow a forbidden message leaves too.
func (t *transaction) sentByOwner() bool {
	left := t.result == done || t.result == passed
	return left && t.plan.Action != rewrite.Forward && t.plan.Row != rewrite.RowForbidden
}

// ownerOf returns whose address of ours a recipient is.
func (t *transaction) ownerOf(x rewrite.Redirect) Owner {
	return Owner{Tenant: x.Tenant, Platform: x.Tenant == "" && t.snapshot.Platform().Owns(x.To.Domain)}
}

// Notification is a delivery status notification that says of recipients that they were not reached
// (RFC 3464), and that has come by a bounce address of ours. Its words are a stranger's all the
// same: whoever has got a message has such an address.
type Notification struct {
	Owner                    // of the bounce address
	BounceAt message.Domain  // domain of that
	Mailbox  message.Address // behind it
	Failures []Failure       // never none
	Own      bool            // Postfix of this host made it
	Network  netip.Prefix    // that it came from, otherwise
	At       time.Time
}

// Failure is what one receiver said against one recipient.
type Failure struct {
	Meaning receivers.Meaning
	Status  string // RFC 3463
	Host    string // that said so, as the notification names it
	Delayed bool   // it is tried again
}

// failures returns what a notification says of recipients that were not reached.
func failures(status *message.StatusReader) (all []Failure) {
	for _, report := range status.Reports {
		if report.Action != "failed" && report.Action != "delayed" {
			continue
		}
		reply := receivers.ParseReply(report.Diagnostic)
		reply.Host, reply.Status = cmp.Or(report.Remote, status.Reporting), report.Status
		all = append(all, Failure{receivers.Explain(reply), report.Status, reply.Host, report.Action == "delayed"})
	}
	return all
}

// notifications returns one for each owner of a bounce address that the message came by. A bounce
// has the null sender (RFC 5321 section 4.5.5). Addresses for people, and those of other SRS
// daemons, whose check codes can be guessed, do not count.
func (t *transaction) notifications() (all []Notification) {
	if len(t.failures) == 0 || !t.message.Envelope.ReversePath.Null() {
		return nil
	}
	seen := make(map[Owner]bool)
	for _, x := range t.plan.Redirects {
		owner := t.ownerOf(x)
		if x.Kind != rewrite.KindBounce || seen[owner] {
			continue
		}
		seen[owner] = true
		n := Notification{Owner: owner, BounceAt: mailbox(message.ParsePath(x.Recipient)).Domain, Mailbox: x.To, Failures: t.failures, Own: t.message.Submitter.Local, At: t.message.Received}
		if !n.Own {
			n.Network = networkOf(t.message.Submitter.Client)
		}
		all = append(all, n)
	}
	return all
}

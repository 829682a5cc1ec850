package admin

import (
	"fmt"
	"slices"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Delivery is how mail of a domain leaves, in one word.
type Delivery string

// The ways, from the best to the worst.
const (
	Signed          Delivery = "signed"          // as its own, with a DKIM signature of its own
	ByPath          Delivery = "path"            // as its own, by SPF of its return path alone
	BySPF           Delivery = "spf"             // as its own, by SPF alone
	Platform        Delivery = "platform"        // in the platform's name
	Unauthenticated Delivery = "unauthenticated" // From is kept by policy, and nothing authenticates it
	Refused         Delivery = "refused"         // not at all
)

// Deliveries are all, from the best to the worst.
var Deliveries = [...]Delivery{Signed, ByPath, BySPF, Platform, Unauthenticated, Refused}

// compare orders ways, the best first.
func (d Delivery) compare(other Delivery) int {
	return slices.Index(Deliveries[:], d) - slices.Index(Deliveries[:], other)
}

func deliveryOf(p rewrite.Plan) Delivery {
	switch {
	case p.Action == rewrite.Refuse:
		return Refused
	case p.Action == rewrite.Rewrite:
		return Platform
	case p.Row == rewrite.RowOnBehalf:
		return Unauthenticated
	case p.Row == rewrite.RowSPF:
		return BySPF
	case p.Row == rewrite.RowPath:
		return ByPath
	}
	return Signed
}

// meaning says for people what a plan makes of the mail.
func (d Delivery) meaning(p rewrite.Plan) string {
	switch d {
	case Signed:
		return "leaves as its own, with a DKIM signature of its own"
	case ByPath:
		return "leaves as its own, by SPF of its return path alone: where another host forwards it, DMARC fails"
	case BySPF:
		return "leaves as its own, by SPF alone: where another host forwards it, DMARC fails"
	case Platform:
		return "leaves in the platform's name, and replies to it go to the author"
	case Unauthenticated:
		return "leaves with its own From because rewrite_from says so, but nothing authenticates it"
	}
	return fmt.Sprintf("is refused: %s (%s)", p.Reason, p.Detail)
}

// PlanFor returns the plan for mail of a tenant's domain.
func PlanFor(s *tenant.Snapshot, t *tenant.Tenant, d message.Domain, now time.Time) rewrite.Plan {
	return rewrite.Decide(letter(t, d, now), s)
}

// letter is the message that stands for all mail of a domain: from its postmaster.
func letter(t *tenant.Tenant, d message.Domain, now time.Time) message.Message {
	postmaster := message.Address{Local: "postmaster", Domain: d}
	m := t.Submitters.Letter(postmaster, postmaster, "onbehalf status", now)
	m.Envelope.ForwardPaths = nil // mail to anybody
	return m
}

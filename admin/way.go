package admin

import (
	"fmt"
	"slices"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Way is how mail of a domain leaves, in one word.
type Way string

// The ways, from the best to the worst.
const (
	Signed   Way = "signed"   // as its own, with a DKIM signature of its own
	ByPath   Way = "path"     // as its own, by SPF of its return path alone
	BySPF    Way = "spf"      // as its own, by SPF alone
	Platform Way = "platform" // in the platform's name
	Bare     Way = "bare"     // From is kept by policy, and nothing authenticates it
	Refused  Way = "refused"  // not at all
)

// Ways are all, from the best to the worst.
var Ways = [...]Way{Signed, ByPath, BySPF, Platform, Bare, Refused}

// compare orders ways, the best first.
func (w Way) compare(other Way) int {
	return slices.Index(Ways[:], w) - slices.Index(Ways[:], other)
}

func wayOf(p rewrite.Plan) Way {
	switch {
	case p.Action == rewrite.Refuse:
		return Refused
	case p.Action == rewrite.Rewrite:
		return Platform
	case p.Row == rewrite.RowOnBehalf:
		return Bare
	case p.Row == rewrite.RowSPF:
		return BySPF
	case p.Row == rewrite.RowPath:
		return ByPath
	}
	return Signed
}

// meaning says for people what a plan makes of the mail.
func (w Way) meaning(p rewrite.Plan) string {
	switch w {
	case Signed:
		return "leaves as its own, with a DKIM signature of its own"
	case ByPath:
		return "leaves as its own, by SPF of its return path alone: where a host on the way forwards it, DMARC fails"
	case BySPF:
		return "leaves as its own, by SPF alone: where a host on the way forwards it, DMARC fails"
	case Platform:
		return "leaves in the platform's name, and answers to it go to the author"
	case Bare:
		return "leaves with its own From, for rewrite_from says so, and nothing that authenticates it"
	}
	return fmt.Sprintf("is refused: %s (%s)", p.Reason, p.Detail)
}

// letter is the message that stands for all mail of a domain: from its postmaster, by a
// submitter who may send as the tenant.
func letter(t *tenant.Tenant, d message.Domain, now time.Time) message.Message {
	author := message.Address{Local: "postmaster", Domain: d}
	return message.Message{
		Envelope:  message.Envelope{ReversePath: message.PathOf(author)},
		Header:    message.Header{{Name: "From", Value: " " + author.String()}},
		Submitter: submitter(t),
		Received:  now,
	}
}

// submitter gives one of the tenant's own. That it is local makes it trusted, wherever
// it comes from.
func submitter(t *tenant.Tenant) message.Submitter {
	who := message.Submitter{Local: true}
	switch {
	case len(t.Submitters.Logins) > 0:
		who.Login = t.Submitters.Logins[0]
	case len(t.Submitters.Networks) > 0:
		who.Client = t.Submitters.Networks[0].Addr()
	}
	return who
}

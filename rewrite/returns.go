package rewrite

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Exchange is a recipient of ours that takes its mail elsewhere: a bounce comes
// home, a reply reaches the author.
type Exchange struct {
	Recipient string          `json:"recipient"` // as RCPT gave it
	To        message.Address `json:"to"`
	Tenant    string          `json:"tenant,omitempty"` // id; empty: nobody's or the platform's
}

// Errors that refuse a recipient, besides those of Codec.Decode.
var (
	ErrNoReply = errors.New("it is a reply address, and stands where bounce addresses do; or the other way round")
	ErrGone    = errors.New("its tenant is not here any more")
	ErrLoop    = errors.New("it leads to a bounce address of ours")
)

// Lead says where mail to a recipient goes. Ours is false for an ordinary recipient,
// with which we have nothing to do. An error refuses the recipient: it is at a domain
// where only addresses of ours exist, or has their form, and leads nowhere. This is
// no relay: an address leads to whom its MAC covers, and to nobody else.
func Lead(to message.Path, s *tenant.Snapshot, now time.Time) (x Exchange, ours bool, err error) {
	forBounces := s.TakesBounces(to.Address.Domain)
	forReplies := s.Platform().TakesReplies(to.Address.Domain)
	if !forBounces && !(forReplies && looksLikeReply(to.Address.Local)) {
		return Exchange{}, false, nil
	}
	decoded := Decoded{} // which leads to the platform
	if !forBounces || !isRole(to.Address.Local) {
		decoded, err = NewCodec(s.Platform().SRS, now).Decode(to.Address)
		switch {
		case err != nil:
			return Exchange{}, true, err
		case decoded.Reply && !forReplies, !decoded.Reply && !forBounces:
			return Exchange{}, true, ErrNoReply
		}
	}
	x, err = home(decoded, s)
	if err == nil && s.TakesBounces(x.To.Domain) {
		err = ErrLoop
	}
	x.Recipient = to.Verbatim
	return x, true, err
}

// home finds the mailbox behind a decoded address: the one that it holds; else the
// tenant's bounces_to; else the platform's.
func home(d Decoded, s *tenant.Snapshot) (Exchange, error) {
	if !d.Address.IsZero() {
		x := Exchange{To: d.Address}
		if owner, _ := s.Owner(d.Address.Domain); owner != nil {
			x.Tenant = owner.ID
		}
		return x, nil
	}
	if d.Tenant == "" {
		return Exchange{To: s.Platform().BouncesTo}, nil
	}
	owner := s.Tenant(d.Tenant)
	switch {
	case owner == nil:
		return Exchange{}, ErrGone
	case owner.BouncesTo.IsZero():
		return Exchange{To: s.Platform().BouncesTo, Tenant: owner.ID}, nil
	}
	return Exchange{To: owner.BouncesTo, Tenant: owner.ID}, nil
}

// looksLikeReply tells the local parts that Reply makes from those of people.
func looksLikeReply(local string) bool {
	local = strings.ToLower(local)
	return strings.HasPrefix(local, "reply=") || strings.HasPrefix(local, "reply+") && strings.Count(local, "=") == 2
}

// isRole tells the mailboxes that every mail domain must have (RFC 5321 section
// 4.5.1, RFC 2142 section 5).
func isRole(local string) bool {
	return strings.EqualFold(local, "postmaster") || strings.EqualFold(local, "abuse")
}

// hop is the field that counts how often a message has been led elsewhere.
const hop = "X-Onbehalf-Hop"

// maxHops is after how many rounds a message is refused.
const maxHops = 3

// hops counts the rounds that a message has made through this platform.
func (f *facts) hops() int {
	n := 0
	for _, field := range f.m.Header.All(hop) {
		if strings.EqualFold(field.Text(), f.platform.Bounce.String()) {
			n++
		}
	}
	return n
}

// exchanges leads recipients elsewhere. Those that lead nowhere were refused at RCPT;
// one in a local submission, where that cannot be, stays and is refused when it comes
// to our own MX.
func (f *facts) exchanges() []Exchange {
	var all []Exchange
	for _, to := range f.m.Envelope.ForwardPaths {
		if x, ours, err := Lead(to, f.s, f.m.Received); ours && err == nil {
			all = append(all, x)
		}
	}
	return all
}

// forward lets a message that is not ours to decide about pass on its way home. The
// envelope sender is wrapped, for SPF of its domain does not know our host.
func (f *facts) forward(exchanges []Exchange) Plan {
	return Plan{
		Row: RowReturn, Verdict: Forward,
		Reason:      "a bounce or reply on its way home",
		Tenant:      exchanges[0].Tenant,
		ReversePath: f.replaceSender(f.unlessOurs(f.bounceHome)),
		Edits:       f.hopEdit(),
		Exchanges:   exchanges,
	}
}

func (f *facts) hopEdit() []Edit {
	return []Edit{{Op: Add, Name: hop, Value: " " + f.platform.Bounce.String()}}
}

// withExchanges adds what leads recipients elsewhere to the plan of a message that
// is decided about like any other. Shadow mode leads home too: an address of ours
// that arrives was made when plans were carried out, and has no other place to go.
func (f *facts) withExchanges(p Plan) Plan {
	exchanges := f.exchanges()
	switch {
	case len(exchanges) == 0, p.Verdict == Refuse && !p.Shadow:
		return p
	case f.hops() >= maxHops:
		return Plan{
			Row: RowReturn, Verdict: Refuse, Tenant: exchanges[0].Tenant,
			Reason: "the message goes round in circles",
			Detail: fmt.Sprintf("it has come through here %d times", f.hops()),
		}
	case p.Verdict == Pass, p.Shadow:
		return f.forward(exchanges)
	}
	p.Exchanges = exchanges
	p.Edits = append(p.Edits, f.hopEdit()...)
	return p
}

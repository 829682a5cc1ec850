package probe

import (
	"context"
	"regexp"
	"time"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Bounds of a probe. Postfix waits longer: 30 seconds to connect, 5 minutes for a reply.
const (
	patience = 10 * time.Second // for each step
	longest  = time.Minute      // in all
)

// Probe is what to look at, and as whom.
type Probe struct {
	Self
	DNS    resolve.Asker
	Tenant *tenant.Tenant // with a next hop
	TLS    tenant.TLS     // that holds for the next hop

	domain   message.Domain // that is asked for
	senders  map[Sender]message.Path
	uses     Sender // of those
	notYet   string
	secret   *regexp.Regexp // matches the bounce address
	patience time.Duration
	asked    bool // for the postmaster
}

// New makes a Probe of a tenant's first direct domain. Senders are as the decision table makes them
// at that time.
func New(self Self, asker resolve.Asker, t *tenant.Tenant, s *tenant.Snapshot, now time.Time) *Probe {
	p := &Probe{Self: self, DNS: asker, Tenant: t, TLS: t.Direct.TLS, domain: t.Direct.Domains[0], patience: patience}
	author := message.Address{Local: "postmaster", Domain: p.domain}
	if own := t.BouncesTo; own.Domain == p.domain && own.IsASCII() {
		author = own
	}
	platform := s.Platform()
	p.senders = map[Sender]message.Path{
		BounceSender: message.PathOf(rewrite.NewCodec(platform.SRS, now).Bounce(message.PathOf(author), t.ID, platform.Bounce, false)),
		AuthorSender: message.PathOf(author),
	}
	p.uses = Sender(t.Direct.Envelope)
	p.decide(t.Submitters.Letter(author, postmaster(p.domain), "onbehalf check", now), s)
	p.secret = regexp.MustCompile(`(?i)` + regexp.QuoteMeta(p.senders[BounceSender].Address.Local))
	return p
}

func postmaster(at message.Domain) message.Address {
	return message.Address{Local: "postmaster", Domain: at}
}

// decide takes the sender of direct mail as the decision table has it, or notes why mail is not
// delivered directly yet.
func (p *Probe) decide(m message.Message, s *tenant.Snapshot) {
	switch owner, _ := rewrite.DirectHop(s, p.domain); {
	case p.Tenant.Policy.Mode == tenant.Shadow:
		p.notYet = "the mode is shadow"
		return
	case owner == nil:
		p.notYet = "neither a DKIM key of ours nor a return path proves that " + p.domain.String() + " is the tenant's"
		return
	}
	plan := rewrite.Decide(m, s)
	if plan.Row != rewrite.RowDirect {
		return
	}
	if sender := plan.Sender(m); s.TakesBounces(sender.Address.Domain) {
		p.senders[BounceSender], p.uses = sender, BounceSender
	} else {
		p.uses = AuthorSender
	}
}

// Run looks up the addresses and visits them. It takes a minute at most, and uses only DNS, sockets
// and certificates.
func (p *Probe) Run(ctx context.Context) Sight {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	s := Sight{
		Tenant: p.Tenant.ID, NextHop: p.Tenant.Direct.NextHop, Domain: p.domain, TLS: p.TLS,
		Envelope: tenant.DirectEnvelope(p.uses), NotYet: p.notYet, Bounce: p.senders[BounceSender].Address.Domain, Caller: p.Caller,
	}
	var all []Address
	all, s.Lookup = lookup(ctx, p.DNS, s.NextHop, p.types)
	some := all[:min(len(all), mostAddresses)]
	s.Left = len(all) - len(some)
	for _, to := range some {
		s.Hosts = append(s.Hosts, p.visit(ctx, to))
	}
	return s
}

// visit talks to one address. Where TLS fails and need not be, Postfix comes again without.
func (p *Probe) visit(ctx context.Context, to Address) Host {
	h := p.talk(ctx, to, true)
	if h.Session != nil && h.Session.Trouble.Kind != "" && !h.Session.Plain && p.TLS == tenant.TLSMay {
		again := p.talk(ctx, to, false)
		again.Session = h.Session
		again.Session.Plain = true
		return again
	}
	return h
}

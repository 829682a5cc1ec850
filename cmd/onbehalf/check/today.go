package check

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Today is what becomes of a message from a domain, by what DNS says now.
type Today struct {
	Row     rewrite.Row       `json:"row"`
	Verdict rewrite.Verdict   `json:"verdict"`
	Reason  string            `json:"reason"`
	Sender  string            `json:"sender"` // envelope sender that it leaves with
	From    string            `json:"from"`
	Sign    []tenant.Identity `json:"sign,omitempty"`
	Trouble string            `json:"trouble,omitempty"` // why it could not be judged
	// With and Without are what receivers think of it, as onbehalf sends it and as the
	// application would send it alone. Of several sending IPs, the one that fares worst.
	With    *authorize.Opinion `json:"with,omitempty"`
	Without *authorize.Opinion `json:"without,omitempty"`
	// Daemon is the row that the daemon would take, by what it has seen so far; empty: the
	// same.
	Daemon string `json:"daemon,omitempty"`
}

// today decides about a message, signs it, and lets a receiver judge it.
func (o *ofOne) today(ctx context.Context, r authorize.Report, t *tenant.Tenant) *Today {
	m, body := o.letter(r.Subject.Domain, t)
	daemon := o.decideBy(o.Known[r.Subject.Domain], m)
	plan := o.decideBy(r.Standing(time.Now()), m)
	from, _ := plan.Apply(m.Header).Get("From")
	today := &Today{
		Row: plan.Row, Verdict: plan.Verdict, Reason: plan.Reason, Sign: plan.Sign,
		Sender: plan.Sender(m).Verbatim, From: from.Text(),
	}
	if _, known := o.Known[r.Subject.Domain]; known && daemon.Row != plan.Row {
		today.Daemon = daemon.Row.String()
	}
	if plan.Verdict == rewrite.Refuse {
		today.Trouble = cmp.Or(plan.Detail, plan.Reason)
		return today
	}
	signed, err := o.sign(plan, m, body)
	if err != nil {
		today.Trouble = err.Error()
		return today
	}
	author := r.Subject.Domain
	if parsed, err := message.ParseFrom(from.Value); err == nil {
		author = parsed.Mailboxes[0].Address.Domain
	}
	today.With = o.worst(ctx, authorize.Arrival{Sender: plan.Sender(m), Author: author, Octets: signed})
	today.Without = o.worst(ctx, authorize.Arrival{Sender: m.Envelope.ReversePath, Author: r.Subject.Domain, Octets: octets(m.Header, body)})
	return today
}

// decideBy decides about a message with one standing in the table.
func (o *ofOne) decideBy(s tenant.Standing, m message.Message) rewrite.Plan {
	if !s.Domain.IsZero() {
		o.Table.SetStandings(s)
	}
	return rewrite.Decide(m, o.Table.Snapshot())
}

// letter is a plain message as the tenant's, or the platform's, application sends it.
func (o *ofOne) letter(d message.Domain, t *tenant.Tenant) (message.Message, string) {
	author := message.Address{Local: "postmaster", Domain: d}
	m := message.Message{Received: time.Now()}
	m.Submitter = message.Submitter{Local: true, Client: netip.IPv6Loopback()}
	if t != nil {
		if t.BouncesTo.Domain == d {
			author = t.BouncesTo
		}
		m.Submitter = submitter(t.Submitters, m.Submitter)
	} else {
		m.Submitter = submitter(o.Table.Platform().Submitters, m.Submitter)
	}
	m.Envelope.ReversePath = message.PathOf(author)
	m.Envelope.ForwardPaths = []message.Path{message.ParsePath("someone@receiver.invalid")}
	for _, field := range [][2]string{
		{"From", author.String()}, {"To", "someone@receiver.invalid"}, {"Subject", "onbehalf check"},
		{"Date", m.Received.Format(time.RFC1123Z)}, {"Message-ID", fmt.Sprintf("<check@%s>", d)},
	} {
		m.Header = append(m.Header, message.Field{Name: field[0], Value: " " + field[1]})
	}
	return m, "A message that was never sent.\r\n"
}

// submitter gives one who may send: a tenant bound to logins or networks takes no
// other.
func submitter(bound tenant.Submitters, otherwise message.Submitter) message.Submitter {
	switch {
	case len(bound.Logins) > 0:
		otherwise.Login = bound.Logins[0]
	case len(bound.Networks) > 0:
		otherwise.Client = bound.Networks[0].Addr()
	}
	return otherwise
}

func (o *ofOne) sign(plan rewrite.Plan, m message.Message, body string) ([]byte, error) {
	header := plan.Apply(m.Header)
	if len(plan.Sign) == 0 {
		return octets(header, body), nil
	}
	signature, err := o.Keys.Sign(header, plan.Sign)
	if err != nil {
		return nil, err
	}
	defer signature.Close()
	if _, err := signature.Write([]byte(body)); err != nil {
		return nil, err
	}
	fields, err := signature.Fields()
	return octets(append(message.Header(fields), header...), body), err
}

func octets(h message.Header, body string) []byte { return []byte(h.String() + "\r\n" + body) }

// worst gives the opinion about the sending IP that fares worst.
func (o *ofOne) worst(ctx context.Context, a authorize.Arrival) *authorize.Opinion {
	var worst *authorize.Opinion
	for _, ip := range o.Table.Platform().SendingIPs {
		a.Client = ip
		opinion := o.looker.Receive(ctx, a)
		if worst == nil || worst.Authenticated() && !opinion.Authenticated() || worst.SPF == "pass" && opinion.SPF != "pass" && worst.Authenticated() == opinion.Authenticated() {
			worst = &opinion
		}
	}
	return worst
}

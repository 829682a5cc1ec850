package check

import (
	"cmp"
	"slices"
	"strings"

	"onbehalf/admin"
	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Today is what becomes of a message from a domain, by what DNS says now.
type Today struct {
	Author  message.Address   `json:"author"`
	Guessed bool              `json:"guessed,omitempty"` // below a wildcard, where no mail came from yet
	Row     rewrite.Row       `json:"row"`
	Action  rewrite.Action    `json:"action"`
	Reason  string            `json:"reason"`
	Sender  message.Address   `json:"sender,omitzero"`        // of the envelope that it leaves with, unless
	Bounce  message.Domain    `json:"bounce_domain,omitzero"` // it is a bounce address there
	From    string            `json:"from"`                   // less the reply address, if it is one
	Sign    []tenant.Identity `json:"sign,omitempty"`
	Trouble string            `json:"trouble,omitempty"` // why it could not be judged
	// With and Without are what receivers think of it, as onbehalf sends it and as the
	// application would send it alone. Of several sending IPs, the one with the worst result.
	With    *authorize.Opinion `json:"with,omitempty"`
	Without *authorize.Opinion `json:"without,omitempty"`
	// OwnServer says why the tenant's own mail server may refuse it; empty: no reason is known.
	OwnServer string `json:"own_server,omitempty"`
	// Daemon is the row that the daemon would use, by what it has seen so far; empty: the
	// same.
	Daemon string `json:"daemon,omitempty"`
}

// samples returns a name for each wildcard that stands alone: neither is its own domain the
// tenant's, nor did mail come from a name below it.
func (c *Checker) samples(t *tenant.Tenant) map[message.Domain]message.Domain {
	all := make(map[message.Domain]message.Domain)
	for _, p := range t.Domains {
		known := slices.ContainsFunc(c.below[t.ID], func(s authorize.Target) bool { return p.Covers(s.Domain) })
		exact := slices.Contains(t.Domains, tenant.Pattern{Domain: p.Domain})
		if sample := admin.Sample(p); p.Wildcard && !known && !exact && sample != p.Domain {
			all[p.Domain] = sample
		}
	}
	return all
}

// today decides about a message, signs it, and lets a receiver judge it.
func (o *ofOne) today(d message.Domain) *Today {
	m, body := o.letter(d)
	plan := rewrite.Decide(m, o.now.Snapshot())
	header := plan.Apply(m.Header)
	today := o.leaves(m, plan, header)
	today.OwnServer = o.ownServer(m, d)
	if plan.Action == rewrite.Refuse {
		today.Trouble = cmp.Or(plan.Detail, plan.Reason)
		return today
	}
	signed, err := o.sign(plan, header, body)
	if err != nil {
		today.Trouble = err.Error()
		return today
	}
	today.With = o.worst(authorize.Arrival{Sender: plan.Sender(m), Author: header.Author().Domain, Octets: signed})
	today.Without = o.worst(authorize.Arrival{Sender: m.Envelope.ReversePath, Author: d, Octets: octets(m.Header, body)})
	return today
}

// ownServer says what the message would meet at the tenant's own mail server.
func (o *ofOne) ownServer(m message.Message, d message.Domain) string {
	m.Envelope.ForwardPaths = []message.Path{message.PathOf(message.Address{Local: "someone", Domain: d})}
	if rewrite.Decide(m, o.now.Snapshot()).Row != rewrite.RowSPF {
		return ""
	}
	return publish.OwnServer(d)
}

// leaves says how a message leaves.
func (o *ofOne) leaves(m message.Message, plan rewrite.Plan, header message.Header) *Today {
	today := &Today{Author: m.Header.Author(), Row: plan.Row, Action: plan.Action, Reason: plan.Reason, Sign: plan.Sign, Sender: plan.Sender(m).Address}
	codec := rewrite.NewCodec(o.platform().SRS, m.Received)
	if _, err := codec.Decode(today.Sender); err == nil { // who has it can use it
		today.Sender, today.Bounce = message.Address{}, today.Sender.Domain
	}
	from, _ := header.Get("From")
	today.From = from.Text()
	if author := header.Author(); !author.IsZero() {
		if _, err := codec.Decode(author); err == nil {
			today.From = strings.ReplaceAll(today.From, author.String(), "a reply address at "+author.Domain.String())
		}
	}
	daemon := rewrite.Decide(m, o.daemon)
	if o.daemon.Standing(today.Author.Domain).LookedUp() && daemon.Row != plan.Row {
		today.Daemon = daemon.Row.String()
	}
	return today
}

// letter is a plain message as the tenant's, or the platform's, application sends it.
func (o *ofOne) letter(d message.Domain) (message.Message, string) {
	author := message.Address{Local: "postmaster", Domain: d}
	bound := o.platform().Submitters
	if t := o.tenant; t != nil {
		bound = t.Submitters
		if t.BouncesTo.Domain == d {
			author = t.BouncesTo
		}
	}
	to, _ := message.ParseAddress("someone@receiver.invalid")
	m := bound.Letter(author, to, "onbehalf check", o.at)
	m.Host, _ = message.ParseHost(o.Hostname)
	return m, "A message that was never sent.\r\n"
}

func (o *ofOne) sign(plan rewrite.Plan, header message.Header, body string) ([]byte, error) {
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

// worst returns the opinion about the sending IP with the worst result.
func (o *ofOne) worst(a authorize.Arrival) *authorize.Opinion {
	var worst *authorize.Opinion
	for _, ip := range o.platform().SendingIPs {
		a.Client, a.HELO = ip, o.Hostname
		opinion := authorize.Receive(o.dns, a)
		if worst == nil || worst.Authenticated() && !opinion.Authenticated() || worst.SPF == "pass" && opinion.SPF != "pass" && worst.Authenticated() == opinion.Authenticated() {
			worst = &opinion
		}
	}
	return worst
}

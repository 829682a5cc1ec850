package selftest

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// sender, header and signers are as the receiver should see them.
func (p *sample) sender() message.Path {
	if p.Plan.Shadow {
		return p.message.Envelope.ReversePath
	}
	return p.Plan.Sender(p.message)
}

func (p *sample) header() message.Header {
	if p.Plan.Shadow {
		return p.message.Header
	}
	return p.Plan.Apply(p.message.Header)
}

func (p *sample) signers() string {
	var all []string
	for _, id := range p.Plan.Sign {
		if !p.Plan.Shadow {
			all = append(all, fmt.Sprintf("d=%s; s=%s", id.SDID, id.Selector))
		}
	}
	return strings.Join(all, ", ")
}

// results predicts what a receiver finds, each with the domain that it is about.
func (p *sample) results() []string {
	if p.Plan.Shadow {
		return []string{"those of mail without onbehalf"}
	}
	if p.Plan.Row == rewrite.RowDirect {
		return []string{"irrelevant: the tenant's own server accepts our mail"}
	}
	sender, from := p.sender().Address.Domain, p.header().Author().Domain
	all, dmarc := []string{fmt.Sprintf("spf=pass (%s)", sender)}, "dmarc=fail or none"
	vouching := []message.Domain{sender}
	for _, id := range p.Plan.Sign {
		if !slices.Contains(vouching[1:], id.SDID) {
			all, vouching = append(all, fmt.Sprintf("dkim=pass (%s)", id.SDID)), append(vouching, id.SDID)
		}
	}
	if slices.ContainsFunc(vouching, func(d message.Domain) bool { return d.Organizational() == from.Organizational() }) {
		dmarc = "dmarc=pass" // the plan ensures it where the policy asks for more
	}
	return append(all, fmt.Sprintf("%s (%s)", dmarc, from))
}

package selftest

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/dmarc"
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
func (t *Test) results(p *sample) []string {
	if p.Plan.Shadow {
		return []string{"those of mail without onbehalf"}
	}
	if p.Plan.Row == rewrite.RowDirect {
		return []string{"irrelevant: the tenant's own server accepts our mail"}
	}
	sender, from := p.sender().Address.Domain, p.header().Author().Domain
	author := rewrite.AuthorOf(t.snapshot, from)
	passes := author.Aligned(dmarc.SPF, rewrite.AuthenticatedAs(t.snapshot, sender))
	all, signers := []string{fmt.Sprintf("spf=pass (%s)", sender)}, []message.Domain(nil)
	for _, id := range p.Plan.Sign {
		if !slices.Contains(signers, id.SDID) {
			all, signers = append(all, fmt.Sprintf("dkim=pass (%s)", id.SDID)), append(signers, id.SDID)
		}
		passes = passes || author.Aligned(dmarc.DKIM, rewrite.AuthenticatedAs(t.snapshot, id.SDID))
	}
	result := "dmarc=fail or none"
	if passes {
		result = "dmarc=pass"
	}
	return append(all, fmt.Sprintf("%s (%s)", result, from))
}

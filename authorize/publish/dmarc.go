package publish

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/message"
)

// leastDMARC asks receivers for nothing. Some take less mail from domains without any.
const leastDMARC = "v=DMARC1; p=none"

// dmarc tells a policy for an organizational domain that has none.
func (k task) dmarc(d message.Domain) Record {
	r := newRecord(DMARC, "_dmarc."+d.String(), d, "TXT", leastDMARC,
		"tells receivers what to do with mail that neither SPF nor DKIM speaks for; p=none asks nothing of them, and some prefer it to no record")
	r.Optional = true
	answer, err := k.DNS.Ask(k.ctx, r.Name, dns.TypeTXT)
	if err != nil {
		r.Value = ""
		r.unanswered(err)
		return r
	}
	if k.fromWildcard(d, answer) {
		answer = resolve.Answer{Chain: answer.Chain[:1]}
	}
	r.behindAlias(answer)
	var policies []string
	for _, text := range answer.Texts() {
		switch {
		case record.IsDMARC(text):
			policies = append(policies, text)
		case strings.Contains(strings.ToUpper(text), "DMARC"):
			r.Present = append(r.Present, text)
			r.remark("receivers do not see " + quoted(text) + " as a DMARC record: delete it")
		}
	}
	r.Present = append(policies, r.Present...)
	if len(policies) == 0 {
		return r
	}
	r.Optional, r.Value = false, policies[0]
	if _, err := record.ParseDMARC(policies[0]); err != nil {
		r.remark(fmt.Sprintf("the record is faulty, and receivers ignore it: %v", err))
		r.Value = leastDMARC
	} else {
		r.Done = len(policies) == 1
	}
	if len(policies) > 1 {
		r.remark(fmt.Sprintf("%d DMARC records are there, and receivers then heed none: delete all but one", len(policies)))
	}
	return r
}

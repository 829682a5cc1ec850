package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
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
	k.judgeDMARC(&r, answer.Texts())
	return r
}

// judgeDMARC compares what is there with the one record that all receivers read alike.
func (k task) judgeDMARC(r *Record, texts []string) {
	var policies, ignored []string
	for _, text := range texts {
		switch why, _ := dmarc.Fault(text); {
		case dmarc.IsRecord(text):
			policies = append(policies, text)
		case why != "":
			ignored = append(ignored, text)
		case strings.Contains(strings.ToUpper(text), "DMARC"):
			ignored = append(ignored, text)
			r.remark("receivers do not see " + quoted(text) + " as a DMARC record: delete it")
		}
	}
	r.Present = slices.Concat(policies, ignored)
	strictest, from, found := dmarc.Strictest(texts)
	if len(policies) == 0 && !found {
		return
	}
	r.Optional = false
	why, by := "", ""
	if found {
		r.Value = dmarc.Repaired(from, strictest)
		why, by = dmarc.Fault(from)
	} else {
		_, err := dmarc.Parse(policies[0])
		r.remark(fmt.Sprintf("the record is faulty, and receivers ignore it: %v", err))
	}
	switch {
	case len(policies)+len(ignored) > 1 && found:
		r.remark(fmt.Sprintf("%d DMARC records are there: some receivers, those with OpenDMARC among them, go by one of them, and others ignore them all; replace them all by this one", len(r.Present)))
	case len(policies) > 1:
		r.remark(fmt.Sprintf("%d DMARC records are there, and receivers then heed none: delete all but one", len(policies)))
	case why != "":
		r.remark(fmt.Sprintf("receivers do not agree on the record that is there, because %s: those with %s take it for p=%s, and others do not; replace it by this one, which all read alike", why, by, strictest.Policy))
	case found:
		r.Value, r.Done = from, true
	}
}

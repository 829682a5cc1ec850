package publish

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
)

// leastDMARC asks receivers for nothing. Some take less mail from domains without any.
const leastDMARC = "v=DMARC1; p=none"

// dmarc returns the policy record of an organizational domain: what is there, one that all
// receivers read alike, or one that asks for nothing.
func (k task) dmarc(d message.Domain) Record {
	r := newRecord(DMARC, "_dmarc."+d.String(), d, "TXT", leastDMARC,
		"says what receivers should do with mail that passes neither SPF nor DKIM; p=none asks for nothing, and some receivers prefer it to no record")
	r.Optional = true
	answer, err := k.dns.To(r.Name, dns.TypeTXT)
	if err != nil {
		r.Value = ""
		r.unanswered(err)
		return r
	}
	if k.fromWildcard(d, answer) {
		answer = resolve.Answer{Chain: answer.Chain[:1]}
	}
	r.behindAlias(answer)
	k.compareDMARC(&r, answer.Texts(), authorize.JudgePolicy(k.dns, d))
	return r
}

// compareDMARC compares what is there with the one record that all receivers read alike. The
// finding is about the policy of the domain.
func (k task) compareDMARC(r *Record, texts []string, f authorize.Finding) {
	strictest, from, read := dmarc.Strictest(texts)
	meant := 0 // to be records
	for _, text := range texts {
		fault, _ := dmarc.Fault(text)
		if dmarc.IsRecord(text) || fault != "" || strings.Contains(strings.ToUpper(text), "DMARC") {
			r.Present = append(r.Present, text)
			meant++
		}
	}
	if meant == 0 {
		return // the policy is another domain's
	}
	r.Optional = !read && !slices.ContainsFunc(texts, dmarc.IsRecord)
	if f.Verdict == authorize.There && read {
		r.Value, r.Done = from, true
		return
	}
	if read {
		r.Value = dmarc.Repaired(from, strictest)
	}
	r.remark(f.Text + "; replace it with this record, which all receivers read alike")
}

package authorize

import (
	"net/netip"
	"strings"

	library "blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Arrival is a message as it comes to a receiver.
type Arrival struct {
	Client netip.Addr     // who delivers it
	HELO   string         // the name that it says in HELO; empty: one that no record goes by
	Sender message.Path   // envelope sender
	Author message.Domain // of the address in From
	Octets []byte         // header and body
}

// Opinion is what a receiver thinks of an Arrival.
type Opinion struct {
	Client      netip.Addr     `json:"client"`
	SPF         library.Result `json:"spf"`        // of RFC 7208 section 2.6
	SPFDomain   message.Domain `json:"spf_domain"` // that it was checked for; zero: the null sender
	SPFAligned  bool           `json:"spf_aligned"`
	SPFCause    string         `json:"spf_cause,omitempty"`
	Signatures  []Verified     `json:"signatures,omitempty"`
	DMARC       string         `json:"dmarc"` // pass, fail, none (no policy), temperror
	Policy      tenant.DMARC   `json:"policy"`
	Explanation string         `json:"explanation"` // what becomes of the message, as far as this decides it
}

// Verified is one DKIM signature of a message.
type Verified struct {
	Domain   message.Domain `json:"domain"`
	Selector string         `json:"selector"`
	Result   string         `json:"result"` // pass, fail or temperror (RFC 8601 section 2.7.1)
	Cause    string         `json:"cause,omitempty"`
	Aligned  bool           `json:"aligned"`
}

// Receive judges a message as a receiver does that checks SPF, DKIM and DMARC, by what DNS
// answered. The signatures are verified by a library, not compared.
func Receive(answers resolve.Answers, a Arrival) Opinion {
	l := newLookup(answers, nil)
	l.helo = a.HELO
	o := Opinion{Client: a.Client}
	policy, found := l.policy(a.Author)
	o.Policy = policy
	l.receiveSPF(&o, a)
	l.receiveDKIM(&o, a)
	o.conclude(found)
	return o
}

func (l *lookup) receiveSPF(o *Opinion, a Arrival) {
	o.SPFDomain = a.Sender.Address.Domain
	if o.SPFDomain.IsZero() {
		o.SPF = library.None
		return
	}
	r := l.evaluate(a.Client, a.Sender.Address.String())
	o.SPF = r.Result
	if r.Result != library.Pass {
		o.SPFCause = r.Cause
	}
	o.SPFAligned = l.isAligned(dmarc.SPF, o.SPFDomain, a.Author, o.Policy)
}

func (l *lookup) receiveDKIM(o *Opinion, a Arrival) {
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(string(a.Octets)), &dkim.VerifyOptions{LookupTXT: l.lookupTXT})
	if err != nil {
		o.Signatures = []Verified{{Result: "fail", Cause: VerifyCause(err)}}
		return
	}
	for i, v := range verifications {
		one := Verified{Result: "pass", Selector: selectorOf(a.Octets, i)}
		one.Domain, _ = message.ParseDomain(v.Domain)
		if v.Err != nil {
			one.Result, one.Cause = "fail", VerifyCause(v.Err)
			if dkim.IsTempFail(v.Err) {
				one.Result = "temperror"
			}
		}
		one.Aligned = l.isAligned(dmarc.DKIM, one.Domain, a.Author, o.Policy)
		o.Signatures = append(o.Signatures, one)
	}
}

// selectorOf returns the selector of the n-th signature, which the library does not return.
func selectorOf(octets []byte, n int) string {
	header, err := message.ReadHeader(message.NewReader(strings.NewReader(string(octets))))
	if err != nil {
		return ""
	}
	all := header.All("DKIM-Signature")
	if n >= len(all) {
		return ""
	}
	for tag := range strings.SplitSeq(all[n].Text(), ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(tag), "="); strings.TrimSpace(name) == "s" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lookupTXT answers the DKIM library, which knows net.DNSError.
func (l *lookup) lookupTXT(name string) ([]string, error) {
	t := &trail{dns: l.dns}
	answer, err := t.ask(name, dns.TypeTXT)
	return answer.Texts(), err
}

// isAligned reports whether what the mechanism authenticated aligns with the author's domain. A
// tree walk that DNS does not answer shows nothing.
func (l *lookup) isAligned(by dmarc.Mechanism, name, author message.Domain, policy tenant.DMARC) bool {
	from, with := dmarc.Author{Domain: author, Asks: policy.Asks()}, dmarc.Authenticated{Domain: name}
	if name == author || policy.Policy == dmarc.Absent || !from.Aligned(by, with) { // a walk cannot change that
		return from.Aligned(by, with)
	}
	org, err := l.organizational(name)
	with.Organizational = org
	return err == nil && from.Aligned(by, with)
}

// doubted is mail that nothing authenticates, and whose domain asks for nothing.
const doubted = "to the spam folder of many receivers; some refuse it"

// conclude returns DMARC's result (RFC 9989 section 5.3), and what follows from it.
func (o *Opinion) conclude(policy Finding) {
	passes := o.SPFAligned && o.SPF == library.Pass
	unsure := o.SPFAligned && o.SPF == library.TempError || policy.Verdict == Unanswered
	for _, v := range o.Signatures {
		passes = passes || v.Aligned && v.Result == "pass"
		unsure = unsure || v.Aligned && v.Result == "temperror"
	}
	switch {
	case passes && o.Policy.Policy != dmarc.Absent:
		o.DMARC, o.Explanation = "pass", "delivered"
	case passes:
		o.DMARC, o.Explanation = "none", "delivered"
	case unsure:
		o.DMARC, o.Explanation = "temperror", "not known, because DNS does not answer; receivers ask for the message again later"
	case o.Policy.Policy == dmarc.Reject:
		o.DMARC, o.Explanation = "fail", "refused, as the domain asks for"
	case o.Policy.Policy == dmarc.Quarantine:
		o.DMARC, o.Explanation = "fail", "to the spam folder, as the domain asks for"
	case o.Policy.Policy == dmarc.None:
		o.DMARC, o.Explanation = "fail", doubted
	default:
		o.DMARC, o.Explanation = "none", doubted
	}
}

// Authenticated reports whether SPF or DKIM passes for the author's domain.
func (o Opinion) Authenticated() bool {
	for _, v := range o.Signatures {
		if v.Aligned && v.Result == "pass" {
			return true
		}
	}
	return o.SPFAligned && o.SPF == library.Pass
}

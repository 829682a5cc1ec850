package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// returnPath returns what makes a name of the tenant's a place for bounces: as an alias
// of the bounce domain, whose MX and SPF then come along. A name that has other records
// cannot be an alias (RFC 1034 section 3.6.2), and gets both itself.
// The finding is about the return path.
func (k task) returnPath(t *tenant.Tenant, f authorize.Finding) []Record {
	name, bounce := t.ReturnPath, k.Platform.Bounce.String()
	r := newRecord(Bounces, name.String(), dmarc.Listed(name), "CNAME", bounce,
		"returns undeliverable mail to "+k.Platform.Name+" under a name of yours, so that receivers count the mail as yours")
	target, others, err := k.own(name)
	sends := slices.Contains(t.Domains, tenant.Pattern{Domain: name})
	switch {
	case err != nil:
		r.unanswered(err)
	case target == bounce, target != "" && f.Verdict == authorize.There:
		r.Done, r.Value, r.Present = true, target, []string{"CNAME " + target}
	case target != "":
		r.Present = []string{"CNAME " + target}
		r.remark("the present alias leads elsewhere: replace it")
	case len(others) > 0 || sends:
		return k.delegated(name, others)
	}
	return []Record{r}
}

// delegated returns MX and SPF of the name itself.
func (k task) delegated(name message.Domain, others []string) []Record {
	mx := k.mx(Bounces, name, "returns undeliverable mail to "+k.Platform.Name)
	if len(others) > 0 {
		mx.remark(fmt.Sprintf("an alias of %s would be simpler, but the name has other records (%s)", k.Platform.Bounce, list(others)))
	}
	spf := k.spf(k.passes(name), wantedSPF{
		name: name, end: "-all",
		why: "lets the hosts of " + k.Platform.Name + " send with this name as envelope sender",
	})
	return []Record{mx, spf}
}

// occupants returns what answers for a name: the target of an alias, or records that let
// no alias stand beside them.
func (k task) occupants(name string) (target string, others []string, err error) {
	answer, err := k.dns.To(name, dns.TypeCNAME)
	if err != nil {
		return "", nil, err
	}
	if targets := answer.Hosts(); len(targets) > 0 {
		return targets[0], nil, nil
	}
	for _, qtype := range []uint16{dns.TypeMX, dns.TypeTXT, dns.TypeA, dns.TypeAAAA, dns.TypeNS} {
		answer, err := k.dns.To(name, qtype)
		if err != nil {
			return "", nil, err
		}
		for _, rr := range answer.Records {
			others = append(others, shown(dns.TypeToString[qtype]+" "+strings.TrimPrefix(rr.String(), rr.Header().String())))
		}
	}
	return "", others, nil
}

// own is occupants, less what a wildcard record has for any name beside this one: that
// does not stand in the way.
func (k task) own(name message.Domain) (target string, others []string, err error) {
	target, others, err = k.occupants(name.String())
	if target == "" && len(others) == 0 || target == k.Platform.Bounce.String() {
		return target, others, err
	}
	wildTarget, wild, err := k.occupants("onbehalf-wildcard-test." + name.Parent().String())
	if target == wildTarget {
		target = ""
	}
	return target, slices.DeleteFunc(others, func(one string) bool { return slices.Contains(wild, one) }), err
}

// mx returns the record by which mail to the domain comes to our host.
func (k task) mx(purpose Purpose, d message.Domain, why string) Record {
	host, _ := k.mailHost()
	r := newRecord(purpose, d.String(), dmarc.Listed(d), "MX", host, why)
	r.Preference = 10
	answer, err := k.dns.To(d.String(), dns.TypeMX)
	if err != nil {
		r.unanswered(err)
		return r
	}
	r.behindAlias(answer)
	for _, other := range answer.Hosts() {
		preference, _ := answer.Preference(other)
		r.Present = append(r.Present, fmt.Sprintf("%d %s", preference, other))
		if other == host {
			r.Done, r.Preference = true, preference
		}
	}
	switch {
	case !r.Done && len(r.Present) > 0:
		r.remark("mail for it goes elsewhere now: replace what is there, if nothing else uses the name")
	case r.Done && len(r.Present) > 1:
		r.remark("other hosts take mail for it too: each must relay it to " + host)
	}
	return r
}

// mailHost returns the host that takes bounces; known is false when it is a guess.
func (k task) mailHost() (host string, known bool) {
	if !k.MailHost.IsZero() {
		return k.MailHost.String(), true
	}
	if host := k.firstMX(k.Platform.Bounce); host != "" {
		return host, true
	}
	if d, err := message.ParseDomain(k.Hostname); err == nil && !d.Parent().IsZero() {
		return d.String(), true
	}
	if host := k.pointer(); host != "" {
		return host, true
	}
	return "mail." + k.Platform.Domain.String(), false
}

func (k task) firstMX(d message.Domain) string {
	answer, err := k.dns.To(d.String(), dns.TypeMX)
	if err != nil {
		return ""
	}
	best := ""
	var least uint16
	for _, host := range answer.Hosts() {
		if preference, _ := answer.Preference(host); host != "" && (best == "" || preference < least) {
			best, least = host, preference
		}
	}
	return best
}

// pointer returns the name that the first sending IP has.
func (k task) pointer() string {
	name, err := dns.ReverseAddr(k.Platform.SendingIPs[0].Unmap().String())
	if err != nil {
		return ""
	}
	answer, err := k.dns.To(name, dns.TypePTR)
	if err != nil {
		return ""
	}
	for _, host := range answer.Hosts() {
		if d, err := message.ParseDomain(host); err == nil && !d.Parent().IsZero() {
			return d.String()
		}
	}
	return ""
}

package authorize

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/message"
	"onbehalf/tenant"
)

// maxWalk bounds the questions of a tree walk (RFC 9989 section 4.10).
const maxWalk = 8

// policyAt is a valid DMARC record and where it stands.
type policyAt struct {
	domain message.Domain
	record.DMARC
	text string
}

// policy finds the DMARC policy of a domain by both rules that receivers use, the
// tree walk (RFC 9989 section 4.10) and the organizational domain by the public
// suffix list (RFC 7489 section 6.6.3), and takes the stricter of both.
func (l *look) policy(d message.Domain) (tenant.DMARC, Finding) {
	exists, err := l.exists(d)
	if err != nil {
		return tenant.DMARC{}, unanswered(err)
	}
	walked, faults, err := l.walk(d)
	if err != nil {
		return tenant.DMARC{}, unanswered(err)
	}
	listed, more, err := l.lookUp(d, d.Organizational())
	if err != nil {
		return tenant.DMARC{}, unanswered(err)
	}
	p := tenant.DMARC{Policy: tenant.DMARCAbsent, Organizational: organizational(d, walked)}
	var found []string
	for _, at := range append(byWalk(d, p.Organizational, walked), listed...) {
		p = stricter(p, at.asked(d, exists))
		if !slices.Contains(found, at.text) {
			found = append(found, at.text)
		}
	}
	return p, policyFinding(d, p, found, append(faults, more...))
}

func policyFinding(d message.Domain, p tenant.DMARC, found, faults []string) Finding {
	switch {
	case p.Policy != tenant.DMARCAbsent:
		return finding(There, PolicyFound, found, "", "%s asks receivers for p=%s%s", d, p.Policy, modes(p))
	case len(faults) > 0:
		return finding(Missing, PolicyMalformed, faults, "mend the record: it must begin with v=DMARC1; p=none, be the only one, and hold a p= of none, quarantine or reject",
			"%s has a DMARC record that receivers ignore", d)
	}
	return finding(Missing, PolicyAbsent, nil, askDNS, "%s has no DMARC record", d)
}

func modes(p tenant.DMARC) string {
	var strict []string
	if p.StrictDKIM {
		strict = append(strict, "DKIM")
	}
	if p.StrictSPF {
		strict = append(strict, "SPF")
	}
	if len(strict) == 0 {
		return ""
	}
	return ", with strict alignment of " + strings.Join(strict, " and ")
}

// exists tells whether there is anything at the name: np= is for names without.
func (l *look) exists(d message.Domain) (bool, error) {
	answer, err := l.dns.Ask(l.ctx, d.String(), dns.TypeTXT)
	return !answer.NoName, err
}

// walk gives the records on the way from the domain to the root, lowest first, and
// texts that were meant to be records and are none.
func (l *look) walk(d message.Domain) (records []policyAt, faults []string, err error) {
	for at := d; !at.IsZero(); at = next(at) {
		one, fault, err := l.recordAt(at)
		if err != nil {
			return nil, nil, err
		}
		faults = append(faults, fault...)
		if one == nil {
			continue
		}
		records = append(records, *one)
		if one.Suffix == "n" || one.Suffix == "y" && at != d {
			break
		}
	}
	return records, faults, nil
}

// next gives the domain that a walk asks after this one: its parent, or of a very long
// name the one with maxWalk-1 labels.
func next(d message.Domain) message.Domain {
	d = d.Parent()
	for strings.Count(d.String(), ".") >= maxWalk-1 {
		d = d.Parent()
	}
	return d
}

// recordAt gives the DMARC record of one domain; nil: receivers see none.
func (l *look) recordAt(d message.Domain) (*policyAt, []string, error) {
	name := "_dmarc." + d.String()
	if len(name) > 253 {
		return nil, nil, nil
	}
	answer, err := l.dns.Ask(l.ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, nil, err
	}
	var meant, faulty []string
	for _, text := range answer.Texts() {
		if record.IsDMARC(text) {
			meant = append(meant, text)
		} else if strings.Contains(strings.ToUpper(text), "DMARC") {
			faulty = append(faulty, text)
		}
	}
	if len(meant) != 1 { // several are all discarded
		return nil, append(meant, faulty...), nil
	}
	parsed, err := record.ParseDMARC(meant[0])
	if err != nil {
		return nil, append(meant, faulty...), nil
	}
	return &policyAt{d, parsed, meant[0]}, nil, nil
}

// lookUp gives the record that RFC 7489 leads to: the domain's own or, without one,
// that of its organizational domain.
func (l *look) lookUp(d, org message.Domain) ([]policyAt, []string, error) {
	one, faults, err := l.recordAt(d)
	if err == nil && one == nil && org != d {
		var more []string
		one, more, err = l.recordAt(org)
		faults = append(faults, more...)
	}
	if err != nil || one == nil {
		return nil, faults, err
	}
	return []policyAt{*one}, faults, nil
}

// organizational gives the organizational domain by what a walk found (RFC 9989
// section 4.10.2).
func organizational(d message.Domain, walked []policyAt) message.Domain {
	org := d
	for _, at := range walked {
		switch {
		case at.Suffix == "n":
			return at.domain
		case at.Suffix == "y" && at.domain != d:
			return childOf(at.domain, d)
		}
		org = at.domain
	}
	return org
}

// childOf gives the domain one label below parent, on the way down to d.
func childOf(parent, d message.Domain) message.Domain {
	for d.Parent() != parent && !d.Parent().IsZero() {
		d = d.Parent()
	}
	return d
}

// byWalk picks the record that holds for the domain: its own, else that of its
// organizational domain, else that of the public suffix (RFC 9989 section 4.10.1).
func byWalk(d, org message.Domain, walked []policyAt) []policyAt {
	for _, holder := range []message.Domain{d, org, org.Parent()} {
		for _, at := range walked {
			if at.domain == holder && (holder != org.Parent() || at.Suffix == "y") {
				return []policyAt{at}
			}
		}
	}
	return nil
}

// asked gives what the record asks for mail from the domain.
func (at policyAt) asked(d message.Domain, exists bool) tenant.DMARC {
	p := tenant.DMARC{Policy: at.Policy, StrictDKIM: at.StrictDKIM, StrictSPF: at.StrictSPF}
	switch {
	case at.domain == d:
	case exists:
		p.Policy = at.Subdomains
	default:
		p.Policy = at.Absent
	}
	return p
}

func stricter(a, b tenant.DMARC) tenant.DMARC {
	if severity[b.Policy] > severity[a.Policy] {
		a.Policy = b.Policy
	}
	a.StrictDKIM = a.StrictDKIM || b.StrictDKIM
	a.StrictSPF = a.StrictSPF || b.StrictSPF
	return a
}

var severity = map[tenant.DMARCPolicy]int{
	tenant.DMARCAbsent: 0, tenant.DMARCNone: 1, tenant.DMARCQuarantine: 2, tenant.DMARCReject: 3,
}

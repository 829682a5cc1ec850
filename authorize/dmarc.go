package authorize

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
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

// fault is a text that was meant to be a DMARC record, and receivers ignore.
type fault struct {
	domain            message.Domain
	text, why, remedy string // text may be empty
}

// policy finds the DMARC policy of a domain by both rules that receivers use, the
// tree walk (RFC 9989 section 4.10) and the organizational domain by the public
// suffix list (RFC 7489 section 6.6.3), and takes the stricter of both; and of what forgiving
// receivers make of records that both rules ignore.
func (l *lookup) policy(d message.Domain) (tenant.DMARC, Finding) {
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
	sources := byWalk(d, p.Organizational, walked)
	for _, at := range sources {
		p = stricter(p, at.asked(d, exists))
	}
	for _, at := range listed {
		p = stricter(p, at.asked(d, true)) // np= is not of RFC 7489
		if !slices.Contains(sources, at) {
			sources = append(sources, at)
		}
	}
	f := policyFinding(d, p, sources, append(faults, more...))
	if read, found := l.forgiving(d, d.Organizational(), p.Organizational); found {
		if severity[read.policy.Policy] > severity[p.Policy] {
			f = differing(d, p, read, f)
		}
		p = stricter(p, read.policy)
	}
	return p, f
}

func policyFinding(d message.Domain, p tenant.DMARC, sources []policyAt, faults []fault) Finding {
	var found, names []string
	for _, at := range sources {
		found, names = append(found, at.text), append(names, "_dmarc."+at.domain.String())
	}
	if len(found) > 0 {
		by := names[0]
		if len(names) > 1 { // receivers by the older rule find another
			by = "the stricter of " + strings.Join(names, " and ")
		}
		return finding(There, PolicyFound, found, "", "DMARC of %s is p=%s%s, by %s", d, p.Policy, modes(p), by)
	}
	// That of a registry nobody else can mend.
	faults = slices.DeleteFunc(faults, func(f fault) bool { return !f.domain.Within(d.Organizational()) })
	for _, f := range faults {
		if f.text != "" && !slices.Contains(found, f.text) {
			found = append(found, f.text)
		}
	}
	if len(faults) > 0 {
		return finding(Missing, PolicyMalformed, found, faults[0].remedy, "receivers ignore what stands at _dmarc.%s: %s", faults[0].domain, faults[0].why)
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
func (l *lookup) exists(d message.Domain) (bool, error) {
	answer, err := l.dns.To(d.String(), dns.TypeTXT)
	if errors.Is(err, resolve.ErrTooLarge) {
		return true, nil
	}
	return !answer.NoName, err
}

// walk gives the records on the way from the domain to the root, lowest first, and
// texts that were meant to be records and are none.
func (l *lookup) walk(d message.Domain) (records []policyAt, faults []fault, err error) {
	for at := d; !at.IsZero(); at = next(at) {
		one, more, err := l.recordAt(at)
		if err != nil {
			return nil, nil, err
		}
		faults = append(faults, more...)
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
func (l *lookup) recordAt(d message.Domain) (*policyAt, []fault, error) {
	name := "_dmarc." + d.String()
	if len(name) > 253 {
		return nil, nil, nil
	}
	answer, err := l.dns.To(name, dns.TypeTXT)
	switch {
	case errors.Is(err, resolve.ErrTooLarge):
		return nil, []fault{{d, "", resolve.ErrTooLarge.Error(), onlyOnce}}, nil
	case err != nil:
		return nil, nil, err
	}
	var meant []string
	var faults []fault
	for _, text := range answer.Texts() {
		if record.IsDMARC(text) {
			meant = append(meant, text)
		} else if strings.Contains(strings.ToUpper(text), "DMARC") {
			faults = append(faults, fault{d, text, whyIgnored(text), replace})
		}
	}
	if len(meant) > 1 {
		for _, text := range meant {
			faults = append(faults, fault{d, text, "there are several DMARC records, and only one may stand there", onlyOnce})
		}
		return nil, faults, nil
	}
	for _, text := range meant {
		parsed, err := record.ParseDMARC(text)
		if err == nil {
			return &policyAt{d, parsed, text}, nil, nil
		}
		faults = append(faults, fault{d, text, err.Error(), replace})
	}
	return nil, faults, nil
}

func whyIgnored(text string) string {
	why, _ := record.DMARCFault(text)
	return cmp.Or(record.Pasted(text), why, "it does not begin with v=DMARC1;")
}

// lookUp gives the record that RFC 7489 leads to: the domain's own or, without one,
// that of its organizational domain.
func (l *lookup) lookUp(d, org message.Domain) ([]policyAt, []fault, error) {
	one, faults, err := l.recordAt(d)
	if err == nil && one == nil && org != d {
		var more []fault
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

package authorize

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

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
	byList, more, err := l.listed(d, dmarc.Listed(d))
	if err != nil {
		return tenant.DMARC{}, unanswered(err)
	}
	asks := dmarc.Asks{Policy: dmarc.Absent, Organizational: dmarc.Organizational(d, walked)}
	var sources []dmarc.Published
	if at, found := dmarc.Governing(d, walked); found {
		sources = append(sources, at)
		asks = asks.Stricter(at.AsksOf(d, exists))
	}
	for _, at := range byList {
		asks = asks.Stricter(at.AsksOf(d, true)) // np= is not of RFC 7489
		if !slices.Contains(sources, at) {
			sources = append(sources, at)
		}
	}
	f := policyFinding(d, asks, sources, append(faults, more...))
	if read, found := l.forgiving(d, dmarc.Listed(d), asks.Organizational); found {
		if asks.Policy.Stricter(read.asks.Policy) != asks.Policy {
			f = differing(d, asks.Policy, read, f)
		}
		asks = asks.Stricter(read.asks)
	}
	return tenant.DMARCOf(asks), f
}

func policyFinding(d message.Domain, p dmarc.Asks, sources []dmarc.Published, faults []fault) Finding {
	var found, names []string
	for _, at := range sources {
		found, names = append(found, at.Text), append(names, "_dmarc."+at.Domain.String())
	}
	if len(found) > 0 {
		by := names[0]
		if len(names) > 1 { // receivers by the older rule find another
			by = "the stricter of " + strings.Join(names, " and ")
		}
		return finding(There, PolicyFound, found, "", "DMARC of %s is p=%s%s, by %s", d, p.Policy, modes(p), by)
	}
	// Only a registry can fix its own.
	faults = slices.DeleteFunc(faults, func(f fault) bool { return !f.domain.Within(dmarc.Listed(d)) })
	for _, f := range faults {
		if f.text != "" && !slices.Contains(found, f.text) {
			found = append(found, f.text)
		}
	}
	if len(faults) > 0 {
		return finding(Missing, PolicyMalformed, found, faults[0].remedy, "receivers ignore the record at _dmarc.%s: %s", faults[0].domain, faults[0].why)
	}
	return finding(Missing, PolicyAbsent, nil, publishIt, "%s has no DMARC record", d)
}

func modes(p dmarc.Asks) string {
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

// exists reports whether there is anything at the name: np= is for names without.
func (l *lookup) exists(d message.Domain) (bool, error) {
	answer, err := l.dns.To(d.String(), dns.TypeTXT)
	if errors.Is(err, resolve.ErrTooLarge) {
		return true, nil
	}
	return !answer.NoName, err
}

// walk returns the records that the tree walk from the domain finds, lowest first, and
// texts that were meant to be records and are none.
func (l *lookup) walk(d message.Domain) (records []dmarc.Published, faults []fault, err error) {
	records, err = dmarc.Walk(d, func(at message.Domain) (*dmarc.Published, error) {
		one, more, err := l.recordAt(at)
		faults = append(faults, more...)
		return one, err
	})
	return records, faults, err
}

// organizational returns the organizational domain by a tree walk.
func (l *lookup) organizational(d message.Domain) (message.Domain, error) {
	walked, _, err := l.walk(d)
	return dmarc.Organizational(d, walked), err
}

// recordAt returns the DMARC record of one domain; nil: receivers see none.
func (l *lookup) recordAt(d message.Domain) (*dmarc.Published, []fault, error) {
	name := "_dmarc." + d.String()
	if len(name) > 253 {
		return nil, nil, nil
	}
	answer, err := l.dns.To(name, dns.TypeTXT)
	switch {
	case errors.Is(err, resolve.ErrTooLarge):
		return nil, []fault{{d, "", "there are " + resolve.ErrTooLarge.Error(), onlyOnce}}, nil
	case err != nil:
		return nil, nil, err
	}
	var meant []string
	var faults []fault
	for _, text := range answer.Texts() {
		if dmarc.IsRecord(text) {
			meant = append(meant, text)
		} else if strings.Contains(strings.ToUpper(text), "DMARC") {
			faults = append(faults, fault{d, text, whyIgnored(text), replace})
		}
	}
	if len(meant) > 1 {
		for _, text := range meant {
			faults = append(faults, fault{d, text, "there are several DMARC records, and only one is allowed", onlyOnce})
		}
		return nil, faults, nil
	}
	for _, text := range meant {
		parsed, err := dmarc.Parse(text)
		if err == nil {
			return &dmarc.Published{Domain: d, Record: parsed, Text: text}, nil, nil
		}
		faults = append(faults, fault{d, text, err.Error(), replace})
	}
	return nil, faults, nil
}

func whyIgnored(text string) string {
	why, _ := dmarc.Fault(text)
	return cmp.Or(record.Pasted(text), why, "it does not begin with v=DMARC1;")
}

// listed returns the record that RFC 7489 leads to: the domain's own or, without one, that of its
// organizational domain.
func (l *lookup) listed(d, org message.Domain) ([]dmarc.Published, []fault, error) {
	one, faults, err := l.recordAt(d)
	if err == nil && one == nil && org != d {
		var more []fault
		one, more, err = l.recordAt(org)
		faults = append(faults, more...)
	}
	if err != nil || one == nil {
		return nil, faults, err
	}
	return []dmarc.Published{*one}, faults, nil
}

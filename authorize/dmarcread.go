package authorize

import (
	"cmp"
	"slices"

	"github.com/miekg/dns"

	"onbehalf/dmarc"
	"onbehalf/message"
)

// asRead is the policy of a domain as forgiving receivers read it, who take the record of the
// domain or, without one, that of its organizational domain.
type asRead struct {
	at   message.Domain
	text string
	asks dmarc.Asks
}

// forgiving reads the records at the first of the names that has any. What DNS does not answer was
// asked before, and is an error there.
func (l *lookup) forgiving(d message.Domain, names ...message.Domain) (asRead, bool) {
	for _, at := range slices.Compact(append([]message.Domain{d}, names...)) {
		answer, err := l.dns.To("_dmarc."+at.String(), dns.TypeTXT)
		if err != nil {
			continue
		}
		parsed, text, found := dmarc.Strictest(answer.Texts())
		if !found {
			continue
		}
		return asRead{at, text, dmarc.Published{Domain: at, Record: parsed}.AsksOf(d, true)}, true
	}
	return asRead{}, false
}

// differing says that receivers read a record differently.
func differing(d message.Domain, rfc dmarc.Policy, read asRead, strict Finding) Finding {
	why, by := dmarc.Fault(read.text)
	if len(strict.Found) > 1 {
		why, by = "there are several DMARC records", "OpenDMARC"
	}
	others := "others ignore it"
	if rfc != dmarc.Absent {
		others = "others read it as p=" + string(rfc)
	}
	found := strict.Found
	if len(found) == 0 {
		found = []string{read.text}
	}
	return finding(Missing, PolicyMalformed, found, replace, "receivers do not agree on the DMARC policy of %s, because of the record at _dmarc.%s (%s): those with %s read it as p=%s, and so does onbehalf; %s",
		d, read.at, cmp.Or(why, "it can be read in several ways"), cmp.Or(by, "forgiving software"), read.asks.Policy, others)
}

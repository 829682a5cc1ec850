package publish

import (
	"fmt"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
)

// behindAlias notes that the name of a record is an alias, if it is: the record must stand where
// that leads.
func (r *Record) behindAlias(answer resolve.Answer) {
	if len(answer.Chain) < 2 {
		return
	}
	r.At = answer.Target()
	r.remark(fmt.Sprintf("%s is an alias (CNAME) of %s, and a CNAME allows no other record beside it: have the record at %s changed, which then applies to every name that leads there; "+
		"or replace the alias with the records that it leads to, and publish this one at %s itself", r.Name, r.At, r.At, r.Name))
}

// fromWildcard reports whether an alias is that of a wildcard record (*), which any name
// then has. A record at the name itself then takes its place, and stands beside nothing.
func (k task) fromWildcard(zone message.Domain, answer resolve.Answer) bool {
	if len(answer.Chain) < 2 {
		return false
	}
	target, _, _ := k.occupants("onbehalf-wildcard-test." + zone.String())
	return target == answer.Chain[1]
}

// onlyWildcard reports whether DNS answers for a name only by a wildcard record (*).
func (k task) onlyWildcard(name message.Domain) bool {
	_, all, _ := k.occupants(name.String())
	_, own, _ := k.own(name)
	return len(all) > 0 && len(own) == 0
}

// absent returns the domains that do not exist. One below a domain that exists may still be made.
func (k task) absent(domains []message.Domain) []message.Domain {
	var all []message.Domain
	for _, d := range domains {
		if k.noSuch(d) && k.noSuch(dmarc.Listed(d)) {
			all = append(all, d)
		}
	}
	return all
}

func (k task) noSuch(d message.Domain) bool {
	answer, _ := k.dns.To(d.String(), dns.TypeTXT)
	return answer.NoName && len(answer.Chain) == 1
}

// absentText says what Sheet.Absent means.
func absentText(d message.Domain) string {
	return fmt.Sprintf("%s does not exist in DNS (NXDOMAIN): correct the domain in the configuration, or have it registered", d.Unicode())
}

package authorize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
)

// misplacedKey says why an absent key may have been published all the same.
func (l *lookup) misplacedKey(k WantedKey) Finding {
	name := k.Name()
	if addresses := l.addressesAt(name); len(addresses) > 0 && !slices.Equal(addresses, l.addressesAt("onbehalf-wildcard-test."+k.SDID.String())) {
		return finding(Missing, KeyHidden, addresses, "if the record is a CNAME, switch off the proxy of the DNS provider for it (at Cloudflare: Proxy status DNS only, the grey cloud)",
			"there is no key at %s, but there are addresses: a proxy of the DNS provider answers in its place", name)
	}
	for _, wrong := range mistyped(k) {
		if answer, err := l.dns.To(wrong, dns.TypeTXT); err == nil && isForKey(answer) {
			return finding(Missing, KeyMisnamed, answer.Texts(), fmt.Sprintf("publish it at %s, and delete it there", name), "there is no key at %s; one was published at %s", name, wrong)
		}
	}
	return finding(Missing, KeyAbsent, nil, publishIt, "there is no key at %s", name)
}

// addressesAt returns the addresses of a name. A DNS provider that stands before web sites returns
// its own for a CNAME, unless that is switched off for the name.
func (l *lookup) addressesAt(name string) (found []string) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := l.dns.To(name, qtype)
		if err != nil {
			continue
		}
		for _, addr := range answer.Addresses() {
			found = append(found, dns.Type(qtype).String()+" "+addr.String())
		}
	}
	return found
}

// isForKey reports whether an answer is a key, whole or not, or an alias of one. A wildcard
// record answers for any name, and is neither.
func isForKey(answer resolve.Answer) bool {
	if len(answer.Chain) > 1 {
		return strings.Contains(answer.Target(), "dkim") || strings.Contains(answer.Target(), "_domainkey")
	}
	texts := answer.Texts()
	if len(texts) != 1 || dmarc.IsRecord(texts[0]) || record.IsSPF(texts[0]) {
		return false
	}
	return strings.Contains(texts[0], "p=")
}

// mistyped are the names, the likeliest first.
func mistyped(k WantedKey) []string {
	var all []string
	for _, zone := range zones(k.SDID) {
		under := func(format string, args ...any) {
			all = append(all, fmt.Sprintf(format, args...)+"."+zone.String())
		}
		under("%s", k.Selector)
		under("%s.domainkey", k.Selector)
		under("_domainkey")
		under("%s_domainkey", k.Selector)
		under("%s._domainkeys", k.Selector)
		under("%s.domainkeys", k.Selector)
		under("%s._domain_key", k.Selector)
		under("%s._domainKey._domainkey", k.Selector)
		under("_domainkey.%s", k.Selector)
		under("_%s._domainkey", k.Selector)
		under("%s._dkim", k.Selector)
	}
	return all
}

package publish

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// provider is who runs the DNS of a customer, and how its forms want records.
type provider struct {
	name    string
	servers []string // what the names of its name servers hold; none: it is a product
	steps   string
}

// providers are those that most customers have, or ask about.
var providers = []provider{
	{"Microsoft 365", []string{".bdm.microsoftonline.com"},
		"in the admin center under Settings, Domains, DNS records, enter the name as shown above, without the domain, and the value in one piece, without quotation marks"},
	{"Amazon Route 53", []string{".awsdns-"},
		"enter the name without the domain; a TXT value is entered in quotation marks, and one of more than 255 characters is entered as several quoted strings with a space between them, as shown above"},
	{"Cloudflare", []string{".ns.cloudflare.com"},
		"switch the proxy status of a CNAME to DNS only (the grey cloud), or receivers find addresses in its place; a TXT value is entered in one piece"},
	{"TransIP", []string{".transip.net", ".transip.nl", ".transip.eu"},
		"enter the name without the domain, and end the target of a CNAME with a dot, or the domain is appended to it; a TXT value is entered in one piece"},
	{"Plesk", nil,
		"under Websites & Domains, DNS Settings, enter the name without the domain, which the form shows after the field, and press Update afterwards, or nothing is published"},
}

// providerSteps are lines about those that can be who runs the DNS of some records, by the names of its
// name servers. The product of which they say nothing may run anywhere.
func (k task) providerSteps(records []Record) []string {
	var servers []string
	for _, r := range records {
		answer, _ := k.dns.To(r.Zone.String(), dns.TypeNS)
		for _, host := range answer.Hosts() {
			servers = append(servers, "."+host)
		}
	}
	var lines, products []string
	for _, p := range providers {
		line := p.name + ": " + p.steps
		switch {
		case len(servers) == 0 || p.runs(servers):
			lines = append(lines, line)
		case len(p.servers) == 0:
			products = append(products, line)
		}
	}
	if len(lines) == 0 {
		return products
	}
	return lines
}

func (p provider) runs(servers []string) bool {
	return slices.ContainsFunc(p.servers, func(part string) bool {
		return slices.ContainsFunc(servers, func(server string) bool { return strings.Contains(server, part) })
	})
}

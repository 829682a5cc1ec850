package publish

import (
	"slices"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Product is the mail server that a next hop is, as far as its name says.
type Product string

const (
	ExchangeOnline  Product = "exchange-online"
	GoogleWorkspace Product = "google-workspace"
	OtherProduct    Product = "other"
)

// hosted are the names of the servers of each product, and the domains above them.
var hosted = map[Product][]message.Domain{
	ExchangeOnline: names("mail.protection.outlook.com", "mx.microsoft",
		"mail.protection.office365.us", "mail.protection.partner.outlook.cn"),
	GoogleWorkspace: names("aspmx.l.google.com", "smtp.google.com", "googlemail.com"),
}

func names(all ...string) []message.Domain {
	var domains []message.Domain
	for _, one := range all {
		d, _ := message.ParseDomain(one) // a name above
		domains = append(domains, d)
	}
	return domains
}

// ProductOf guesses the product from the name of a server.
func ProductOf(host message.Domain) Product {
	for product, domains := range hosted {
		if slices.ContainsFunc(domains, host.Within) {
			return product
		}
	}
	return OtherProduct
}

// product guesses what a next hop is. One without brackets is a domain, whose MX record names
// the server.
func (k task) product(hop tenant.NextHop) Product {
	host := hop.Name
	if hop.MX {
		if mx, err := message.ParseDomain(k.firstMX(hop.Name)); err == nil {
			host = mx
		}
	}
	return ProductOf(host)
}

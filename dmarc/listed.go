package dmarc

import (
	"golang.org/x/net/publicsuffix"

	"onbehalf/message"
)

// Listed returns the organizational domain of a domain by the public suffix list, the older of
// the two rules by which receivers judge relaxed alignment (RFC 7489 section 3.2). A domain that is
// itself a public suffix is its own; of the zero Domain it is zero.
func Listed(d message.Domain) message.Domain {
	org, err := publicsuffix.EffectiveTLDPlusOne(d.String())
	if err != nil {
		return d
	}
	for d.String() != org {
		d = d.Parent()
	}
	return d
}

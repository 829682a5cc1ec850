package setup

import (
	"cmp"

	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/socketmap"
)

// WantedOf returns what Postfix has to know for a configuration. Of several sockets in listen
// it takes the first; there may be none where the configuration does not load.
func WantedOf(c *config.Config) postfix.Wanted {
	w := postfix.Wanted{
		Socketmap: c.Socketmap.String(),
		Maps:      postfix.Maps{Transport: socketmap.Transport, TLSPolicy: socketmap.TLSPolicy, TLSPolicyTLSRPT: socketmap.TLSPolicyTLSRPT, Recipients: socketmap.Recipients},
	}
	if c.Platform != nil {
		w.Platform, w.Bounce = c.Platform.Domain.String(), c.Platform.Bounce.String()
		w.Trusted, w.SendingIPs = c.Platform.Trust.Networks, c.Platform.SendingIPs
	}
	if len(c.Listen) > 0 {
		w.Milter = c.Listen[0].String()
	}
	for _, t := range c.Tenants {
		if len(t.Direct.Domains) == 0 {
			continue
		}
		hop := t.Direct.NextHop
		d := postfix.Delivery{Tenant: t.ID, NextHop: hop.String(), Host: hop.Name.String(), TLS: string(t.Direct.TLS)}
		if hop.Addr.IsValid() {
			d.Host = hop.Addr.Unmap().String()
		}
		d.TLS = cmp.Or(d.TLS, "may")
		for _, domain := range t.Direct.Domains {
			d.Domains = append(d.Domains, domain.String())
		}
		w.Direct = append(w.Direct, d)
	}
	return w
}

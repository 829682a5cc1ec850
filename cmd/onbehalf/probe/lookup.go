package probe

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/tenant"
)

// mostAddresses is how many Postfix tries (smtp_mx_address_limit).
const mostAddresses = 5

// route finds the addresses that Postfix would try, in the order of preference.
type route struct {
	ctx   context.Context
	dns   resolve.Asker
	types []uint16 // of address records that are asked for
	port  uint16
	found []Address
	err   error // that DNS did not answer with, the last one
}

// lookup returns the addresses of a next hop, or why there are none.
func lookup(ctx context.Context, asker resolve.Asker, hop tenant.NextHop, types []uint16) ([]Address, Trouble) {
	if hop.Addr.IsValid() {
		return []Address{{Addr: netip.AddrPortFrom(hop.Addr, hop.Port)}}, Trouble{}
	}
	r := &route{ctx: ctx, dns: asker, types: types, port: hop.Port}
	hosts, trouble := []message.Domain{hop.Name}, Trouble{}
	if hop.MX {
		hosts, trouble = r.exchangers(hop.Name)
	}
	if trouble.Kind != "" {
		return nil, trouble
	}
	for _, host := range hosts {
		r.addresses(host)
	}
	switch {
	case len(r.found) > 0:
		return r.found, Trouble{}
	case r.err != nil:
		return nil, Trouble{NoAnswer, fmt.Sprintf("DNS has no answer about the addresses of %s: %s", hop.Name, onLine(r.err))}
	}
	return nil, Trouble{NoSuchName, fmt.Sprintf("DNS has no address for %s", names(hosts))}
}

// exchangers returns the hosts of a domain's MX records by preference or, without any, the domain
// itself (RFC 5321 section 5.1).
func (r *route) exchangers(domain message.Domain) ([]message.Domain, Trouble) {
	answer, err := r.dns.Ask(r.ctx, domain.String(), dns.TypeMX)
	if err != nil {
		return nil, Trouble{NoAnswer, fmt.Sprintf("DNS has no answer about the hosts that take mail for %s: %s", domain, onLine(err))}
	}
	var all []*dns.MX
	for _, rr := range answer.Records {
		if mx, ok := rr.(*dns.MX); ok {
			all = append(all, mx)
		}
	}
	if len(all) == 0 {
		return []message.Domain{domain}, Trouble{}
	}
	slices.SortStableFunc(all, func(a, b *dns.MX) int { return int(a.Preference) - int(b.Preference) })
	var hosts []message.Domain
	for _, mx := range all {
		if host, err := message.ParseDomain(mx.Mx[:max(0, len(mx.Mx)-1)]); err == nil {
			hosts = append(hosts, host)
		}
	}
	switch {
	case len(hosts) == 0 && all[0].Mx != ".":
		return nil, Trouble{NoSuchName, fmt.Sprintf("the MX records of %s name %.80q, which is not a host", domain, all[0].Mx)}
	case len(hosts) == 0: // RFC 7505
		return nil, Trouble{NullMX, fmt.Sprintf("the MX record of %s says that it takes no mail", domain)}
	}
	return hosts, Trouble{}
}

func (r *route) addresses(host message.Domain) {
	for _, rrtype := range r.types {
		answer, err := r.dns.Ask(r.ctx, host.String(), rrtype)
		if err != nil {
			r.err = err
		}
		for _, rr := range answer.Records {
			var addr netip.Addr
			switch rr := rr.(type) {
			case *dns.A:
				addr, _ = netip.AddrFromSlice(rr.A.To4())
			case *dns.AAAA:
				addr, _ = netip.AddrFromSlice(rr.AAAA)
			}
			if addr.IsValid() {
				r.found = append(r.found, Address{host, netip.AddrPortFrom(addr.Unmap(), r.port)})
			}
		}
	}
}

// onLine joins what became of the attempts.
func onLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func names(hosts []message.Domain) string {
	text := hosts[0].String()
	if more := len(hosts) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

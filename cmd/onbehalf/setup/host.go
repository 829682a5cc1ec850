package setup

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// ThisHost asks the machine for its name and addresses; what it does not tell is
// empty. The name that Postfix goes by is better, if it is a whole one.
func ThisHost(p Postfix) Host {
	var h Host
	h.Name, _ = os.Hostname()
	if name := p.expanded["myhostname"]; strings.Contains(name, ".") {
		h.Name = name
	}
	all, _ := net.InterfaceAddrs()
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if addr := prefix.Addr().Unmap(); err == nil && addr.IsGlobalUnicast() && !slices.Contains(h.Addrs, addr) {
			h.Addrs = append(h.Addrs, addr)
		}
	}
	return h
}

// hidden are the networks that receivers never see mail come from, beside the private
// ones of RFC 1918 and RFC 4193: those of carriers (RFC 6598), of benchmarks (RFC
// 2544) and of documentation (RFC 5737, RFC 3849).
var hidden = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"),
}

// Public gives the addresses that receivers may see.
func (h Host) Public() []string {
	var all []string
	for _, addr := range h.Addrs {
		if !addr.IsPrivate() && !slices.ContainsFunc(hidden, func(n netip.Prefix) bool { return n.Contains(addr) }) {
			all = append(all, addr.String())
		}
	}
	return all
}

// Behind says why no address is offered; empty: some are.
func (h Host) Behind() string {
	switch {
	case len(h.Public()) > 0:
		return ""
	case len(h.Addrs) == 0:
		return "this host tells no address of its own"
	}
	var all []string
	for _, addr := range h.Addrs {
		all = append(all, addr.String())
	}
	return "this host has private addresses alone (" + join(all) + "), so receivers see another, that of its router (NAT)"
}

package setup

import (
	"net"
	"net/netip"
	"slices"

	"onbehalf/authorize/publish"
	"onbehalf/postfix"
)

// ThisHost asks the machine for its addresses, and Postfix, if there is one, for its name.
func ThisHost(p postfix.Configuration) Host {
	h := Host{Name: p.Hostname()}
	all, _ := net.InterfaceAddrs()
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if addr := prefix.Addr().Unmap(); err == nil && addr.IsGlobalUnicast() && !slices.Contains(h.Addrs, addr) {
			h.Addrs = append(h.Addrs, addr)
		}
	}
	return h
}

// Public returns the addresses that receivers may see.
func (h Host) Public() []string {
	var all []string
	for _, addr := range h.Addrs {
		if publish.Public(addr) {
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
		return "this host has no address of its own"
	}
	var all []string
	for _, addr := range h.Addrs {
		all = append(all, addr.String())
	}
	return "this host has only private addresses (" + join(all) + "), so receivers see another one, that of its router (NAT)"
}

package setup

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"onbehalf/authorize/publish"
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

// Public gives the addresses that receivers may see.
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
		return "this host tells no address of its own"
	}
	var all []string
	for _, addr := range h.Addrs {
		all = append(all, addr.String())
	}
	return "this host has private addresses alone (" + join(all) + "), so receivers see another, that of its router (NAT)"
}

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
	h := Host{Name: p.Hostname(), Networks: p.Strangers(loopback), Logins: p.LogsIn()}
	all, _ := net.InterfaceAddrs()
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if addr := prefix.Addr().Unmap(); err == nil && addr.IsGlobalUnicast() && !slices.Contains(h.Addrs, addr) {
			h.Addrs = append(h.Addrs, addr)
		}
	}
	return h
}

// loopback is what trust.networks has by default.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// networks returns what is offered to be trusted.
func (h Host) networks() string {
	if len(h.Networks) == 0 {
		return NoNetwork
	}
	var all []string
	for _, n := range h.Networks {
		all = append(all, n.String())
	}
	return join(all)
}

// clients says which clients on other hosts can send by this Postfix.
func (h Host) clients() string {
	text := "Clients that log in are trusted too, but Postfix has SASL switched on nowhere."
	if len(h.Logins) > 0 {
		text = "Clients that log in (SASL, at " + postfix.List(h.Logins) + ") are trusted without it."
	}
	if len(h.Networks) > 0 {
		text += "\nOffered is what mynetworks holds. Leave out gateways that pass on mail of strangers."
	}
	return text
}

// noAddress says why no sending address is offered.
func (h Host) noAddress() string {
	if why := h.Behind(); why != "" {
		return "None is offered: " + why + "."
	}
	return ""
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

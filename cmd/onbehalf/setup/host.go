package setup

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

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

// nameTime bounds the lookup of this host's own name.
const nameTime = 3 * time.Second

// AskDNS looks up the name of a host that has no public address of its own: receivers may see the
// one that DNS has for it.
func (h *Host) AskDNS(ctx context.Context) {
	if h.Name == "" || len(h.Public()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	all, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", h.Name)
	for _, addr := range all {
		if addr = addr.Unmap(); publish.Public(addr) {
			h.Named = append(h.Named, addr)
		}
	}
}

// offered returns the addresses that a person is offered: those of this host, else those that DNS
// has for its name.
func (h Host) offered() []string {
	if public := h.Public(); len(public) > 0 {
		return public
	}
	var all []string
	for _, addr := range h.Named {
		all = append(all, addr.String())
	}
	return all
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
	switch why := h.Behind(); {
	case why == "":
		return ""
	case len(h.Named) > 0:
		return "Offered is what DNS has for " + h.Name + ": " + why + "."
	default:
		return "None is offered: " + why + "."
	}
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

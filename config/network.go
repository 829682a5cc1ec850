package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"onbehalf/remedy"
	"onbehalf/tenant"
)

// parseNetwork reads a network, or one address as a network of its own. Bits set
// behind the prefix are an error: 10.0.0.1/8 may mean one host or 16 million.
func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := parseIP(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, remedy.New("write one like 192.0.2.0/24 or 2001:db8::/32", "%s is not a network", Quoted(s))
	case p.Addr().Is4In6():
		return p, remedy.New("write it as IPv4", "%s is an IPv4 network written as IPv6", Quoted(s))
	case p != p.Masked():
		return p, remedy.New(fmt.Sprintf("write %s for the network or %s for the address", p.Masked(), p.Addr()), "%s has bits set after its prefix", s)
	}
	return p, nil
}

func parseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, remedy.New("write one like 192.0.2.1 or 2001:db8::1", "%s is not an IP address", Quoted(s))
	}
	return addr.Unmap(), nil
}

// networks takes a list of networks.
func (d *document) networks(path string, texts []string) []netip.Prefix {
	all, _ := unique(d, path, texts, func(at, text string) (netip.Prefix, bool) {
		n, err := parseNetwork(text)
		switch {
		case err != nil:
			d.failBy(at, err, "")
		case n.Bits() == 0:
			d.warn(at, n.String()+" is the whole Internet", "name your own networks")
		}
		return n, err == nil
	}, netip.Prefix.String)
	return all
}

// sendingIPs takes the addresses that receivers see us come from.
func (d *document) sendingIPs(path string, texts []string) []netip.Addr {
	if len(texts) == 0 {
		d.fail(path, "has no address", "write the public addresses of the mail host: SPF is checked for them")
	}
	all, _ := unique(d, path, texts, func(at, text string) (netip.Addr, bool) {
		addr, err := parseIP(text)
		switch {
		case strings.Contains(text, "/"):
			d.fail(at, Quoted(text)+" is a network", "write the addresses one by one")
		case err != nil:
			d.failBy(at, err, "")
		case addr.IsUnspecified() || addr.IsMulticast():
			d.fail(at, text+" is not an address that mail can come from", "write the public address of the mail host")
		case addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast():
			d.warn(at, text+" is a private address, so no receiver sees mail come from it", "write the public address of the mail host")
			return addr, true
		default:
			return addr, true
		}
		return netip.Addr{}, false
	}, netip.Addr.String)
	return all
}

// submitters takes who may send.
func (d *document) submitters(path string, raw rawSubmitters, trust tenant.Trust) tenant.Submitters {
	s := tenant.Submitters{Networks: d.networks(path+".networks", raw.Networks)}
	seen := make(map[string]bool, len(raw.Logins))
	for i, written := range raw.Logins {
		at, login := index(path+".logins", i), trust.Login(written)
		switch {
		case login == "":
			d.fail(at, "is empty", "write a login name, or remove it")
		case seen[login]:
			d.fail(at, Quoted(written)+" is listed twice: logins are compared without case and without trust.realm", "remove one")
		default:
			seen[login] = true
			s.Logins = append(s.Logins, login)
		}
	}
	return s
}

// loopback is where this host's own programs come from.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// realm takes what SASL servers put behind the @ of a login.
func (d *document) realm(path, text string) string {
	if strings.ContainsAny(text, "@ \t") {
		d.fail(path, Quoted(text)+" is not a realm", "write what follows the @ in logins, like courseware.nl")
	}
	return text
}

// checkTrust warns of submitters that are not trusted, because being a submitter does not suffice,
// and of those that nobody can distinguish from others.
func (l *loader) checkTrust(d *document, path, whom string, s tenant.Submitters) {
	trust := l.config.Platform.Trust
	for _, network := range s.Networks {
		if slices.ContainsFunc(loopback, network.Overlaps) {
			d.warn(path+".networks", fmt.Sprintf("%s is this host itself: every program and filter on it may send as %s", network, whom), "bind logins instead")
		}
	}
	if len(s.Logins) > 0 && !trust.Authenticated {
		d.warn(path+".logins", "logins do not count while trust.authenticated is false: mail sent with them passes untouched, unless it comes from trust.networks",
			"set trust.authenticated to true, or bind networks instead")
	}
	untouched := "its mail passes untouched"
	if trust.Authenticated {
		untouched += " unless it comes with a login"
	}
	for _, network := range s.Networks {
		switch {
		case !l.trustKnown || inside(network, trust.Networks):
		case slices.ContainsFunc(trust.Networks, network.Overlaps):
			d.warn(path+".networks", fmt.Sprintf("%s may send as %s and only part of it is trusted, so from the rest %s", network, whom, untouched), "add all of it to trust.networks")
		default:
			d.warn(path+".networks", fmt.Sprintf("%s may send as %s and is not trusted, so %s", network, whom, untouched), "add it to trust.networks")
		}
	}
}

// inside reports whether a network lies in one of the others.
func inside(network netip.Prefix, others []netip.Prefix) bool {
	return slices.ContainsFunc(others, func(o netip.Prefix) bool {
		return o.Bits() <= network.Bits() && o.Contains(network.Addr())
	})
}

package publish

import (
	"net/netip"
	"slices"
)

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

// Public reports whether receivers on the Internet can see mail come from the address.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() &&
		!slices.ContainsFunc(hidden, func(n netip.Prefix) bool { return n.Contains(addr) })
}

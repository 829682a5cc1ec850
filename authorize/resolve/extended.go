package resolve

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// failure names the code of an answer that says nothing and, where the server says why, the
// reason.
func failure(m *dns.Msg) string {
	text := rcodeName(m.Rcode)
	all, dnssec := reasons(m)
	if len(all) > 0 {
		text += " (" + strings.Join(all, ", ") + ")"
	}
	if dnssec {
		text += ": DNSSEC of the zone is broken, so receivers that check it see none of its records; whoever runs its DNS has to fix its signatures or the DS record"
	}
	return text
}

// reasons returns the extended errors of an answer (RFC 8914), and whether one of them is about
// DNSSEC.
func reasons(m *dns.Msg) (all []string, dnssec bool) {
	opt := m.IsEdns0()
	if opt == nil {
		return nil, false
	}
	for _, option := range opt.Option {
		if reason, ok := option.(*dns.EDNS0_EDE); ok && len(all) < mostReasons {
			all = append(all, reasonOf(reason))
			dnssec = dnssec || isDNSSEC(reason.InfoCode)
		}
	}
	return all, dnssec
}

// Bounds of what a server says.
const (
	mostReasons = 3
	longestText = 100 // bytes
)

// reasonOf words one reason. The text of the server is what it likes.
func reasonOf(reason *dns.EDNS0_EDE) string {
	name, found := dns.ExtendedErrorCodeToString[reason.InfoCode]
	if !found {
		name = "extended error " + strconv.Itoa(int(reason.InfoCode))
	}
	extra := reason.ExtraText
	if len(extra) > longestText {
		extra = strings.ToValidUTF8(extra[:longestText], "") + "..."
	}
	if extra == "" {
		return name
	}
	return name + " " + strconv.QuoteToASCII(extra)
}

// isDNSSEC reports whether a code says that signatures of the zone do not hold (RFC 8914 section
// 4.7 to 4.13). That the resolver does not know an algorithm says nothing against the zone.
func isDNSSEC(code uint16) bool {
	switch code {
	case dns.ExtendedErrorCodeDNSBogus, dns.ExtendedErrorCodeSignatureExpired, dns.ExtendedErrorCodeSignatureNotYetValid,
		dns.ExtendedErrorCodeDNSKEYMissing, dns.ExtendedErrorCodeRRSIGsMissing, dns.ExtendedErrorCodeNoZoneKeyBitSet, dns.ExtendedErrorCodeNSECMissing:
		return true
	}
	return false
}

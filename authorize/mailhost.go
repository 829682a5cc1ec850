package authorize

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
)

// What receivers ask of the host that mail comes from, whoever the mail is of: the rules for
// senders of Google, Yahoo and Microsoft have the first two, and many servers the third.
const (
	PTRConfirmed Reason = "ptr-confirmed" // it leads to a name, and that back to it
	PTRAbsent    Reason = "ptr-absent"
	PTRElsewhere Reason = "ptr-elsewhere" // its name does not lead back

	HELOResolves  Reason = "helo-resolves"
	HELOAbsent    Reason = "helo-absent"    // it has no address
	HELOElsewhere Reason = "helo-elsewhere" // it has others than the sending ones
	HELOMalformed Reason = "helo-malformed" // it is no name of a host in DNS
)

// maxPTR is how many names of one address are followed (RFC 7208 section 5.5 has receivers follow
// as many).
const maxPTR = 10

// JudgePTR says whether a sending IP has a name that leads back to it: a PTR record, forward
// confirmed.
func JudgePTR(answers resolve.Answers, ip netip.Addr) Finding {
	ip = ip.Unmap()
	name, err := dns.ReverseAddr(ip.String())
	if err != nil { // an address with a zone
		return finding(Missing, PTRAbsent, nil, "", "%s has no name in DNS", ip)
	}
	answer, err := answers.To(name, dns.TypePTR)
	if err != nil {
		return unreadable(PTRElsewhere, err)
	}
	hosts := answer.Hosts()
	if len(hosts) == 0 {
		return finding(Missing, PTRAbsent, nil, "have whoever provides the address set its PTR record to the name of the mail host",
			"%s has no PTR record: Gmail, Microsoft and many others refuse mail from it", ip)
	}
	var found []string
	var failed error
	for _, host := range hosts[:min(len(hosts), maxPTR)] {
		addrs, err := addressesOf(answers, host, ip)
		if slices.Contains(addrs, ip) {
			return finding(There, PTRConfirmed, []string{host}, "", "PTR of %s is %s, which leads back to it", ip, host)
		}
		if err != nil {
			failed = err
		}
		found = append(found, shownAddresses(host, addrs))
	}
	if failed != nil {
		return unreadable(PTRElsewhere, failed)
	}
	return finding(Missing, PTRElsewhere, found, fmt.Sprintf("give %s an address record of %s, or have the PTR record set to a name that has one", hosts[0], ip),
		"PTR of %s is %s, which does not lead back to it: Gmail, Microsoft and many others refuse mail from it", ip, few(hosts))
}

// JudgeHELO says whether the name that our Postfix says in HELO and EHLO leads to the sending IPs
// (RFC 5321 section 4.1.1.1).
func JudgeHELO(answers resolve.Answers, name string, sending []netip.Addr) Finding {
	if literal, isLiteral := strings.CutPrefix(name, "["); isLiteral {
		literal = strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "IPv6:")
		if ip, err := netip.ParseAddr(literal); err == nil && slices.Contains(plainAddrs(sending), ip.Unmap()) {
			return finding(There, HELOResolves, nil, "", "Postfix says %s in HELO, which is a sending IP", name)
		}
		return finding(Missing, HELOElsewhere, nil, nameIt, "Postfix says %s in HELO, which is none of platform.sending_ips", name)
	}
	if host, err := message.ParseDomain(name); err != nil || host.Parent().IsZero() {
		return finding(Missing, HELOMalformed, nil, nameIt, "Postfix says %q in HELO, which is not the full name of a host: many servers refuse mail from it", name)
	}
	var addrs []netip.Addr
	for _, family := range families(sending) {
		more, err := addressesOf(answers, name, family)
		if err != nil && !errors.Is(err, resolve.ErrTooLarge) {
			return unanswered(err)
		}
		addrs = append(addrs, more...)
	}
	switch lacking := slices.DeleteFunc(plainAddrs(sending), func(ip netip.Addr) bool { return slices.Contains(addrs, ip) }); {
	case len(addrs) == 0:
		return finding(Missing, HELOAbsent, nil, fmt.Sprintf("give %s an address record of %s, or set smtp_helo_name to a name that has one", name, lacking[0]),
			"Postfix says %s in HELO, which has no address: many servers refuse mail from it", name)
	case len(lacking) > 0:
		return finding(Missing, HELOElsewhere, []string{shownAddresses(name, addrs)}, fmt.Sprintf("give %s an address record of %s, or set smtp_helo_name to a name that has one", name, lacking[0]),
			"Postfix says %s in HELO, which does not lead to %s: receivers may count that against mail from it", name, few(texts(lacking)))
	}
	return finding(There, HELOResolves, nil, "", "Postfix says %s in HELO, which leads to %s", name, few(texts(plainAddrs(sending))))
}

const nameIt = "set myhostname in main.cf to the full name of the mail host, or smtp_helo_name alone"

// families returns one of the addresses of each family that there is.
func families(all []netip.Addr) (one []netip.Addr) {
	for _, ip := range plainAddrs(all) {
		if !slices.ContainsFunc(one, func(other netip.Addr) bool { return other.Is4() == ip.Is4() }) {
			one = append(one, ip)
		}
	}
	return one
}

// addressesOf returns the addresses of a host that are of the same family as the IP.
func addressesOf(answers resolve.Answers, host string, ip netip.Addr) ([]netip.Addr, error) {
	kind := dns.TypeAAAA
	if ip.Is4() {
		kind = dns.TypeA
	}
	answer, err := answers.To(host, kind)
	return plainAddrs(answer.Addresses()), err
}

func plainAddrs(all []netip.Addr) []netip.Addr {
	plain := make([]netip.Addr, len(all))
	for i, ip := range all {
		plain[i] = ip.Unmap()
	}
	return plain
}

func texts(all []netip.Addr) (names []string) {
	for _, ip := range all {
		names = append(names, ip.String())
	}
	return names
}

// shownAddresses says what a host leads to.
func shownAddresses(host string, addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return host + " has no such address"
	}
	return host + " is " + few(texts(addrs))
}

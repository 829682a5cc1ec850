package tenant

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"onbehalf/message"
)

// Direct is direct delivery: mail to Domains goes straight to NextHop, the tenant's own
// mail server, which must accept it. The zero Direct is none.
type Direct struct {
	Domains  []message.Domain
	NextHop  NextHop
	TLS      TLS
	Envelope DirectEnvelope
}

// Covers reports whether mail to the domain is to be delivered directly.
func (d Direct) Covers(domain message.Domain) bool { return slices.Contains(d.Domains, domain) }

type (
	// TLS is what a connection to a next hop must have, by the levels of
	// smtp_tls_security_level in postconf(5).
	TLS string
	// DirectEnvelope says which envelope sender directly delivered mail has.
	DirectEnvelope string
)

const (
	TLSMay     TLS = "may"     // whatever Postfix does by itself
	TLSEncrypt TLS = "encrypt" // TLS, or the mail waits
	TLSVerify  TLS = "verify"  // and a certificate of the next hop's name, by an authority Postfix trusts

	EnvelopeBounce DirectEnvelope = "bounce" // a bounce address: a server may refuse its own domains from outside
	EnvelopeAuthor DirectEnvelope = "author" // the author's own domain
)

// Stricter returns the one of both that asks for more.
func (t TLS) Stricter(other TLS) TLS {
	if t.rank() > other.rank() {
		return t
	}
	return other
}

// rank orders levels by what they ask for.
func (t TLS) rank() int { return slices.Index([]TLS{TLSMay, TLSEncrypt, TLSVerify}, t) }

// NextHop is where Postfix connects to: a host or an address, and a port. Just one of Name
// and Addr is set. The zero NextHop is none.
type NextHop struct {
	Name message.Domain
	Addr netip.Addr
	Port uint16
	MX   bool // Name has no brackets: its MX records say which hosts
}

const smtpPort = 25

var errNextHop = errors.New("it is not a host or an address with a port")

// ParseNextHop reads a next hop as transport(5) has it behind "smtp:" and as Postfix asks for
// its TLS policy: host, host:port, [host], [host]:port, or an address in the place of [host],
// in any case. Without a port it is 25.
func ParseNextHop(s string) (NextHop, error) {
	inner, port, bracketed := cutBrackets(s)
	address := inner
	if head, v6 := strings.CutPrefix(strings.ToLower(inner), "ipv6:"); v6 && bracketed {
		address = head
	}
	hop := NextHop{Port: smtpPort}
	if addr, err := netip.ParseAddr(address); err == nil && addr.Zone() == "" {
		if !bracketed && port != "" || address != inner && !addr.Is6() {
			return NextHop{}, errNextHop
		}
		hop.Addr = addr.Unmap()
	} else if hop.Name, err = message.ParseDomain(inner); err != nil || hop.Name.IsNumeric() {
		return NextHop{}, errNextHop
	}
	hop.MX = !bracketed && !hop.Name.IsZero()
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '+' {
			return NextHop{}, errNextHop
		}
		hop.Port = uint16(n)
	}
	return hop, nil
}

// cutBrackets splits [host]:port and host:port. A bare IPv6 address has colons and no port.
func cutBrackets(s string) (host, port string, bracketed bool) {
	if rest, found := strings.CutPrefix(s, "["); found {
		host, behind, closed := strings.Cut(rest, "]")
		port, isPort := strings.CutPrefix(behind, ":")
		if !closed || behind != "" && (!isPort || port == "") {
			return "", "", false
		}
		return host, port, true
	}
	if strings.Count(s, ":") > 1 {
		return s, "", false
	}
	host, port, found := strings.Cut(s, ":")
	if found && port == "" {
		return "", "", false
	}
	return host, port, false
}

// IsZero reports whether there is none.
func (n NextHop) IsZero() bool { return n == NextHop{} }

// Server is the next hop without the way to look its name up: a TLS policy holds for it
// however it is written.
func (n NextHop) Server() NextHop {
	n.MX = false
	return n
}

// String returns the next hop as Postfix has it: [host]:port, host:port or [address]:port.
func (n NextHop) String() string {
	host := n.Name.String()
	switch {
	case n.IsZero():
		return ""
	case n.Addr.Is6():
		host = "[ipv6:" + n.Addr.String() + "]"
	case n.Addr.IsValid():
		host = "[" + n.Addr.String() + "]"
	case !n.MX:
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(n.Port))
}

// MarshalText is String.
func (n NextHop) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText is ParseNextHop; the empty text is the zero NextHop.
func (n *NextHop) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*n = NextHop{}
		return nil
	}
	*n, err = ParseNextHop(string(text))
	return err
}

// nextHops is tenants by the server that their mail is delivered to directly, the one with the
// strictest TLS first.
type nextHops map[NextHop][]*Tenant

func byNextHop(direct []*Tenant) nextHops {
	all := make(nextHops)
	for _, t := range direct {
		server := t.Direct.NextHop.Server()
		all[server] = append(all[server], t)
	}
	for _, shared := range all {
		slices.SortStableFunc(shared, func(a, b *Tenant) int { return cmp.Compare(b.Direct.TLS.rank(), a.Direct.TLS.rank()) })
	}
	return all
}

// AtNextHop returns the tenants whose mail is delivered directly to the server, the one with the
// strictest TLS first.
func (s *Snapshot) AtNextHop(hop NextHop) []*Tenant { return s.table.nextHops[hop.Server()] }

package resolve

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Texts returns the texts of the TXT records in an answer. The strings of one record
// are joined without anything between them (RFC 7208 section 3.3, RFC 6376 section
// 3.6.2.2).
func (a Answer) Texts() []string {
	var texts []string
	for _, rr := range a.Records {
		if txt, ok := rr.(*dns.TXT); ok {
			texts = append(texts, text(txt))
		}
	}
	return texts
}

// Strings returns the strings of the TXT records in an answer, one list for each text of Texts. Of
// a record of more than 16 it is the text as one.
func (a Answer) Strings() [][]string {
	var all [][]string
	for _, rr := range a.Records {
		if txt, ok := rr.(*dns.TXT); ok {
			var parts []string
			for _, s := range txt.Txt {
				parts = append(parts, unescaped(s))
			}
			all = append(all, parts)
		}
	}
	return all
}

// Hosts returns the host names of the MX, PTR, NS and CNAME records in an answer, lower case,
// without final dots, in the order of the answer. The null MX (RFC 7505) is the empty name.
func (a Answer) Hosts() []string {
	var hosts []string
	for _, rr := range a.Records {
		switch rr := rr.(type) {
		case *dns.MX:
			hosts = append(hosts, lower(rr.Mx))
		case *dns.PTR:
			hosts = append(hosts, lower(rr.Ptr))
		case *dns.NS:
			hosts = append(hosts, lower(rr.Ns))
		case *dns.CNAME:
			hosts = append(hosts, lower(rr.Target))
		}
	}
	return hosts
}

// Preference returns the preference of the MX record of a host; found: there is one.
func (a Answer) Preference(host string) (preference uint16, found bool) {
	for _, rr := range a.Records {
		if mx, ok := rr.(*dns.MX); ok && lower(mx.Mx) == host {
			return mx.Preference, true
		}
	}
	return 0, false
}

func text(txt *dns.TXT) string {
	var b strings.Builder
	for _, s := range txt.Txt {
		b.WriteString(unescaped(s))
	}
	return b.String()
}

// unescaped undoes what the DNS library does to a character-string: it returns them as a
// master file would have them (RFC 1035 section 5.1), with \X and \DDD.
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if octet, ok := decimal(s[i+1:]); ok {
			b.WriteByte(octet)
			i += 3
			continue
		}
		i++
		b.WriteByte(s[i])
	}
	return b.String()
}

// decimal reads DDD at the start of a string.
func decimal(s string) (octet byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:3], 10, 8)
	return byte(n), err == nil
}

func typeName(qtype uint16) string { return dns.Type(qtype).String() }

// Addresses returns the addresses of the A and AAAA records in an answer.
func (a Answer) Addresses() []netip.Addr {
	var addrs []netip.Addr
	for _, rr := range a.Records {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

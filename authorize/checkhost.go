package authorize

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	library "blitiri.com.ar/go/spf"
	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
)

// SPFResult is what check_host() of RFC 7208 section 4 returns for one of our
// addresses.
type SPFResult struct {
	IP      netip.Addr     `json:"ip"`
	Sender  string         `json:"sender"`
	Result  library.Result `json:"result"`            // none, neutral, pass, fail, softfail, temperror, permerror
	Cause   string         `json:"cause,omitempty"`   // in the library's words; for a pass, what matched
	Records []SPFRecord    `json:"records,omitempty"` // that it read, in this order

	cause error
	trail *trail
}

// SPFRecord is an SPF record and where it stands. Both are shown as a Finding's texts are.
type SPFRecord struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// trail is what one evaluation met on its way: it answers the library, and remembers
// what the library does not say.
type trail struct {
	dns      resolve.Answers
	ip       netip.Addr
	records  []SPFRecord // in the order in which they were reached, as they are
	last     string      // the last name asked for a record
	lastMX   string      // the last name asked for hosts
	voids    []string    // names and types that there is nothing of
	exists   bool        // one of the records has an exists term
	byHELO   bool        // one of the records has the macro %{h}
	troubled error       // a question had no definitive answer
	tooMuch  error       // it leads to more than any honest record needs: resolve.ErrTooMany or ErrTooLarge
}

// evaluate runs check_host() for one address and sender.
func (l *lookup) evaluate(ip netip.Addr, sender string) SPFResult {
	t := &trail{dns: l.dns, ip: ip}
	r := SPFResult{IP: ip, Sender: sender, trail: t}
	r.Result, r.cause = library.CheckHostWithSender(ip.AsSlice(), cmp.Or(l.helo, heloName), sender, library.WithResolver(t))
	if r.cause != nil {
		r.Cause = shown(r.cause.Error())
	}
	for _, p := range t.records {
		r.Records = append(r.Records, SPFRecord{shown(p.Name), shown(p.Text)})
	}
	return r
}

// heloName stands for the name that our Postfix says in HELO, which we do not know. A record that
// lets us pass because of it (%{h}) relies on what the sender claims, which is no authorization.
const heloName = "helo.invalid"

// LookupTXT is of library.DNSResolver.
func (t *trail) LookupTXT(_ context.Context, name string) ([]string, error) {
	t.last = strings.TrimSuffix(name, ".")
	answer, err := t.ask(name, dns.TypeTXT)
	for _, text := range answer.Texts() {
		if record.IsSPF(text) {
			t.records = append(t.records, SPFRecord{t.last, text})
			t.exists = t.exists || hasExists(text)
			t.byHELO = t.byHELO || strings.Contains(strings.ToLower(text), "%{h")
		}
	}
	return forLibrary(answer.Texts()), err
}

// forLibrary spells what the library takes for something else: an ip6 term with an IPv4 address
// in it names no IPv4 client (RFC 7208 section 5).
func forLibrary(texts []string) []string {
	var all []string
	for _, text := range texts {
		if s, err := record.ParseSPF(text); err == nil && slices.ContainsFunc(s.Terms, isMapped) {
			for i, t := range s.Terms {
				if isMapped(t) {
					s.Terms[i].Text = unmapped(t)
				}
			}
			text = s.String()
		}
		all = append(all, text)
	}
	return all
}

// isMapped reports whether a term has an IPv4 address in the form of IPv6 (RFC 4291 section
// 2.5.5.2).
func isMapped(t record.Term) bool {
	address, _, _ := strings.Cut(t.Value, "/")
	addr, err := netip.ParseAddr(address)
	return t.Name == "ip6" && err == nil && addr.Is4In6()
}

// unmapped names the IPv6 clients of such a term: those of a network that is more than all IPv4
// addresses, else none but the unspecified address.
func unmapped(t record.Term) string {
	network, err := netip.ParsePrefix(t.Value)
	if err != nil || network.Bits() >= 96 {
		return string(t.Qualifier) + "ip6:::"
	}
	return string(t.Qualifier) + "ip6:" + network.Masked().String()
}

// LookupMX is of library.DNSResolver.
func (t *trail) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	t.lastMX = strings.TrimSuffix(name, ".")
	answer, err := t.ask(name, dns.TypeMX)
	var hosts []*net.MX
	for _, rr := range answer.Records {
		if mx, ok := rr.(*dns.MX); ok {
			hosts = append(hosts, &net.MX{Host: mx.Mx, Pref: mx.Preference})
		}
	}
	return hosts, err
}

func hasExists(text string) bool {
	spf, _ := record.ParseSPF(text)
	return slices.ContainsFunc(spf.Terms, func(t record.Term) bool { return t.Name == "exists" })
}

// LookupIPAddr is of library.DNSResolver. For an IPv4 client only A records count; for an
// IPv6 one AAAA, but A for an exists term (RFC 7208 section 5.7). Which term it is cannot be
// seen here, so A is asked for only where there is such a term: a host that
// has A records alone is a void lookup for an IPv6 client (section 4.6.4).
func (t *trail) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	types := []uint16{dns.TypeA}
	switch {
	case t.ip.Is4():
	case t.exists:
		types = []uint16{dns.TypeAAAA, dns.TypeA}
	default:
		types = []uint16{dns.TypeAAAA}
	}
	var addrs []net.IPAddr
	var failed, absent error
	for _, qtype := range types {
		answer, err := t.ask(host, qtype)
		for _, ip := range answer.Addresses() {
			addrs = append(addrs, net.IPAddr{IP: ip.AsSlice()})
		}
		if notFound := new(net.DNSError); errors.As(err, &notFound) && notFound.IsNotFound {
			absent = err
		} else if err != nil {
			failed = err
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case failed != nil:
		return nil, failed
	}
	return nil, absent
}

// LookupAddr is of library.DNSResolver.
func (t *trail) LookupAddr(_ context.Context, addr string) ([]string, error) {
	name, err := dns.ReverseAddr(addr)
	if err != nil {
		return nil, err
	}
	answer, err := t.ask(name, dns.TypePTR)
	return answer.Hosts(), err
}

// ask returns errors as the library knows them: those of package net.
func (t *trail) ask(name string, qtype uint16) (resolve.Answer, error) {
	answer, err := t.dns.To(strings.ReplaceAll(name, `\`, `\\`), qtype)
	switch {
	case errors.Is(err, resolve.ErrTooMany), errors.Is(err, resolve.ErrTooLarge):
		t.tooMuch = err
		return answer, &net.DNSError{Err: err.Error(), Name: name}
	case err != nil:
		t.troubled = err
		return answer, &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true}
	case len(answer.Records) == 0:
		if void := strings.TrimSuffix(name, ".") + " " + dns.Type(qtype).String(); qtype != dns.TypeTXT && !slices.Contains(t.voids, void) {
			t.voids = append(t.voids, void)
		}
		return answer, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return answer, nil
}

package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/postfix"
)

// Self is what Postfix on this host would connect with.
type Self struct {
	Caller
	types []uint16         // of address records
	from  []netip.Addr     // that Postfix binds to, one a family at most
	roots *x509.CertPool   // that Postfix trusts
	own   *tls.Certificate // that it presents; nil: none, or the key cannot be read
}

// ThisHost asks Postfix how it connects; without a Postfix the system's name and authorities
// count. A name that is given comes first.
func ThisHost(ctx context.Context, name string, sending []netip.Addr) (Self, error) {
	p, err := postfix.Instance("").Read(ctx)
	switch {
	case errors.Is(err, postfix.ErrAbsent):
		return withoutPostfix(name, sending)
	case err != nil:
		return Self{}, err
	}
	return withPostfix(p, name, sending), nil
}

func withoutPostfix(name string, sending []netip.Addr) (s Self, err error) {
	s = Self{Caller: Caller{Hello: cmp.Or(name, postfix.Configuration{}.Hostname()), SendingIPs: sending, TrustedFrom: "the system"}, types: []uint16{dns.TypeA, dns.TypeAAAA}}
	s.roots, err = x509.SystemCertPool()
	return s, err
}

func withPostfix(p postfix.Configuration, name string, sending []netip.Addr) Self {
	s := Self{Caller: Caller{Hello: cmp.Or(name, p.OfClient("smtp_helo_name")), SendingIPs: sending, Postfix: true, SecurityLevel: p.OfClient("smtp_tls_security_level")}}
	switch p.OfClient("inet_protocols") {
	case "ipv4":
		s.types = []uint16{dns.TypeA}
	case "ipv6":
		s.types = []uint16{dns.TypeAAAA}
	default:
		s.types = []uint16{dns.TypeA, dns.TypeAAAA}
	}
	s.from = p.Bound()
	s.trust(p)
	s.present(p.ClientPairs())
	return s
}

// local returns the address to connect from; nil: whichever the system takes.
func (s Self) local(to netip.Addr) net.Addr {
	for _, addr := range s.from {
		if addr.Is4() == to.Is4() {
			return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))
		}
	}
	return nil
}

// trust reads the authorities that Postfix would trust.
func (s *Self) trust(p postfix.Configuration) {
	s.roots = x509.NewCertPool()
	var from []string
	if p.OfClient("tls_append_default_CA") == "yes" {
		if pool, err := x509.SystemCertPool(); err == nil {
			s.roots = pool
			from = append(from, "the system")
		}
	}
	if file := p.OfClient("smtp_tls_CAfile"); file != "" {
		from = append(from, "smtp_tls_CAfile = "+file)
		s.addAuthorities(file)
	}
	if folder := p.OfClient("smtp_tls_CApath"); folder != "" {
		from = append(from, "smtp_tls_CApath = "+folder)
		files, _ := filepath.Glob(filepath.Join(folder, "*.[0-9]")) // as openssl rehash names them
		for _, file := range files {
			s.addAuthorities(file)
		}
	}
	s.TrustedFrom = strings.Join(from, ", ")
}

func (s *Self) addAuthorities(file string) {
	if text, err := os.ReadFile(file); err == nil {
		s.roots.AppendCertsFromPEM(text)
	}
}

// present reads the certificate that Postfix would show to a server that asks for one. Who may
// not read the key can still say whose the certificate is.
func (s *Self) present(pairs []postfix.KeyPair) {
	if len(pairs) == 0 {
		return
	}
	leaves, err := pairs[0].Leaves()
	if err != nil {
		s.Unusable = err.Error()
		return
	}
	s.Certificate = describe(leaves[0])
	own, err := pairs[0].Load()
	if err != nil {
		s.Unusable = err.Error()
		return
	}
	s.own = &own
}

package probe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/cmd/onbehalf/setup"
)

// Self is what Postfix on this host would connect with.
type Self struct {
	Caller
	types []uint16         // of address records
	roots *x509.CertPool   // that Postfix trusts
	own   *tls.Certificate // that it presents; nil: none, or the key cannot be read
}

// asked are the settings of Postfix that say how it connects.
var asked = []string{
	"smtp_helo_name", "smtp_tls_security_level", "inet_protocols",
	"smtp_tls_chain_files", "smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_eccert_file", "smtp_tls_eckey_file",
	"smtp_tls_CAfile", "smtp_tls_CApath", "tls_append_default_CA",
}

// ThisHost asks Postfix how it connects; without a Postfix the system's name and authorities
// count. A name that is given comes first.
func ThisHost(ctx context.Context, name string, sending []netip.Addr) (Self, error) {
	main, err := setup.Settings(ctx, asked...)
	switch {
	case errors.Is(err, setup.ErrNoPostfix):
		return withoutPostfix(name, sending)
	case err != nil:
		return Self{}, err
	}
	return withPostfix(main, name, sending), nil
}

func withoutPostfix(name string, sending []netip.Addr) (s Self, err error) {
	system, _ := os.Hostname()
	s = Self{Caller: Caller{Hello: cmp.Or(name, system), SendingIPs: sending, TrustedFrom: "the system"}, types: []uint16{dns.TypeA, dns.TypeAAAA}}
	s.roots, err = x509.SystemCertPool()
	return s, err
}

func withPostfix(main map[string]string, name string, sending []netip.Addr) Self {
	s := Self{Caller: Caller{Hello: cmp.Or(name, main["smtp_helo_name"]), SendingIPs: sending, Postfix: true, SecurityLevel: main["smtp_tls_security_level"]}}
	switch main["inet_protocols"] {
	case "ipv4":
		s.types = []uint16{dns.TypeA}
	case "ipv6":
		s.types = []uint16{dns.TypeAAAA}
	default:
		s.types = []uint16{dns.TypeA, dns.TypeAAAA}
	}
	s.trust(main)
	s.present(main)
	return s
}

// trust reads the authorities that Postfix would believe.
func (s *Self) trust(main map[string]string) {
	s.roots = x509.NewCertPool()
	var from []string
	if main["tls_append_default_CA"] == "yes" {
		if pool, err := x509.SystemCertPool(); err == nil {
			s.roots = pool
			from = append(from, "the system")
		}
	}
	if file := main["smtp_tls_CAfile"]; file != "" {
		from = append(from, "smtp_tls_CAfile = "+file)
		s.believe(file)
	}
	if folder := main["smtp_tls_CApath"]; folder != "" {
		from = append(from, "smtp_tls_CApath = "+folder)
		files, _ := filepath.Glob(filepath.Join(folder, "*.[0-9]")) // as openssl rehash names them
		for _, file := range files {
			s.believe(file)
		}
	}
	s.TrustedFrom = strings.Join(from, ", ")
}

func (s *Self) believe(file string) {
	if text, err := os.ReadFile(file); err == nil {
		s.roots.AppendCertsFromPEM(text)
	}
}

// present reads the certificate that Postfix would show to a server that asks for one. Who may
// not read the key can still say whose the certificate is.
func (s *Self) present(main map[string]string) {
	certs, keys := chainFiles(main)
	if len(certs) == 0 {
		return
	}
	chain, err := readAll(certs)
	if err != nil {
		s.Unusable = err.Error()
		return
	}
	leaf := first(chain)
	if leaf == nil {
		s.Unusable = strings.Join(certs, ", ") + " has no certificate that can be read"
		return
	}
	s.Certificate = describe(leaf)
	key, err := readAll(keys)
	if err != nil {
		s.Unusable = err.Error() + "; run the command as root"
		return
	}
	own, err := tls.X509KeyPair(chain, key)
	if err != nil {
		s.Unusable = fmt.Sprintf("%s: %v", strings.Join(certs, ", "), err)
		return
	}
	s.own = &own
}

// chainFiles returns where certificates and keys are. smtp_tls_chain_files holds both, and wins.
func chainFiles(main map[string]string) (certs, keys []string) {
	if files := strings.FieldsFunc(main["smtp_tls_chain_files"], func(c rune) bool { return strings.ContainsRune(", \t", c) }); len(files) > 0 {
		return files, files
	}
	for _, kind := range []string{"", "ec"} {
		if cert := main["smtp_tls_"+kind+"cert_file"]; cert != "" {
			return []string{cert}, []string{cmp.Or(main["smtp_tls_"+kind+"key_file"], cert)}
		}
	}
	return nil, nil
}

func readAll(files []string) ([]byte, error) {
	var all bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all.Write(append(text, '\n'))
	}
	return all.Bytes(), nil
}

// first returns the first certificate of PEM text, or nil.
func first(text []byte) *x509.Certificate {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil
		}
		if block.Type == "CERTIFICATE" {
			leaf, _ := x509.ParseCertificate(block.Bytes)
			return leaf
		}
		text = rest
	}
}

package postfix

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// chain is a file as smtp_tls_chain_files has it: keys, each with its certificate and that of
// the authority behind it.
func chain(t *testing.T, lasts time.Duration, names ...string) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"authority.example"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail"}, DNSNames: names, NotAfter: time.Now().Add(lasts)}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, one := range []*x509.Certificate{leaf, authority} {
		der, err := x509.CreateCertificate(rand.Reader, one, authority, public, private)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// selfSigned is what Debian's ssl-cert makes.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	_, behind, _ := strings.Cut(string(chain(t, time.Hour, "x")), "-----END CERTIFICATE-----\n")
	return []byte(behind)
}

// TestClient: what Postfix shows of itself, by its settings and by master.cf.
func TestClient(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string][]byte{
		"one":     chain(t, time.Hour, "mail.courseware.nl"),
		"two":     append(chain(t, time.Hour, "mail.courseware.nl", "out.courseware.nl"), chain(t, time.Hour, "ec.courseware.nl")...),
		"expired": chain(t, -time.Hour, "mail.courseware.nl"),
		"unnamed": chain(t, time.Hour),
		"self":    selfSigned(t),
		"empty":   nil,
		"broken":  []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const helo = "mail.courseware.nl"
	for _, test := range []struct {
		name                  string
		chain, cert, eccert   string
		services              string
		helo, names, complain string
	}{
		{"no certificate", "", "", "", "", helo, "", ""},
		{"one", "", "F/one", "", "", helo, "mail.courseware.nl", ""},
		{"RSA and EC, with a name in common", "", "F/one", "F/two", "", helo, "mail.courseware.nl out.courseware.nl ec.courseware.nl", ""},
		{"chain files take the place of the others", "F/two", "F/one", "", "", helo, "mail.courseware.nl out.courseware.nl ec.courseware.nl", ""},
		{"the service has its own", "", "F/one", "", "smtp/unix/smtp_helo_name = out.courseware.nl\nsmtp/unix/smtp_tls_cert_file =\n", "out.courseware.nl", "", ""},
		{"another service has", "", "F/one", "", "relay/unix/smtp_helo_name = out.courseware.nl\n", helo, "mail.courseware.nl", ""},
		{"not there", "", "F/none", "", "", helo, "", "no such file"},
		{"expired", "F/expired", "", "", "", helo, "", "expired on 2"},
		{"without a name", "F/unnamed", "", "", "", helo, "", "has no DNS name, only the subject mail"},
		{"signed by itself", "F/self", "", "", "", helo, "", "signed by itself"},
		{"empty", "F/empty", "", "", "", helo, "", "has no certificate in it"},
		{"broken", "F/broken", "", "", "", helo, "", "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := func(s string) string { return strings.ReplaceAll(s, "F/", folder+"/") }
			p := Configuration{overrides: parseOverrides(test.services), expanded: map[string]string{"smtp_helo_name": helo,
				"smtp_tls_chain_files": in(test.chain), "smtp_tls_cert_file": in(test.cert), "smtp_tls_eccert_file": in(test.eccert)}}
			got := p.Client()
			if got.HELO != test.helo || strings.Join(got.Certificate, " ") != test.names {
				t.Errorf("HELO %s, certificate for %s", got.HELO, got.Certificate)
			}
			if (got.Unknown == "") != (test.complain == "") || !strings.Contains(got.Unknown, test.complain) {
				t.Errorf("unknown: %q, want %q", got.Unknown, test.complain)
			}
			anonymous := got.HELO != "" && len(got.Certificate) == 0 && got.Unknown == ""
			if want := test.names == "" && test.complain == ""; anonymous != want {
				t.Errorf("anonymous: %v", anonymous)
			}
		})
	}
}

// TestBound: where mail is sent from.
func TestBound(t *testing.T) {
	for _, test := range []struct{ interfaces, four, six, services, want string }{
		{"all", "", "", "", "[]"},
		{"192.0.2.7", "192.0.2.1", "", "", "[192.0.2.1]"},
		{"all", "192.0.2.1", "[2001:db8::1]", "", "[192.0.2.1 2001:db8::1]"},
		{"192.0.2.7, [2001:db8::7]", "", "", "", "[192.0.2.7 2001:db8::7]"},
		{"192.0.2.7 127.0.0.1", "", "", "", "[]"},
		{"127.0.0.1", "", "", "", "[]"},
		{"mail.courseware.nl, localhost", "2001:db8::1", "", "", "[]"},
		{"192.0.2.7", "192.0.2.1", "", "smtp/unix/smtp_bind_address = 192.0.2.2\n", "[192.0.2.2]"},
	} {
		p := Configuration{overrides: parseOverrides(test.services), expanded: map[string]string{"inet_interfaces": test.interfaces, "smtp_bind_address": test.four, "smtp_bind_address6": test.six}}
		bound := p.Bound()
		slices.SortFunc(bound, netip.Addr.Compare)
		if got := fmt.Sprint(bound); got != test.want {
			t.Errorf("%+v: from %s", test, got)
		}
	}
}

// TestOfClient: a setting that is another one, as most are by default, follows that one.
func TestOfClient(t *testing.T) {
	p := Configuration{
		written:  map[string]string{"smtp_helo_name": "$myhostname", "smtp_tls_key_file": "$smtp_tls_cert_file"},
		expanded: map[string]string{"smtp_helo_name": "main.example", "smtp_tls_key_file": "/main.pem"},
	}
	for services, want := range map[string]string{
		"": "main.example", "smtp/unix/myhostname = own.example\n": "own.example", "relay/unix/myhostname = own.example\n": "main.example",
		"smtp/unix/myhostname = own.example\nsmtp/unix/smtp_helo_name = helo.example\n": "helo.example",
	} {
		p.overrides = parseOverrides(services)
		if got := p.OfClient("smtp_helo_name"); got != want {
			t.Errorf("with %q: %s, want %s", services, got, want)
		}
	}
	p.overrides = parseOverrides("smtp/unix/smtp_tls_cert_file = /own.pem\n")
	if got := p.ClientPairs(); len(got) != 1 || got[0].Keys[0] != "/own.pem" {
		t.Errorf("%v", got)
	}
}

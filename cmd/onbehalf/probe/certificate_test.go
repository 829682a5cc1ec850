package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
)

// issued is a certificate and its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate; by nil: it signs itself.
func issue(t testing.TB, by *issued, template x509.Certificate) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.BasicConstraintsValid = true
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := &template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key}
}

func TestInspect(t *testing.T) {
	called := func(name string) pkix.Name { return pkix.Name{CommonName: name} }
	root := issue(t, nil, x509.Certificate{Subject: called("Root"), IsCA: true})
	between := issue(t, root, x509.Certificate{Subject: called("Between"), IsCA: true})
	leaf := func(by *issued, c x509.Certificate) *x509.Certificate { return issue(t, by, c).cert }
	named := x509.Certificate{DNSNames: []string{"mx.u.example"}}
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	tests := []struct {
		name  string
		chain []*x509.Certificate
		kinds string
	}{
		{"good", []*x509.Certificate{leaf(root, named)}, ""},
		{"with its chain", []*x509.Certificate{leaf(between, named), between.cert}, ""},
		{"without its chain", []*x509.Certificate{leaf(between, named)}, "certificate-trust"},
		{"wildcard", []*x509.Certificate{leaf(root, x509.Certificate{DNSNames: []string{"*.u.example"}})}, ""},
		{"wildcard two labels up", []*x509.Certificate{leaf(root, x509.Certificate{DNSNames: []string{"*.example"}})}, "certificate-name"},
		{"only a common name", []*x509.Certificate{leaf(root, x509.Certificate{Subject: called("mx.u.example")})}, ""},
		{"a common name beside other names", []*x509.Certificate{leaf(root, x509.Certificate{Subject: called("mx.u.example"), DNSNames: []string{"x.example"}})}, "certificate-name"},
		{"no name", []*x509.Certificate{leaf(root, x509.Certificate{})}, "certificate-name"},
		{"self-made", []*x509.Certificate{leaf(nil, named)}, "certificate-trust"},
		{"expired", []*x509.Certificate{leaf(root, x509.Certificate{DNSNames: named.DNSNames, NotAfter: time.Now().Add(-time.Minute)})}, "certificate-expired"},
		{"not yet valid", []*x509.Certificate{leaf(root, x509.Certificate{DNSNames: named.DNSNames, NotBefore: time.Now().Add(time.Minute)})}, "certificate-expired"},
		{"wrong in two ways", []*x509.Certificate{leaf(nil, x509.Certificate{DNSNames: []string{"x.example"}})}, "certificate-name certificate-trust"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var kinds []string
			for _, fault := range inspect(test.chain, domain(t, "mx.u.example"), pool, time.Now()).Faults {
				kinds = append(kinds, string(fault.Kind))
			}
			if got := strings.Join(kinds, " "); got != test.kinds {
				t.Errorf("%q, want %q", got, test.kinds)
			}
		})
	}
	if c := inspect([]*x509.Certificate{leaf(root, x509.Certificate{DNSNames: []string{"x.example"}})}, message.Domain{}, pool, time.Now()); len(c.Faults) > 0 {
		t.Errorf("a next hop without a name: %+v", c.Faults)
	}
}

// postfixWith writes a main.cf that postconf reads.
func postfixWith(t *testing.T, main string, master ...string) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"main.cf": "compatibility_level = 3.6\nmyhostname = mail.courseware.nl\n" + main, "master.cf": strings.Join(master, "\n")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Postfix waits for a main.cf that has just been written: it may be half of one.
	if err := os.Chtimes(filepath.Join(folder, "main.cf"), time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAIL_CONFIG", folder)
}

func writePEM(t *testing.T, one *issued, withKey bool) string {
	t.Helper()
	var b bytes.Buffer
	if withKey {
		der, err := x509.MarshalPKCS8PrivateKey(one.key)
		if err != nil {
			t.Fatal(err)
		}
		pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: one.cert.Raw})
	path := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

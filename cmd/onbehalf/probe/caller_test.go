package probe

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// TestThisHost reads the settings of a Postfix as postconf says them.
func TestThisHost(t *testing.T) {
	peer.Need(t, "/usr/sbin/postconf")
	root := issue(t, nil, x509.Certificate{IsCA: true})
	own := issue(t, root, x509.Certificate{DNSNames: []string{"mail.courseware.nl"}})
	whole, bare := writePEM(t, own, true), writePEM(t, own, false)
	folder := t.TempDir()
	text, err := os.ReadFile(writePEM(t, root, false))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "12345678.0"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, main string
		hello      string
		types      int
		presents   string
		withKey    bool
		trusts     bool
	}{
		{"defaults", "", "mail.courseware.nl", 2, "none: smtp_tls_chain_files", false, false},
		{"a chain file", "smtp_tls_chain_files = " + whole, "mail.courseware.nl", 2, "ours is for mail.courseware.nl", true, false},
		{"certificate and key in one file", "smtp_tls_cert_file = " + whole, "mail.courseware.nl", 2, "ours is for mail.courseware.nl", true, false},
		{"a key of its own", "smtp_tls_cert_file = " + bare + "\nsmtp_tls_key_file = " + whole, "mail.courseware.nl", 2, "ours is for", true, false},
		{"EC", "smtp_tls_eccert_file = " + whole, "mail.courseware.nl", 2, "ours is for", true, false},
		{"no key", "smtp_tls_cert_file = " + bare, "mail.courseware.nl", 2, "ours is for", false, false},
		{"no certificate", "smtp_tls_cert_file = /gone.pem", "mail.courseware.nl", 2, "ours cannot be read: open /gone.pem", false, false},
		{"names and protocols", "smtp_helo_name = out.courseware.nl\ninet_protocols = ipv4", "out.courseware.nl", 1, "none", false, false},
		{"authorities in a file", "smtp_tls_CAfile = " + writePEM(t, root, false), "mail.courseware.nl", 2, "none", false, true},
		{"authorities in a folder", "smtp_tls_CApath = " + folder, "mail.courseware.nl", 2, "none", false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			postfixWith(t, test.main+"\n")
			s, err := ThisHost(context.Background(), "", nil)
			if err != nil || s.Hello != test.hello || len(s.types) != test.types {
				t.Errorf("%+v, %v", s, err)
			}
			if got := s.presents(); !strings.HasPrefix(got, test.presents) || (s.own != nil) != test.withKey {
				t.Errorf("presents %s, with its key: %v", got, s.own != nil)
			}
			faults := inspect([]*x509.Certificate{own.cert}, domain(t, "mail.courseware.nl"), s.roots, time.Now()).Faults
			if (len(faults) == 0) != test.trusts || (s.TrustedFrom != "") != test.trusts {
				t.Errorf("trusts %v, from %q", faults, s.TrustedFrom)
			}
		})
	}
	postfixWith(t, "smtp_helo_name = main.courseware.nl\nsmtp_tls_cert_file = /gone.pem\n", "relay unix - - y - - smtp", "  -o smtp_helo_name=relay.courseware.nl",
		"smtp unix - - y - - smtp", "  -o smtp_helo_name=out.courseware.nl", "  -o smtp_tls_cert_file="+whole, "  -o smtp_tls_CAfile="+writePEM(t, root, false),
		"  -o inet_protocols=ipv6", "  -o smtp_tls_security_level=encrypt", "  -o smtp_bind_address6=2001:db8::25")
	s, err := ThisHost(context.Background(), "", nil)
	if err != nil || s.Hello != "out.courseware.nl" || s.own == nil || len(s.types) != 1 || s.SecurityLevel != "encrypt" || s.TrustedFrom == "" || len(s.from) != 1 {
		t.Errorf("with the service's own settings: %+v, %v", s, err)
	}
	postfixWith(t, "")
	if s, err := ThisHost(context.Background(), "given.example", nil); err != nil || s.Hello != "given.example" {
		t.Errorf("%q, %v", s.Hello, err)
	}
}

func TestWithoutPostfix(t *testing.T) {
	s, err := withoutPostfix("", nil)
	if name, _ := os.Hostname(); err != nil || s.Hello != name || s.Postfix || s.roots == nil || len(s.types) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if got := s.presents(); got != "none: there is no Postfix on this host" {
		t.Error(got)
	}
}

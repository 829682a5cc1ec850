package verify

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/test/nameserver"
)

const domain = "yourorganisationname.nl"

// message has the line ends, dots and octets on which programs tend to differ.
const message = "From: Academy <academy@yourorganisationname.nl>\r\n" +
	"To: student@example.net\r\n" +
	"Subject: your course\r\n  starts\ttoday \r\n" +
	"\r\n" +
	".dot\r\n..two\r\n 8-bit: caf\xe9  \r\n\r\nlast\r\n\r\n\r\n"

// keys are one of each algorithm, by selector.
func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"cw1": rsaKey, "cw2": edKey}
}

// record is the DNS record of a key.
func record(t *testing.T, selector string, key crypto.Signer) string {
	t.Helper()
	kind, public := "ed25519", []byte(nil)
	switch pub := key.Public().(type) {
	case ed25519.PublicKey:
		public = pub
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		kind, public = "rsa", der
	}
	return nameserver.TXT(selector+"._domainkey."+domain,
		"v=DKIM1; k="+kind+"; p="+base64.StdEncoding.EncodeToString(public))
}

func sign(t *testing.T, message, selector string, key crypto.Signer) string {
	t.Helper()
	var signed bytes.Buffer
	err := dkim.Sign(&signed, strings.NewReader(message), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed.String()
}

// signed makes a message with both signatures, the RSA one at the top, and starts
// a DNS server that publishes their keys.
func signed(t *testing.T) (addr, text string) {
	t.Helper()
	keys := keys(t)
	text = sign(t, message, "cw2", keys["cw2"])
	text = sign(t, text, "cw1", keys["cw1"])
	s := nameserver.Start(t, record(t, "cw1", keys["cw1"]), record(t, "cw2", keys["cw2"]))
	return s.Addr, text
}

// expect compares results with the verdicts on RSA and Ed25519.
func expect(t *testing.T, got []Result, rsa, ed Verdict) {
	t.Helper()
	want := []Result{
		{Domain: domain, Selector: "cw1", Algorithm: "rsa-sha256", Verdict: rsa},
		{Domain: domain, Selector: "cw2", Algorithm: "ed25519-sha256", Verdict: ed},
	}
	if len(got) != len(want) {
		t.Fatalf("%d results: %+v, want %d", len(got), got, len(want))
	}
	for i, g := range got {
		want[i].Text = g.Text
		if g != want[i] {
			t.Errorf("signature %d: %+v, want %+v", i, g, want[i])
		}
	}
}

func TestVerifiers(t *testing.T) {
	addr, text := signed(t)
	cases := []struct {
		name, addr, text string
		want             Verdict
	}{
		{"as signed", addr, text, OK},
		{"body altered", addr, strings.Replace(text, "last", "Last", 1), Bad},
		{"header altered", addr, strings.Replace(text, "your course", "my course", 1), Bad},
		{"no key", nameserver.Start(t).Addr, text, Bad},
	}
	for name, verifier := range All() {
		for _, c := range cases {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				ed := c.want
				if !KnowsEd25519(name) {
					ed = Unsupported
				}
				expect(t, verifier(t, c.addr, []byte(c.text)), c.want, ed)
			})
		}
	}
}

func TestNoSignature(t *testing.T) {
	addr := nameserver.Start(t).Addr
	for name, verifier := range All() {
		t.Run(name, func(t *testing.T) {
			if got := verifier(t, addr, []byte(message)); len(got) != 0 {
				t.Errorf("results %+v of a message without a signature", got)
			}
		})
	}
}

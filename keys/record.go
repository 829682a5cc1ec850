package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"onbehalf/tenant"
)

// Record gives the text of the TXT record that publishes a public key: RFC 6376
// section 3.6.1 for RSA, RFC 8463 section 4.2 for Ed25519. It is one text; DNS
// carries it in strings of at most 255 octets, which receivers put together again.
func Record(public crypto.PublicKey) (string, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		// RFC 6376 names RSAPublicKey, but its own examples, and so everyone,
		// publish SubjectPublicKeyInfo (RFC erratum 3017).
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return "", err
		}
		return record(tenant.RSA, der), nil
	case ed25519.PublicKey:
		return record(tenant.Ed25519, public), nil
	}
	return "", fmt.Errorf("a %T cannot be published for DKIM; use RSA or Ed25519", public)
}

func record(algorithm tenant.Algorithm, public []byte) string {
	return fmt.Sprintf("v=DKIM1; k=%s; p=%s", algorithm, base64.StdEncoding.EncodeToString(public))
}

// ZoneLine gives a record as a master file has it (RFC 1035 section 5.1), under
// the name of the identity. The entry of a record too long for one string goes on
// over several lines in parentheses. There is no line end after the last.
func ZoneLine(id tenant.Identity, record string) string {
	strs := txtStrings(record)
	data := strs[0]
	if len(strs) > 1 {
		data = "( " + strings.Join(strs, "\n\t") + " )"
	}
	return id.String() + ". IN TXT " + data
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// txtStrings cuts a text into quoted character-strings of at most 255 octets each
// (RFC 1035 section 3.3); at least one.
func txtStrings(text string) []string {
	const longest = 255
	var strs []string
	for len(text) > longest {
		strs = append(strs, `"`+escape.Replace(text[:longest])+`"`)
		text = text[longest:]
	}
	return append(strs, `"`+escape.Replace(text)+`"`)
}

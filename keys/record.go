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

// Record returns the text of the TXT record that publishes a public key: RFC 6376
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

// ZoneLine returns a record as a master file has it (RFC 1035 section 5.1), under
// the name of the identity. There is no line end after the last.
func ZoneLine(id tenant.Identity, record string) string {
	return id.String() + ". IN TXT " + TXT(record)
}

// TXT returns a text as a master file has the data of a TXT record. One too long for one
// string goes on over several lines in parentheses.
func TXT(text string) string {
	strs := Strings(text)
	if len(strs) > 1 {
		return "( " + strings.Join(strs, "\n\t") + " )"
	}
	return strs[0]
}

// Strings cuts a text into quoted character-strings of at most 255 octets each
// (RFC 1035 section 3.3); at least one.
func Strings(text string) []string {
	const longest = 255
	var strs []string
	for len(text) > longest {
		strs = append(strs, quote(text[:longest]))
		text = text[longest:]
	}
	return append(strs, quote(text))
}

// quote makes a character-string of printable ASCII.
func quote(octets string) string {
	var b strings.Builder
	for _, c := range []byte(octets) {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

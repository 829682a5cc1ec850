package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"

	"onbehalf/remedy"
)

// Labels of PEM blocks (RFC 7468; the older ones are OpenSSL's).
const (
	pkcs8 = "PRIVATE KEY"
	pkcs1 = "RSA PRIVATE KEY"

	ecParameters = "EC PARAMETERS" // OpenSSL writes the curve ahead of an EC key
)

// find returns the block of a PEM text that holds its one private key.
func find(text []byte) (*pem.Block, *remedy.Error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // the byte order mark of some editors
	blocks := pemBlocks(text)
	private := 0
	for _, b := range blocks {
		if strings.HasSuffix(b.Type, "PRIVATE KEY") {
			private++
		}
	}
	switch {
	case len(blocks) < bytes.Count(text, []byte("-----BEGIN ")):
		return nil, refuse("its PEM is damaged", "copy the key again, from the line with BEGIN to the line with END", nil)
	case len(blocks) == 0:
		return nil, notPEM(text)
	case private > 1:
		return nil, refuse("it holds several private keys", "put each key into a file of its own", nil)
	case private == 1 && len(blocks) > 1 && blocks[0].Type != ecParameters:
		return nil, refuse("it holds more than a private key", "leave only the private key in it", nil)
	}
	relabel(blocks[0])
	return blocks[0], nil
}

// relabel calls PKCS#8 and PKCS#1 by their names where each stands under the label of the other:
// OpenSSL goes by what is in a block.
func relabel(block *pem.Block) {
	if block.Type != pkcs1 && block.Type != pkcs8 || len(block.Headers) > 0 {
		return
	}
	var info privateKeyInfo
	var key rsaPrivateKey
	if _, err := asn1.Unmarshal(block.Bytes, &info); err == nil {
		block.Type = pkcs8
	} else if _, err := asn1.Unmarshal(block.Bytes, &key); err == nil {
		block.Type = pkcs1
	}
}

// pemBlocks returns the blocks of a text that are whole.
func pemBlocks(text []byte) []*pem.Block {
	var blocks []*pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block)
	}
	return blocks
}

// notPEM says what a text without a PEM block looks like.
func notPEM(text []byte) *remedy.Error {
	switch {
	case len(text) == 0:
		return refuse("it is empty", "make a key with onbehalf keygen", nil)
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return refuse("it is in UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8", nil)
	case text[0] == 0x30: // SEQUENCE
		return refuse("it looks like DER, not PEM", "convert it: openssl pkey -inform DER", nil)
	}
	return refuse("it is not PEM", "give the name of a file that starts with -----BEGIN PRIVATE KEY-----", nil)
}

// parseBlock reads the key in a block.
func parseBlock(block *pem.Block) (crypto.Signer, *remedy.Error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, refuse("it is encrypted, and no one types the passphrase at start", "decrypt it: openssl pkey", nil)
	case block.Type == pkcs8:
		return parsePKCS8(block.Bytes)
	case block.Type == pkcs1:
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, damaged(err)
		}
		return key, nil
	case block.Type == "OPENSSH PRIVATE KEY":
		return nil, refuse("it is in the format of OpenSSH", "make a key with onbehalf keygen; one key should not serve two uses", nil)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"), block.Type == ecParameters: // EC, DSA
		return nil, unsupported()
	case strings.HasSuffix(block.Type, "PUBLIC KEY"):
		return nil, refuse("it is a public key", "give the name of the file with the private key", nil)
	case strings.HasSuffix(block.Type, "CERTIFICATE"):
		return nil, refuse("it is a certificate", "give the name of the file with the private key; DKIM needs no certificate", nil)
	}
	return nil, refuse("it is PEM, but no private key", "give the name of the file with the private key", nil)
}

// Object identifiers of RFC 8017 appendix A and RFC 8410 section 3.
var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// privateKeyInfo is PKCS#8 (RFC 5958 section 2), without what is optional.
type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

// parsePKCS8 looks at the algorithm first, to distinguish a key of another one from a damaged
// one.
func parsePKCS8(der []byte) (crypto.Signer, *remedy.Error) {
	var info privateKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, damaged(err)
	}
	if oid := info.Algorithm.Algorithm; !oid.Equal(oidRSA) && !oid.Equal(oidEd25519) {
		return nil, unsupported()
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, damaged(err)
	}
	return key.(crypto.Signer), nil
}

// rsaOf reads an RSA key for crypto/rsa.
func rsaOf(block *pem.Block) (*rsa.PrivateKey, error) {
	signer, failure := parseBlock(block)
	if failure != nil {
		return nil, failure
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return nil, unsupported()
	}
	return key, nil
}

// rsaPrivateKey is RFC 8017 appendix A.1.2, without what is private.
type rsaPrivateKey struct {
	Version int
	N       *big.Int
	E       int
}

// rsaPublic reads the public half alone of an RSA key that was found good before; nil: it is
// no RSA key.
func rsaPublic(block *pem.Block) *rsa.PublicKey {
	der := block.Bytes
	if block.Type == pkcs8 {
		var info privateKeyInfo
		if _, err := asn1.Unmarshal(der, &info); err != nil || !info.Algorithm.Algorithm.Equal(oidRSA) {
			return nil
		}
		der = info.PrivateKey
	}
	var key rsaPrivateKey
	if _, err := asn1.Unmarshal(der, &key); err != nil || key.N.Sign() <= 0 {
		return nil
	}
	return &rsa.PublicKey{N: key.N, E: key.E}
}

// damaged keeps err for errors.Is alone.
func damaged(err error) *remedy.Error {
	return refuse("the key in it is damaged", "restore it from a copy, or make a new one with onbehalf keygen and publish it", err)
}

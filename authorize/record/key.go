package record

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"onbehalf/tenant"
)

// DKIM is a DKIM public key record (RFC 6376 section 3.6.1).
type DKIM struct {
	Algorithm tenant.Algorithm
	Data      []byte // of p=; empty: revoked
	Testing   bool   // t=y: receivers treat signatures as if there were none
	OwnOnly   bool   // t=s: i= must be the SDID itself, as our signatures have it
	SHA256    bool   // h= has it or is absent
	Email     bool   // s= is email or *, or is absent
}

// ParseKey reads a key record. The error says what the publisher got wrong. The Data of one that
// was cut off is what there is.
//
// Where RFC 6376 allows what a verifier in wide use does not take, the verifier is
// right: its users will not see the key. Mail::DKIM knows no blanks around colons, and
// goes by g= (RFC 4871 section 3.6.1); dkimpy knows no list in s=; OpenDKIM refuses a
// record with other octets than printable ASCII; go-msgauth refuses a TAB in p=.
func ParseKey(text string) (DKIM, error) {
	if fault := Pasted(text); fault != "" {
		return DKIM{}, errors.New(fault)
	}
	t, err := parseTags(text)
	if err != nil {
		return DKIM{}, err
	}
	_, versioned := t.values["v"]
	value, published := t.values["p"]
	switch {
	case versioned && !t.first("v", "DKIM1"):
		return DKIM{}, errors.New("it must begin with v=DKIM1")
	case !published:
		return DKIM{}, errors.New("it has no p= tag, so there is no key in it")
	}
	if g, found := t.values["g"]; found && g != "*" {
		return DKIM{}, errors.New("its g= tag is obsolete, and keeps some receivers from using the key")
	}
	k := DKIM{Algorithm: tenant.RSA, SHA256: true, Email: true}
	if name, found := t.values["k"]; found {
		k.Algorithm = tenant.Algorithm(name)
	}
	if _, found := t.values["h"]; found {
		k.SHA256 = slices.Contains(strings.Split(t.values["h"], ":"), "sha256")
	}
	if s, found := t.values["s"]; found {
		k.Email = s == "*" || s == "email"
	}
	k.Testing = slices.Contains(t.list("t"), "y")
	k.OwnOnly = slices.Contains(t.list("t"), "s")
	k.Data, err = decode(value)
	return k, err
}

// decode reads the base64 of p=, which may be folded anywhere.
func decode(value string) ([]byte, error) {
	value = strings.NewReplacer(" ", "", "\r", "", "\n", "").Replace(value)
	data, err := base64.StdEncoding.DecodeString(value)
	if err == nil {
		return data, nil
	}
	if at := strings.IndexFunc(value, func(r rune) bool { return !strings.ContainsRune(base64Alphabet, r) }); at >= 0 {
		return nil, fmt.Errorf("its p= holds %q, which is not base64", clip(value[at:at+1]))
	}
	return data, errors.New("its p= is not whole base64: some of it was cut off")
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

// Revoked reports whether the record takes its key back.
func (k DKIM) Revoked() bool { return len(k.Data) == 0 }

// Is reports whether the record publishes this public key: an RSA key as
// SubjectPublicKeyInfo. The RSAPublicKey that RFC 6376 names as well means nothing to
// OpenDKIM and Mail::DKIM (RFC erratum 3017).
func (k DKIM) Is(public crypto.PublicKey) bool {
	switch public := public.(type) {
	case ed25519.PublicKey:
		return k.Algorithm == tenant.Ed25519 && bytes.Equal(k.Data, public)
	case *rsa.PublicKey:
		return k.Algorithm == tenant.RSA && bytes.Equal(k.Data, spki(public))
	}
	return false
}

// CutFrom reports whether the record holds the beginning of this public key: the rest
// was lost where a form takes only one string of 255 octets. The first 33 octets are the
// same in all RSA keys of one length.
func (k DKIM) CutFrom(public crypto.PublicKey) bool {
	const some = 45
	whole := spki(public)
	return len(k.Data) >= some && len(k.Data) < len(whole) && bytes.HasPrefix(whole, k.Data[:len(k.Data)-2])
}

func spki(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil
	}
	return der
}

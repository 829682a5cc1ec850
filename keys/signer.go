package keys

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"

	"onbehalf/tenant"
)

// sign signs a SHA-256 digest. What holds the key may be anything, and its panic becomes an
// error.
func (k Key) sign(digest []byte) (signature []byte, err error) {
	defer recoverTo(&err)
	signature, err = k.signer().Sign(rand.Reader, digest, k.options())
	if err == nil && len(signature) == 0 {
		err = errors.New("signer returned an empty signature")
	}
	return signature, err
}

// options names the hash to a crypto.Signer. Ed25519 signs the digest as it does a message
// (RFC 8463 section 3).
func (k Key) options() crypto.SignerOpts {
	if k.algorithm == tenant.Ed25519 {
		return crypto.Hash(0)
	}
	return crypto.SHA256
}

// publicOf asks a signer for its public key, which panics on a nil one.
func publicOf(signer crypto.Signer) (public crypto.PublicKey, err error) {
	defer recoverTo(&err)
	return signer.Public(), nil
}

// recoverTo turns a panic into an error. A value that is not the run time's own
// may hold anything, key material included, so only its type is shown.
func recoverTo(err *error) {
	switch cause := recover().(type) {
	case nil:
	case runtime.Error:
		*err = fmt.Errorf("signer panicked: %w", cause)
	default:
		*err = fmt.Errorf("signer panicked with a %T", cause)
	}
}

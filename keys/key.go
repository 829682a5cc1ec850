package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"onbehalf/remedy"
	"onbehalf/tenant"
)

// Bounds of an RSA key, in bits. RFC 8301 section 3.2: a signer must use 1024 at
// least and should use 2048; a verifier must accept 1024 to 4096.
const (
	minRSA  = 1024
	goodRSA = 2048
	maxRSA  = 4096
)

// Key is a private key to sign with. It never prints what it holds. The zero Key
// is none.
type Key struct {
	algorithm tenant.Algorithm
	bits      int
	public    crypto.PublicKey
	mark      string // see Mark

	// signer is a function because fmt, printing a value that has a Key in an
	// unexported field, passes over Key.Format and may follow a pointer. Nil: no key.
	signer func() crypto.Signer
}

// NewKey makes a Key of what signs: a private key in memory, or something that
// stands for one elsewhere, such as a hardware security module. Its public key
// must be RSA of at least 1024 bits or Ed25519. The error is a *remedy.Error without a
// Path.
func NewKey(signer crypto.Signer) (Key, error) {
	k, failure := newKey(signer)
	if failure != nil {
		return Key{}, failure
	}
	return k, nil
}

func newKey(signer crypto.Signer) (Key, *remedy.Error) {
	public, err := publicOf(signer)
	if err != nil {
		return Key{}, refuse("its public key cannot be read", "check what holds the key", err)
	}
	k := Key{public: public, signer: func() crypto.Signer { return signer }}
	k.algorithm, k.bits = measure(public)
	switch {
	case k.algorithm == "":
		return Key{}, unsupported()
	case k.algorithm == tenant.RSA && k.bits < minRSA:
		return Key{}, refuse(
			fmt.Sprintf("it is an RSA key of %d bits, and receivers ignore those under %d", k.bits, minRSA),
			fmt.Sprintf("make one of %d bits with onbehalf keygen, and publish it", goodRSA), nil)
	}
	k.mark = markOf(public)
	return k, nil
}

// markOf is worked out once for each key: it takes a while, and ten thousand keys are looked
// through at every reload.
func markOf(public crypto.PublicKey) string {
	record, _ := Record(public) // measure has found an algorithm for it
	sum := sha256.Sum256([]byte(record))
	return hex.EncodeToString(sum[:8])
}

// measure returns the algorithm and size of a public key; no algorithm if DKIM has
// none for it.
func measure(public crypto.PublicKey) (tenant.Algorithm, int) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if public != nil && public.N != nil {
			return tenant.RSA, public.N.BitLen()
		}
	case ed25519.PublicKey:
		if len(public) == ed25519.PublicKeySize {
			return tenant.Ed25519, 8 * len(public)
		}
	}
	return "", 0
}

// unsupported: DKIM knows two algorithms (RFC 8301, RFC 8463).
func unsupported() *remedy.Error {
	return refuse("its algorithm is neither RSA nor Ed25519, and DKIM knows no other",
		"make one with onbehalf keygen, and publish it", nil)
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.signer == nil }

// Engine returns the name of the engine that signs with the key now.
func (k Key) Engine() string {
	if f := k.file(); f != nil && f.is(proved) {
		return EngineOpenSSL
	}
	return EngineGo
}

// Unproved reports whether the key waits for its proof: OpenSSL is to sign with it, and crypto/rsa
// does until Prove has shown that both do the same.
func (k Key) Unproved() bool {
	f := k.file()
	return f != nil && f.is(unproved)
}

// Prove proves an unproved key, in less than a millisecond, and does nothing with others. From then
// on OpenSSL signs with it. When that fails, crypto/rsa goes on to, and the Engine notes the error
// that is returned. It may be called beside signatures.
func (k Key) Prove() error {
	if f := k.file(); f != nil {
		return f.prove()
	}
	return nil
}

// file returns the key as a file that an Engine signs with; nil: it is none.
func (k Key) file() *rsaFile {
	if k.IsZero() {
		return nil
	}
	f, _ := k.signer().(*rsaFile)
	return f
}

// Algorithm returns the algorithm that the key signs with.
func (k Key) Algorithm() tenant.Algorithm { return k.algorithm }

// Bits returns the size of the key: the modulus of RSA, 256 for Ed25519.
func (k Key) Bits() int { return k.bits }

// Mark names the public key, in 16 hexadecimal digits: the beginning of the SHA-256 of its
// DNS record. Two keys of one mark are the same key.
func (k Key) Mark() string { return k.mark }

// Public returns the public key: an *rsa.PublicKey or an ed25519.PublicKey.
func (k Key) Public() crypto.PublicKey { return k.public }

// Warning says what is unwise about a key that works, and what to do; empty when
// nothing is.
func (k Key) Warning() string {
	switch {
	case k.algorithm != tenant.RSA:
		return ""
	case k.bits < goodRSA:
		return fmt.Sprintf("it is an RSA key of %d bits, which some receivers ignore; make one of %d bits and publish it", k.bits, goodRSA)
	case k.bits > maxRSA:
		return fmt.Sprintf("it is an RSA key of %d bits, and receivers need not accept more than %d; make one of %d bits and publish it", k.bits, maxRSA, goodRSA)
	}
	return ""
}

// String names the kind of key, and no more.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return fmt.Sprintf("%s key of %d bits", k.algorithm, k.bits)
}

// Format prints String whatever the verb: %x of a Key would otherwise show it.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

package keys

import (
	"crypto"
	"crypto/rsa"
	"encoding/pem"
	"io"
	"math/big"
	"runtime"
	"sync"
)

// rsaFile is a private RSA key from a file, for any engine. What it holds is overwritten when
// nothing uses it any more. A key is read by an engine when it is first signed with: of ten
// thousand, few are on one day.
type rsaFile struct {
	public *rsa.PublicKey
	engine *Engine
	fast   func() (fastKey, error)         // by OpenSSL
	slow   func() (*rsa.PrivateKey, error) // by crypto/rsa
}

// fastKey is a key inside OpenSSL, as package openssl has it.
type fastKey interface {
	Sign(sha256 []byte) ([]byte, error)
}

// newRSAFile takes over the encoding of a key, as parse finds it.
func newRSAFile(public *rsa.PublicKey, block *pem.Block, engine *Engine) *rsaFile {
	f := &rsaFile{public: public, engine: engine}
	f.fast = sync.OnceValues(func() (fastKey, error) { return engine.library.NewKey(block.Bytes) })
	f.slow = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsaOf(block) })
	runtime.AddCleanup(f, func(der []byte) { clear(der) }, block.Bytes)
	return f
}

// Public implements crypto.Signer.
func (f *rsaFile) Public() crypto.PublicKey { return f.public }

// Sign implements crypto.Signer. When OpenSSL fails, crypto/rsa stands in.
func (f *rsaFile) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	defer runtime.KeepAlive(f)
	if f.engine.usable() {
		signature, err := f.signFast(digest)
		if err == nil {
			return signature, nil
		}
		f.engine.standIn(err)
	}
	private, err := f.slow()
	if err != nil {
		return nil, err
	}
	return private.Sign(random, digest, opts)
}

func (f *rsaFile) signFast(digest []byte) ([]byte, error) {
	key, err := f.fast()
	if err != nil {
		return nil, err
	}
	return key.Sign(digest)
}

// prove reports whether the engine signs with the key as crypto/rsa does with the same one.
func (f *rsaFile) prove(private *rsa.PrivateKey) error {
	key, err := f.fast()
	if err != nil {
		return err
	}
	return f.engine.prove(key, private)
}

// wipe overwrites a private key that was only needed for a moment. What crypto/rsa keeps beside
// it cannot be reached.
func wipe(private *rsa.PrivateKey) {
	numbers := append([]*big.Int{private.D, private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv}, private.Primes...)
	for _, n := range numbers {
		if n != nil {
			clear(n.Bits())
			n.SetInt64(0)
		}
	}
}

package keys

import (
	"crypto"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// rsaFile is a private RSA key from a file, for any engine. What it holds is overwritten when
// nothing uses it any more. A key is read by an engine when it is first signed with: of ten
// thousand, few are on one day.
type rsaFile struct {
	public *rsa.PublicKey
	engine *Engine
	path   string                          // for errors
	fast   func() (fastKey, error)         // by OpenSSL
	slow   slowKey                         // by crypto/rsa
	try    func([]byte) ([]byte, error)    // signs by OpenSSL, and keeps nothing
	parse  func() (*rsa.PrivateKey, error) // for crypto/rsa, and keeps nothing

	proof   sync.Once
	state   atomic.Int32 // unproved, proved or refused
	onProof func()       // called when the key is proved, once; nil: nothing
}

// What is known of a key and OpenSSL. With all but a proved key, crypto/rsa signs.
const (
	unproved = iota
	proved
	refused // OpenSSL has failed
)

// fastKey is a key inside OpenSSL, as package openssl has it.
type fastKey interface {
	Sign(sha256 []byte) ([]byte, error)
}

// newRSAFile takes over the encoding of a key, as find returns it. The key is unproved.
func newRSAFile(public *rsa.PublicKey, block *pem.Block, engine *Engine) *rsaFile {
	f := &rsaFile{public: public, engine: engine}
	f.try = func(digest []byte) ([]byte, error) { return engine.library.SignOnce(block.Bytes, digest) }
	f.parse = func() (*rsa.PrivateKey, error) { return rsaOf(block) }
	f.fast = sync.OnceValues(func() (fastKey, error) { return engine.library.NewKey(block.Bytes) })
	f.slow.read = f.parse
	runtime.AddCleanup(f, func(der []byte) { clear(der) }, block.Bytes)
	return f
}

// Public implements crypto.Signer.
func (f *rsaFile) Public() crypto.PublicKey { return f.public }

// is reports whether that is known of the key, and OpenSSL is there.
func (f *rsaFile) is(state int32) bool { return f.state.Load() == state && f.engine.usable() }

// Sign implements crypto.Signer. When OpenSSL fails, crypto/rsa stands in.
func (f *rsaFile) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	defer runtime.KeepAlive(f)
	if f.is(proved) {
		signature, err := f.signFast(digest)
		if err == nil {
			return signature, nil
		}
		f.engine.standIn(err)
	}
	private, err := f.slow.take()
	if err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(private)
	return private.Sign(random, digest, opts)
}

func (f *rsaFile) signFast(digest []byte) ([]byte, error) {
	key, err := f.fast()
	if err != nil {
		return nil, err
	}
	return key.Sign(digest)
}

// prove proves an unproved key, with which crypto/rsa has no more to do then. The engine notes a
// failure, and the first caller gets it, with the path.
func (f *rsaFile) prove() (failure error) {
	defer runtime.KeepAlive(f)
	if !f.is(unproved) {
		return nil
	}
	f.proof.Do(func() {
		if err := f.tryProof(); err != nil {
			failure = fmt.Errorf("%s: %w", f.path, err)
			f.state.Store(refused)
			f.engine.standIn(failure)
			return
		}
		f.state.Store(proved)
		f.slow.letGo()
		if f.onProof != nil {
			f.onProof()
		}
	})
	return failure
}

// tryProof keeps the key in neither engine: it may not be signed with for long.
func (f *rsaFile) tryProof() (err error) {
	defer recoverTo(&err)
	signature, err := f.try(probe[:])
	if err != nil {
		return err
	}
	return f.engine.prove(signature, f.public, f.parse)
}

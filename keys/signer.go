package keys

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
)

// guarded is a crypto.Signer for one signature, safe in a goroutine that is not
// ours: go-msgauth signs in one of its own, where a panic would end the process.
// Once stopped it signs no more, so that an aborted message costs no signature.
type guarded struct {
	signer  crypto.Signer
	public  crypto.PublicKey
	stopped atomic.Bool
}

var errStopped = errors.New("signature was given up")

func (k Key) guard() *guarded { return &guarded{signer: k.signer(), public: k.public} }

// Public gives what the signer said once, in NewKey.
func (g *guarded) Public() crypto.PublicKey { return g.public }

// Sign implements crypto.Signer.
func (g *guarded) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	if g.stopped.Load() {
		return nil, errStopped
	}
	defer recoverTo(&err)
	signature, err = g.signer.Sign(random, digest, opts)
	if err == nil && len(signature) == 0 {
		err = errors.New("signer gave an empty signature")
	}
	return signature, err
}

// publicOf asks a signer for its public key, which panics on a nil one.
func publicOf(signer crypto.Signer) (public crypto.PublicKey, err error) {
	defer recoverTo(&err)
	return signer.Public(), nil
}

// recoverTo turns a panic into an error. A value that is not the run time's own
// may hold anything, key material included, so only its type is told.
func recoverTo(err *error) {
	switch cause := recover().(type) {
	case nil:
	case runtime.Error:
		*err = fmt.Errorf("signer panicked: %w", cause)
	default:
		*err = fmt.Errorf("signer panicked with a %T", cause)
	}
}

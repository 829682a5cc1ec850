package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"onbehalf/keys/openssl"
)

// Engine is what works out RSA signatures: the system's OpenSSL, or Go's crypto/rsa, which takes
// three times as long. Both make the same octets (RFC 8017 section 8.2 leaves no choice), which
// is how OpenSSL is proved before it is relied on; whenever it fails, crypto/rsa stands in. The
// nil Engine is crypto/rsa. An Engine may be used by many goroutines.
type Engine struct {
	library *openssl.Library // nil: crypto/rsa
	report  func(error)

	first   sync.Mutex  // of the proof of the first key
	proved  atomic.Bool // the first key was
	failed  atomic.Bool // at the first key: the engine is crypto/rsa
	stoodIn atomic.Int64

	mu      sync.Mutex
	problem error // why OpenSSL is not used, or the last thing that it failed at
}

// Names of engines, as the configuration has them.
const (
	EngineAuto    = "auto" // OpenSSL if it is there
	EngineOpenSSL = "openssl"
	EngineGo      = "go"
)

// OpenEngine opens what a name of the configuration asks for. There always is an engine: Status
// says which, and why it is not OpenSSL. The first failure of OpenSSL is reported, once.
func OpenEngine(name string, report func(error)) *Engine {
	e := &Engine{report: report}
	if name == EngineGo {
		return e
	}
	library, err := openssl.Open()
	if err != nil {
		e.note(err)
		return e
	}
	e.library = library
	return e
}

// EngineStatus says what works out RSA signatures.
type EngineStatus struct {
	Name    string // EngineOpenSSL or EngineGo
	Version string // of OpenSSL; empty: it is not used
	Problem string // why OpenSSL is not used though it was asked for, or what it failed at last
	StoodIn int64  // how often OpenSSL failed with a key or a signature, and crypto/rsa stood in
}

// Status returns the state of the engine.
func (e *Engine) Status() EngineStatus {
	s := EngineStatus{Name: EngineGo}
	if e == nil {
		return s
	}
	if e.usable() {
		s.Name, s.Version = EngineOpenSSL, e.library.Version()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.problem != nil {
		s.Problem = e.problem.Error()
	}
	s.StoodIn = e.stoodIn.Load()
	return s
}

// version names what a key was proved by.
func (e *Engine) version() string {
	if !e.usable() {
		return EngineGo
	}
	return e.library.Version()
}

func (e *Engine) usable() bool { return e != nil && e.library != nil && !e.failed.Load() }

// trusted reports whether keys that were proved before need no more proof: crypto/rsa needs
// none, and OpenSSL one key at each start.
func (e *Engine) trusted() bool { return !e.usable() || e.proved.Load() }

// note remembers what OpenSSL failed at, and reports the first of it.
func (e *Engine) note(err error) {
	e.mu.Lock()
	first := e.problem == nil
	e.problem = err
	e.mu.Unlock()
	if first && e.report != nil {
		e.report(err)
	}
}

// standIn notes that OpenSSL failed and crypto/rsa does its work.
func (e *Engine) standIn(err error) {
	e.stoodIn.Add(1)
	e.note(err)
}

// probe is what is signed to prove a key.
var probe = sha256.Sum256([]byte("onbehalf"))

var errOtherOctets = errors.New("OpenSSL made another signature than crypto/rsa; it is not used")

// prove reports whether OpenSSL, which has made this signature of probe, signs with a key as
// crypto/rsa does. With the first key crypto/rsa signs too, and when their octets differ the
// engine is crypto/rsa from then on. The signature of each further one is verified by crypto/rsa,
// in a thirtieth of the time, which proves the same: RSA maps the signatures of a key one to one to
// what they sign, and crypto/rsa takes one encoding of a digest. The private key is read for the
// first one alone, and overwritten.
func (e *Engine) prove(signature []byte, public *rsa.PublicKey, read func() (*rsa.PrivateKey, error)) error {
	if err := e.compareFirst(signature, read); err != nil {
		return err
	}
	if e.failed.Load() {
		return errOtherOctets
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, probe[:], signature); err != nil {
		return fmt.Errorf("a signature that OpenSSL made: %w", err)
	}
	return nil
}

// compareFirst compares the first signature of OpenSSL with that of crypto/rsa, and waits while
// another goroutine does. When crypto/rsa makes none, the next key is the first.
func (e *Engine) compareFirst(signature []byte, read func() (*rsa.PrivateKey, error)) error {
	e.first.Lock()
	defer e.first.Unlock()
	if e.trusted() {
		return nil
	}
	private, err := read()
	if err != nil {
		return err
	}
	defer wipe(private)
	same, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, probe[:])
	if err != nil {
		return err
	}
	e.failed.Store(!bytes.Equal(signature, same))
	e.proved.Store(true)
	return nil
}

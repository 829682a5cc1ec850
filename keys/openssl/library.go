// Package openssl signs with RSA keys by the system's OpenSSL 3, which takes a third of the time
// that crypto/rsa does: it has code for each kind of processor. The library is opened when the
// program runs (dlopen(3), by purego), so that building needs no C compiler, and a host
// without it runs the program all the same.
//
// What C does wrong no recover catches, so little of it is called: a key is read, a digest
// signed, both freed. Whoever uses this package proves what it returns before relying on it.
package openssl

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// name is the library of OpenSSL 3, whatever its minor version: its interface is stable.
const name = "libcrypto.so.3"

// Library is the opened library. It stays open as long as the process runs. It may be used by
// many goroutines.
type Library struct {
	version string
	turns   chan struct{} // see call

	sha256 uintptr // const EVP_MD *

	clearErrors, firstError, errorText              uintptr
	readKey, keySize, freeKey                       uintptr
	newContext, freeContext                         uintptr
	beginSigning, setPadding, setDigest, makeSigned uintptr
}

// Options of OPENSSL_init_crypto(3).
const (
	noLoadConfig = 0x00000080 // openssl.cnf is for programs that talk TLS
	noAtExit     = 0x00080000 // what it cleans up at the end may still be in use by a thread
)

// Open opens the library. The error says why it cannot be used.
func Open() (l *Library, err error) {
	defer recoverTo(&err)
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err // names the library
	}
	l = &Library{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	var initialize, sha256, version uintptr
	for symbol, to := range map[string]*uintptr{
		"OPENSSL_init_crypto":           &initialize,
		"OpenSSL_version":               &version,
		"EVP_sha256":                    &sha256,
		"ERR_clear_error":               &l.clearErrors,
		"ERR_get_error":                 &l.firstError,
		"ERR_error_string_n":            &l.errorText,
		"d2i_PrivateKey":                &l.readKey,
		"EVP_PKEY_get_size":             &l.keySize,
		"EVP_PKEY_free":                 &l.freeKey,
		"EVP_PKEY_CTX_new":              &l.newContext,
		"EVP_PKEY_CTX_free":             &l.freeContext,
		"EVP_PKEY_sign_init":            &l.beginSigning,
		"EVP_PKEY_CTX_set_rsa_padding":  &l.setPadding,
		"EVP_PKEY_CTX_set_signature_md": &l.setDigest,
		"EVP_PKEY_sign":                 &l.makeSigned,
	} {
		if *to, err = purego.Dlsym(handle, symbol); err != nil {
			return nil, fmt.Errorf("%s has no %s: %w", name, symbol, err)
		}
	}
	if ok, _, _ := purego.SyscallN(initialize, noLoadConfig|noAtExit, 0); ok != 1 {
		return nil, fmt.Errorf("%s cannot be initialized", name)
	}
	text, _, _ := purego.SyscallN(version, 0)
	l.version = goString(text)
	if l.sha256, _, _ = purego.SyscallN(sha256); l.sha256 == 0 {
		return nil, errors.New("it has no SHA-256")
	}
	return l, nil
}

// Version returns what the library calls itself, such as "OpenSSL 3.0.19 27 Jan 2026".
func (l *Library) Version() string { return l.version }

// call runs calls into the library that belong together. They stay on one thread, which is
// where OpenSSL keeps its errors. No more run at once than there are processors: for each one
// that takes long the Go run time would start another thread.
func (l *Library) call(f func() error) (err error) {
	l.turns <- struct{}{}
	runtime.LockOSThread()
	defer func() {
		runtime.UnlockOSThread()
		<-l.turns
	}()
	defer recoverTo(&err)
	purego.SyscallN(l.clearErrors)
	return f()
}

// failure returns the first error that the library noted on this thread. It names functions
// and reasons, and never what they were given.
func (l *Library) failure(what string) error {
	code, _, _ := purego.SyscallN(l.firstError)
	if code == 0 {
		return fmt.Errorf("OpenSSL failed to %s, and says nothing more", what)
	}
	text := make([]byte, 256)
	purego.SyscallN(l.errorText, code, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	purego.SyscallN(l.clearErrors)
	return fmt.Errorf("OpenSSL failed to %s: %s", what, cString(text))
}

// recoverTo turns a panic into an error.
func recoverTo(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("calling OpenSSL panicked with a %T", cause)
	}
}

package openssl

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Key is a private RSA key inside the library. It may be used by many goroutines. Its memory is
// overwritten and freed when Go has no more use for the Key.
type Key struct {
	library  *Library
	octets   int // of a signature
	contexts *contexts
}

// NewKey reads a key from its PKCS#8 or PKCS#1 encoding, of which nothing is kept here.
func (l *Library) NewKey(der []byte) (*Key, error) {
	k := &Key{library: l, contexts: new(contexts)}
	if err := l.call(func() error { return k.read(der) }); err != nil {
		return nil, err
	}
	runtime.AddCleanup(k, l.free, k.contexts)
	return k, nil
}

// rsaKey is EVP_PKEY_RSA of OpenSSL's evp.h.
const rsaKey = 6

func (k *Key) read(der []byte) error {
	if len(der) == 0 {
		return errors.New("no key")
	}
	l := k.library
	var pinned runtime.Pinner // C gets a pointer to a pointer into der
	defer pinned.Unpin()
	pinned.Pin(&der[0])
	next := &der[0] // moved on by what was read
	handle, _, _ := purego.SyscallN(l.readKey, rsaKey, 0, uintptr(unsafe.Pointer(&next)), uintptr(len(der)))
	if handle == 0 {
		return l.failure("read the key")
	}
	size, _, _ := purego.SyscallN(l.keySize, handle)
	if k.octets = int(int32(size)); k.octets <= 0 {
		purego.SyscallN(l.freeKey, handle)
		return l.failure("find the size of the key")
	}
	k.contexts.key = handle
	return nil
}

// free frees a key and its contexts, which nothing uses any more.
func (l *Library) free(c *contexts) {
	for _, context := range c.idle {
		purego.SyscallN(l.freeContext, context)
	}
	purego.SyscallN(l.freeKey, c.key)
}

// Sign signs a SHA-256 digest by RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
func (k *Key) Sign(digest []byte) ([]byte, error) {
	if len(digest) != 32 {
		return nil, errors.New("not a SHA-256 digest")
	}
	signature := make([]byte, k.octets)
	err := k.library.call(func() error { return k.sign(signature, digest) })
	runtime.KeepAlive(k)
	if err != nil {
		return nil, err
	}
	return signature, nil
}

// sign leaves the signature where it has room. A context that has failed is not used again.
func (k *Key) sign(signature, digest []byte) error {
	l := k.library
	context, err := k.contexts.take(l)
	if err != nil {
		return err
	}
	octets := uintptr(len(signature)) // size_t: the room, then what was taken of it
	if !done(purego.SyscallN(l.makeSigned, context,
		uintptr(unsafe.Pointer(&signature[0])), uintptr(unsafe.Pointer(&octets)),
		uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)))) {
		err := l.failure("sign")
		purego.SyscallN(l.freeContext, context)
		return err
	}
	k.contexts.put(context)
	if octets != uintptr(len(signature)) {
		return errors.New("OpenSSL made a signature of another length")
	}
	return nil
}

package openssl

import (
	"sync"

	"github.com/ebitengine/purego"
)

// contexts are what a key signs with: one EVP_PKEY_CTX for each signature that is made at the same
// time. Each may sign any number of times with the same parameters (EVP_PKEY_sign(3)), on any
// thread, but on one at a time. They are made when they are needed, so that a key that does not
// sign has none. There are no more of them than Library.call lets run at once.
type contexts struct {
	key  uintptr // EVP_PKEY *, to which each of them has a reference
	mu   sync.Mutex
	idle []uintptr // EVP_PKEY_CTX *
}

// take returns a context that nobody else uses.
func (c *contexts) take(l *Library) (uintptr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.idle) - 1
	if last < 0 {
		return l.prepare(c.key)
	}
	context := c.idle[last]
	c.idle = c.idle[:last]
	return context, nil
}

func (c *contexts) put(context uintptr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, context)
}

// prepare makes a context that signs SHA-256 digests by RSASSA-PKCS1-v1_5.
func (l *Library) prepare(key uintptr) (uintptr, error) {
	context, _, _ := purego.SyscallN(l.newContext, key, 0)
	if context == 0 {
		return 0, l.failure("prepare a signature")
	}
	if !done(purego.SyscallN(l.beginSigning, context)) ||
		!done(purego.SyscallN(l.setPadding, context, pkcs1)) ||
		!done(purego.SyscallN(l.setDigest, context, l.sha256)) {
		err := l.failure("prepare a signature")
		purego.SyscallN(l.freeContext, context)
		return 0, err
	}
	return context, nil
}

// pkcs1 is RSA_PKCS1_PADDING of OpenSSL's rsa.h.
const pkcs1 = 1

// done reports whether a function that returns an int has returned 1.
func done(result, _, _ uintptr) bool { return int32(result) == 1 }

package keys

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"io/fs"

	"onbehalf/disk"
	"onbehalf/remedy"
)

const maxFile = 64 << 10 // bytes; an RSA key of 4096 bits takes 3,300

// Load reads a private key, RSA or Ed25519, in PEM: PKCS#8 (RFC 5958) or PKCS#1
// (RFC 8017 appendix A.1.2). The file must hold that one key, and be open to its
// owner and group alone. Every error is a *remedy.Error with the path.
func Load(path string) (Key, error) { return Loader{}.Load(path) }

// Loader loads keys to sign many messages with. The zero Loader is Load's.
type Loader struct {
	Engine  *Engine  // nil: crypto/rsa
	Checked *Checked // nil: every key is checked
}

// Load is the function Load, with the loader's engine. An RSA key is checked by crypto/rsa, unless
// that and the engine have found the file good before. When the engine has not, the key is
// Unproved, but for the first key of an engine, by which the engine is proved too.
func (l Loader) Load(path string) (Key, error) {
	text, failure := read(path)
	if failure != nil {
		return Key{}, failure.At(path)
	}
	defer clear(text)
	signer, failure := l.parse(text)
	if failure != nil {
		return Key{}, failure.At(path)
	}
	key, failure := newKey(signer)
	if failure != nil {
		return Key{}, failure.At(path)
	}
	if file := key.file(); file != nil {
		file.path = path
	}
	if !l.Engine.trusted() {
		key.Prove()
	}
	return key, nil
}

// parse reads the key in a PEM text.
func (l Loader) parse(text []byte) (crypto.Signer, *remedy.Error) {
	block, failure := find(text)
	if failure != nil {
		return nil, failure
	}
	digest := digestOf(text, l.Engine)
	if l.Engine.trusted() && l.Checked.has(digest) { // else it is on record again when it is proved
		if public := rsaPublic(block); public != nil {
			file := newRSAFile(public, block, l.Engine)
			file.state.Store(proved)
			return file, nil
		}
	}
	signer, failure := parseBlock(block)
	private, isRSA := signer.(*rsa.PrivateKey)
	if failure != nil || !isRSA {
		clear(block.Bytes)
		return signer, failure
	}
	if !l.Engine.usable() {
		l.Checked.add(digest)
		clear(block.Bytes)
		return signer, nil
	}
	public := private.PublicKey
	wipe(private)
	file := newRSAFile(&public, block, l.Engine)
	file.onProof = func() { l.Checked.add(digest) }
	return file, nil
}

// read returns the content of the file.
func read(path string) ([]byte, *remedy.Error) {
	text, err := disk.ReadPrivate(path, maxFile)
	var refused *remedy.Error
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse("does not exist", "make it with onbehalf keygen, or correct the name", err)
	case errors.As(err, &refused):
		return nil, refused
	}
	return nil, refuse("it cannot be read: "+err.Error(), "check the path and the disk", err)
}

// refuse makes an error, to which At adds the path. It holds nothing of what the file says.
func refuse(cause, fix string, err error) *remedy.Error {
	return &remedy.Error{Cause: cause, Fix: fix, Err: err}
}

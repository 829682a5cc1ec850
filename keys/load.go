package keys

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const (
	maxFile = 64 << 10 // octets; an RSA key of 4096 bits takes 3,300
	widest  = 0o640    // the most that the mode of a key file may allow
)

// Load reads a private key, RSA or Ed25519, in PEM: PKCS#8 (RFC 5958) or PKCS#1
// (RFC 8017 appendix A.1.2). The file must hold that one key, and be open to its
// owner and group alone. Every error is an *Error with the path.
func Load(path string) (Key, error) { return Loader{}.Load(path) }

// Loader loads keys to sign many messages with. The zero Loader is Load's.
type Loader struct {
	Engine  *Engine  // nil: crypto/rsa
	Checked *Checked // nil: every key is checked
}

// Load is the function Load, with the loader's engine.
func (l Loader) Load(path string) (Key, error) {
	text, failure := read(path)
	if failure != nil {
		return Key{}, failure.at(path)
	}
	defer clear(text)
	signer, failure := l.parse(text)
	if failure != nil {
		return Key{}, failure.at(path)
	}
	key, failure := newKey(signer)
	if failure != nil {
		return Key{}, failure.at(path)
	}
	return key, nil
}

// parse reads the key in a PEM text. An RSA key is checked by crypto/x509, then proved with the
// engine, unless both have found this text good before.
func (l Loader) parse(text []byte) (crypto.Signer, *Error) {
	block, failure := find(text)
	if failure != nil {
		return nil, failure
	}
	digest := digestOf(text, l.Engine)
	if l.Checked.has(digest) && l.Engine.trusted() {
		if public := rsaPublic(block); public != nil {
			return newRSAFile(public, block, l.Engine), nil
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
	file := newRSAFile(&public, block, l.Engine)
	if err := file.prove(private); err != nil {
		l.Engine.standIn(err)
		return signer, nil
	}
	l.Checked.add(digest)
	wipe(private)
	return file, nil
}

// read gives the content of the file. What is asked about the file is asked of the
// open descriptor: a path may lead elsewhere a moment later.
func read(path string) ([]byte, *Error) {
	// O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unopened(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unread(err)
	}
	if failure := unfit(info); failure != nil {
		return nil, failure
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unread(err)
	}
	if len(text) > maxFile {
		return nil, oversized()
	}
	return text, nil
}

// unopened says why a file could not be opened.
func unopened(err error) *Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("there is no such file", "make it with onbehalf keygen, or correct the name", err)
	case errors.Is(err, fs.ErrPermission):
		return refuse("it may not be read", "let the group that onbehalf runs as read it (chgrp, chmod 0640), and enter its folder", err)
	case errors.Is(err, syscall.ENXIO): // a socket
		return irregular()
	}
	return unread(err)
}

func unread(err error) *Error {
	return refuse("it cannot be read: "+reason(err), "check the path and the disk", err)
}

// reason gives what the system said, without the path, which is told already.
func reason(err error) string {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}

// unfit says what about a file forbids to take a key from it; nil: nothing.
func unfit(info fs.FileInfo) *Error {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return irregular()
	case mode.Perm()&0o007 != 0:
		return refuse(fmt.Sprintf("its mode %04o opens it to every user of the host", mode.Perm()), "chmod 0640 the file, and make a new key if others may have read it", nil)
	case mode.Perm()&^widest != 0:
		return refuse(fmt.Sprintf("its mode %04o is wider than %04o", mode.Perm(), widest), "chmod 0640 the file", nil)
	case info.Size() > maxFile:
		return oversized()
	}
	return nil
}

func irregular() *Error {
	return refuse("it is not a regular file", "give the name of a file with a private key in PEM", nil)
}

func oversized() *Error {
	return refuse(fmt.Sprintf("it is larger than %d octets, and so no key", maxFile), "give the name of a file with one private key in PEM", nil)
}

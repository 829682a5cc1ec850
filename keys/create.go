package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"

	"onbehalf/disk"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// Generate makes a new key. Bits are for RSA, 2048 to 4096, 0 meaning 2048; for
// Ed25519, whose keys are of one size, they must be 0.
func Generate(algorithm tenant.Algorithm, bits int) (Key, error) {
	signer, err := generate(algorithm, bits)
	if err != nil {
		return Key{}, err
	}
	return NewKey(signer)
}

func generate(algorithm tenant.Algorithm, bits int) (crypto.Signer, error) {
	switch {
	case algorithm == tenant.Ed25519 && bits != 0:
		return nil, errors.New("an Ed25519 key has one size; leave the number of bits out")
	case algorithm == tenant.Ed25519:
		_, private, err := ed25519.GenerateKey(nil)
		return private, err
	case algorithm != tenant.RSA:
		return nil, fmt.Errorf("%q is not a DKIM algorithm; use %s or %s", algorithm, tenant.RSA, tenant.Ed25519)
	case bits == 0:
		bits = goodRSA
	case bits < goodRSA || bits > maxRSA:
		return nil, fmt.Errorf("RSA keys of %d bits are not supported; use %d to %d", bits, goodRSA, maxRSA)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// Create writes a key to a new file, as PKCS#8 in PEM, with mode 0640. It never
// overwrites, and leaves no file behind when it fails. Once it returns nil the key
// is on the disk. The error is a *remedy.Error.
func Create(path string, k Key) error {
	text, err := encode(k)
	if err != nil {
		return refuse("the key cannot be written to a file", "keep it where it is", err).At(path)
	}
	if err := disk.Create(path, disk.Private, text); err != nil {
		return uncreated(err).At(path)
	}
	return nil
}

// encode returns the PEM text of a key that is in memory.
func encode(k Key) ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("no key")
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.signer())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pkcs8, Bytes: der}), nil
}

func uncreated(err error) *remedy.Error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return refuse("it exists already, and a key is never overwritten", "choose another selector, or move the file away", err)
	case errors.Is(err, fs.ErrNotExist):
		return refuse("its folder does not exist", "make the folder, or correct the path", err)
	case errors.Is(err, fs.ErrPermission):
		return refuse("permission denied", "run the command as the owner of the folder, or as root", err)
	}
	return refuse("it could not be written: "+disk.Reason(err).Error(), "check the path and the disk", err)
}

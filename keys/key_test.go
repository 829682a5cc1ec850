package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"onbehalf/tenant"
)

// module stands for a hardware security module: a signer of another type.
type module struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (m module) Public() crypto.PublicKey { return m.public }
func (m module) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return m.sign(digest, opts)
}

func TestNewKey(t *testing.T) {
	k, err := NewKey(module{public: rsaKey().Public()})
	if err != nil || k.Algorithm() != tenant.RSA || k.Bits() != 2048 || !samePublic(k, rsaKey()) {
		t.Errorf("%v, %v", k, err)
	}
	if k := edKey(); k.Algorithm() != tenant.Ed25519 || k.Bits() != 256 {
		t.Errorf("%v", k)
	}
	if !(Key{}).IsZero() || k.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestNewKeyRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	var none *rsa.PrivateKey
	for name, signer := range map[string]crypto.Signer{
		"nil": nil, "nil key": none, "short key": ed25519.PrivateKey("short"), "ECDSA": ec,
		"no public key":    module{},
		"empty RSA":        module{public: &rsa.PublicKey{}},
		"short Ed25519":    module{public: ed25519.PublicKey("short")},
		"RSA of 1000 bits": smallRSA(t, 1000),
	} {
		if k, err := NewKey(signer); err == nil || !k.IsZero() {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestKeyNeverPrints(t *testing.T) {
	k := edKey()
	private := k.signer().(ed25519.PrivateKey)
	r, _, _ := testRing(t)
	wrapped := struct{ key Key }{k}
	var printed string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "%q"} {
		printed += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, &k) + fmt.Sprintf(verb, wrapped) + fmt.Sprintf(verb, *r) + fmt.Sprintf(verb, []Key{k})
	}
	decimal := strings.Trim(fmt.Sprint([]byte(private[:8])), "[]")
	for _, form := range []string{hex.EncodeToString(private[:8]), decimal, string(private[:8])} {
		if strings.Contains(strings.ToLower(printed), form) {
			t.Fatal("the key was printed")
		}
	}
	if got := fmt.Sprintf("%x", k); got != "ed25519 key of 256 bits" {
		t.Errorf("it prints as %q", got)
	}
	if got := fmt.Sprint(Key{}); got != "no key" {
		t.Errorf("the zero Key prints as %q", got)
	}
}

package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/tenant"
)

// withOpenSSL opens an engine that is OpenSSL, or skips the test; under CI that is a failure.
func withOpenSSL(t testing.TB, report func(error)) *Engine {
	t.Helper()
	e := OpenEngine(EngineOpenSSL, report)
	switch s := e.Status(); {
	case s.Name == EngineOpenSSL && s.Problem == "" && strings.HasPrefix(s.Version, "OpenSSL 3."):
	case os.Getenv("CI") == "true":
		t.Fatal(s)
	default:
		t.Skip("NOT TESTED: ", s)
	}
	return e
}

// rsaText is the PEM text of the RSA key of these tests.
func rsaText(t testing.TB) []byte {
	return block(pkcs1, x509.MarshalPKCS1PrivateKey(rsaKey().signer().(*rsa.PrivateKey)))
}

// Whatever the engine, and however the key came to it, signatures have the same octets.
func TestEnginesMakeTheSame(t *testing.T) {
	path := file(t, rsaText(t), 0o640)
	want, err := rsaKey().sign(probe[:])
	must(t, err)
	checked, err := ReadChecked(filepath.Join(t.TempDir(), "none"))
	must(t, err)
	for name, engine := range map[string]*Engine{"none": nil, "go": OpenEngine(EngineGo, nil), "openssl": withOpenSSL(t, nil)} {
		for _, l := range []Loader{{Engine: engine}, {engine, checked}, {engine, checked}} {
			k, err := l.Load(path)
			must(t, err)
			if got, err := k.sign(probe[:]); err != nil || string(got) != string(want) {
				t.Errorf("%s: %v; octets differ", name, err)
			}
			if !samePublic(k, rsaKey()) || k.String() != rsaKey().String() || k.Mark() != rsaKey().Mark() {
				t.Errorf("%s: key is %v", name, k)
			}
			if _, file := k.signer().(*rsaFile); name == "openssl" && !file {
				t.Errorf("%s: signs by a %T", name, k.signer())
			}
		}
	}
}

// With an engine, all that holds for signatures holds.
func TestEngineSignatureVerifies(t *testing.T) {
	k, err := Loader{Engine: withOpenSSL(t, nil)}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	r, id := new(Ring), identity(t, "r1", "tenant.example")
	add(t, r, id, k)
	for _, c := range cases {
		h := header(t, c.header)
		if err := verify(t, r, wire(signed(t, r, h, c.body, 4096, id), h, c.body)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNoEngine(t *testing.T) {
	for _, e := range []*Engine{nil, OpenEngine(EngineGo, nil)} {
		if s := e.Status(); s != (EngineStatus{Name: EngineGo}) {
			t.Errorf("status is %+v", s)
		}
	}
}

// When OpenSSL fails, crypto/rsa stands in; that is reported once and counted.
func TestCryptoRSAStandsIn(t *testing.T) {
	var reports []error
	e := withOpenSSL(t, func(err error) { reports = append(reports, err) })
	k, err := Loader{Engine: e}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	broken := errors.New("out of memory")
	k.signer().(*rsaFile).fast = func() (fastKey, error) { return nil, broken }
	want, err := rsaKey().sign(probe[:])
	must(t, err)
	for range 3 {
		if got, err := k.sign(probe[:]); err != nil || string(got) != string(want) {
			t.Errorf("%v; octets differ", err)
		}
	}
	if s := e.Status(); s.StoodIn != 3 || s.Problem != broken.Error() || s.Name != EngineOpenSSL {
		t.Errorf("status is %+v", s)
	}
	if !slices.Equal(reports, []error{broken}) {
		t.Errorf("reported %v", reports)
	}
}

// probed is what is signed to prove a key, signed by crypto/rsa.
func probed(t *testing.T, private *rsa.PrivateKey) []byte {
	t.Helper()
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, probe[:])
	must(t, err)
	return signature
}

func TestEngineIsProved(t *testing.T) {
	private := rsaKey().signer().(*rsa.PrivateKey)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)

	read := func() (*rsa.PrivateKey, error) { return rsaOf(decoded(t, rsaText(t))) }
	none := func() (*rsa.PrivateKey, error) { return nil, errors.New("no key") }
	wrong, right := probed(t, other), probed(t, private)

	e := withOpenSSL(t, nil)
	if err := e.prove(wrong, &private.PublicKey, read); !errors.Is(err, errOtherOctets) || e.Status().Name != EngineGo || e.trusted() != true {
		t.Errorf("the first key signed otherwise: %v, %+v", err, e.Status())
	}
	if err := e.prove(right, &private.PublicKey, read); err == nil {
		t.Error("after a wrong first key another one was proved")
	}

	e = withOpenSSL(t, nil)
	if err := e.prove(right, &private.PublicKey, none); err == nil || e.trusted() || e.Status().Name != EngineOpenSSL {
		t.Errorf("a first key that crypto/rsa cannot read: %v, %+v", err, e.Status())
	}
	must(t, e.prove(right, &private.PublicKey, read))
	if err := e.prove(wrong, &private.PublicKey, read); err == nil || !e.trusted() || e.Status().Name != EngineOpenSSL {
		t.Errorf("a later key signed otherwise: %v, %+v", err, e.Status())
	}
	must(t, e.prove(right, &private.PublicKey, none)) // is for the first key alone
}

// decoded returns the block of a PEM text.
func decoded(t testing.TB, text []byte) *pem.Block {
	t.Helper()
	b, _ := pem.Decode(text)
	if b == nil {
		t.Fatal("no PEM")
	}
	return b
}

// A key that nothing uses any more is overwritten.
func TestKeyIsWiped(t *testing.T) {
	b := decoded(t, rsaText(t))
	der := b.Bytes
	f := newRSAFile(&rsaKey().signer().(*rsa.PrivateKey).PublicKey, b, withOpenSSL(t, nil))
	must(t, f.prove())
	if _, err := f.Sign(nil, probe[:], crypto.SHA256); err != nil || der[0] == 0 {
		t.Fatal(err)
	}
	runtime.KeepAlive(f)
	for deadline := time.Now().Add(10 * time.Second); slices.ContainsFunc(der, func(c byte) bool { return c != 0 }); time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the key is still there")
		}
	}
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	if wipe(private); private.D.Sign() != 0 || private.Primes[0].Sign() != 0 || private.Precomputed.Dp.Sign() != 0 {
		t.Error("numbers of a wiped key are still there")
	}
}

func TestChecked(t *testing.T) {
	e, path := withOpenSSL(t, nil), filepath.Join(t.TempDir(), "keys.checked")
	text := rsaText(t)
	key := file(t, text, 0o640)
	load := func() *Checked {
		t.Helper()
		c, err := ReadChecked(path)
		must(t, err)
		k, err := Loader{e, c}.Load(key)
		must(t, err)
		must(t, k.Prove())
		must(t, c.Save(path))
		return c
	}
	if c := load(); len(c.before) != 1 {
		t.Fatalf("%d keys are remembered", len(c.before))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if c := load(); !c.before[digestOf(text, e)] {
		t.Error("what was written was not read")
	}
	must(t, os.WriteFile(path, []byte("nonsense\n\n"+strings.Repeat("zz", 32)+"\n"), 0o600))
	if c := load(); len(c.before) != 1 {
		t.Errorf("nonsense was read: %v", c.before)
	}
	if digestOf(text, e) == digestOf(text, nil) || digestOf(text, e) == digestOf(text[1:], e) {
		t.Error("what another engine or text was found good by counts")
	}
	// A damaged key is never known.
	damaged := block(pkcs1, x509.MarshalPKCS1PrivateKey(rsaKey().signer().(*rsa.PrivateKey))[:300])
	c, err := ReadChecked(path)
	must(t, err)
	for range 2 {
		if _, err := (Loader{e, c}).Load(file(t, damaged, 0o640)); err == nil {
			t.Error("a damaged key was loaded")
		}
	}
	if _, err := ReadChecked(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

func TestLoadersWorkSideBySide(t *testing.T) {
	path := file(t, rsaText(t), 0o640)
	c, err := ReadChecked(path + ".none")
	must(t, err)
	l := Loader{withOpenSSL(t, nil), c}
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			k, err := l.Load(path)
			if err == nil {
				_, err = k.sign(probe[:])
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	if k, _ := l.Load(path); k.Algorithm() != tenant.RSA {
		t.Errorf("key is %v", k)
	}
}

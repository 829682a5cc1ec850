package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// unprovedKey is a key that an engine has not signed with yet, though it is proved by another one;
// c remembers nothing else.
func unprovedKey(t testing.TB, report func(error)) (k Key, e *Engine, c *Checked) {
	t.Helper()
	e = withOpenSSL(t, report)
	first, err := Loader{Engine: e}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	if first.Unproved() || first.Engine() != EngineOpenSSL {
		t.Fatalf("the first key is unproved %v, and signed with by %s", first.Unproved(), first.Engine())
	}
	c, err = ReadChecked(filepath.Join(t.TempDir(), "none"))
	must(t, err)
	k, err = Loader{e, c}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	return k, e, c
}

// signsBy requires that a key is signed with by an engine, as any engine does it.
func signsBy(t *testing.T, k Key, engine string) {
	t.Helper()
	want, err := rsaKey().sign(probe[:])
	must(t, err)
	if got, err := k.sign(probe[:]); err != nil || string(got) != string(want) {
		t.Errorf("%v; octets differ", err)
	}
	if k.Engine() != engine {
		t.Errorf("%s signs, want %s", k.Engine(), engine)
	}
}

// Until its proof a key is signed with by crypto/rsa, and not remembered as good.
func TestProofComesLater(t *testing.T) {
	k, e, c := unprovedKey(t, func(err error) { t.Error(err) })
	opened := k.file().fast
	k.file().fast = func() (fastKey, error) { t.Error("OpenSSL signs with a key before its proof"); return opened() }
	if !k.Unproved() || len(c.now) != 0 {
		t.Errorf("unproved %v, %d keys are remembered", k.Unproved(), len(c.now))
	}
	signsBy(t, k, EngineGo)
	k.file().fast = opened
	for range 2 {
		must(t, k.Prove())
	}
	if k.Unproved() || len(c.now) != 1 || !c.has(digestOf(rsaText(t), e)) {
		t.Errorf("after the proof: unproved %v, %d keys are remembered", k.Unproved(), len(c.now))
	}
	signsBy(t, k, EngineOpenSSL)
	if s := e.Status(); s.StoodIn != 0 || s.Problem != "" {
		t.Errorf("status is %+v", s)
	}
	known, err := Loader{e, c}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	if known.Unproved() {
		t.Error("a key that was proved is to be proved again")
	}
	signsBy(t, known, EngineOpenSSL)
}

// A key that OpenSSL fails with stays with crypto/rsa; that is counted once, and others go on.
func TestProofFails(t *testing.T) {
	broken := errors.New("out of memory")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	wrong := probed(t, private)
	for name, try := range map[string]func([]byte) ([]byte, error){
		"signs otherwise":  func([]byte) ([]byte, error) { return wrong, nil },
		"does not sign":    func([]byte) ([]byte, error) { return nil, broken },
		"signs by nothing": func([]byte) ([]byte, error) { return nil, nil },
		"panics":           func([]byte) ([]byte, error) { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			var reports []error
			k, e, c := unprovedKey(t, func(err error) { reports = append(reports, err) })
			k.file().try = try
			failure := k.Prove()
			if failure == nil || k.Unproved() || len(c.now) != 0 {
				t.Errorf("failed with %v, unproved %v, %d keys are remembered", failure, k.Unproved(), len(c.now))
			}
			if path := k.file().path; path == "" || !strings.HasPrefix(failure.Error(), path+": ") {
				t.Errorf("failed with %v, and the file is %s", failure, path)
			}
			must(t, k.Prove()) // is over
			signsBy(t, k, EngineGo)
			if s := e.Status(); s.StoodIn != 1 || s.Problem != failure.Error() || s.Name != EngineOpenSSL {
				t.Errorf("status is %+v", s)
			}
			if !slices.Equal(reports, []error{failure}) {
				t.Errorf("reported %v", reports)
			}
			other, err := Loader{e, c}.Load(file(t, rsaText(t), 0o640))
			must(t, err)
			must(t, other.Prove())
			signsBy(t, other, EngineOpenSSL)
		})
	}
}

// What crypto/rsa had of a key until its proof is overwritten after it. When OpenSSL fails later,
// crypto/rsa has the key again, and keeps it.
func TestProofLetsGo(t *testing.T) {
	k, e, _ := unprovedKey(t, nil)
	signsBy(t, k, EngineGo)
	f := k.file()
	secret := f.slow.kept.D.Bits()
	if len(secret) == 0 {
		t.Fatal("there is no key")
	}
	must(t, k.Prove())
	for deadline := time.Now().Add(10 * time.Second); slices.ContainsFunc(secret, func(w big.Word) bool { return w != 0 }); time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the key is still there")
		}
	}
	if signsBy(t, k, EngineOpenSSL); f.slow.kept != nil {
		t.Error("crypto/rsa has the key, and OpenSSL signs with it")
	}
	f.fast = func() (fastKey, error) { return nil, errors.New("out of memory") }
	for range 2 {
		signsBy(t, k, EngineOpenSSL)
	}
	if f.slow.kept == nil || e.Status().StoodIn != 2 {
		t.Errorf("crypto/rsa has no key, status is %+v", e.Status())
	}
}

// A key that is on record is not good any more when the engine is to be proved by it, until it is:
// another start would sign with it by OpenSSL, unproved.
func TestRecordWaitsForProof(t *testing.T) {
	_, e, c := unprovedKey(t, nil)
	text := rsaText(t)
	c.before[digestOf(text, e)] = true
	another := withOpenSSL(t, nil)
	signer, failure := Loader{another, c}.parse(text)
	if failure != nil || !signer.(*rsaFile).is(unproved) || len(c.now) != 0 {
		t.Fatalf("%v; %d keys are remembered", failure, len(c.now))
	}
	must(t, signer.(*rsaFile).prove())
	if len(c.now) != 1 {
		t.Errorf("after the proof %d keys are remembered", len(c.now))
	}
}

// Keys that no engine signs with have no proof.
func TestNothingToProve(t *testing.T) {
	loaded, err := Load(file(t, rsaText(t), 0o640))
	must(t, err)
	byGo, err := Loader{Engine: OpenEngine(EngineGo, nil)}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	for name, k := range map[string]Key{"none": {}, "RSA": rsaKey(), "Ed25519": edKey(), "without engine": loaded, "by crypto/rsa": byGo} {
		if k.Unproved() || k.Prove() != nil || k.Engine() != EngineGo {
			t.Errorf("%s: unproved %v, signs by %s", name, k.Unproved(), k.Engine())
		}
	}
}

// A key that is refused proves nothing, and does not count as a failure of OpenSSL.
func TestRefusedKeyIsNotProved(t *testing.T) {
	path := file(t, pkcs8PEM(t, smallRSA(t, 512)), 0o640)
	e := withOpenSSL(t, func(err error) { t.Error(err) })
	if _, err := (Loader{Engine: e}).Load(path); err == nil {
		t.Fatal("a key of 512 bits was loaded")
	}
	k, err := Loader{Engine: e}.Load(file(t, rsaText(t), 0o640))
	must(t, err)
	if signsBy(t, k, EngineOpenSSL); !e.trusted() || e.Status().StoodIn != 0 {
		t.Errorf("status is %+v", e.Status())
	}
}

// A key may be signed with while it is proved.
func TestProofBesideSignatures(t *testing.T) {
	k, e, c := unprovedKey(t, func(err error) { t.Error(err) })
	var working sync.WaitGroup
	for i := range 8 {
		working.Go(func() {
			if i < 3 {
				if err := k.Prove(); err != nil {
					t.Error(err)
				}
			}
			for range 10 {
				if _, err := k.sign(probe[:]); err != nil {
					t.Error(err)
				}
				k.Unproved()
			}
		})
	}
	working.Wait()
	if signsBy(t, k, EngineOpenSSL); len(c.now) != 1 || e.Status().StoodIn != 0 {
		t.Errorf("%d keys are remembered, status is %+v", len(c.now), e.Status())
	}
}

// BenchmarkLoadForEngine is the load of one of many keys: when it was found good before, when it is
// new, and its proof.
func BenchmarkLoadForEngine(b *testing.B) {
	_, e, c := unprovedKey(b, nil)
	paths := make([]string, 100)
	for i := range paths {
		paths[i] = file(b, fmt.Appendf(rsaText(b), "\n# %d", i), 0o640) // each a file that was not seen before
		k, err := Loader{e, c}.Load(paths[i])
		must(b, err)
		must(b, k.Prove())
	}
	load := func(b *testing.B, l Loader, then func(Key) error) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k, err := l.Load(paths[i%len(paths)])
			must(b, err)
			must(b, then(k))
		}
	}
	leave := func(Key) error { return nil }
	b.Run("on record", func(b *testing.B) { load(b, Loader{e, c}, leave) })
	b.Run("new", func(b *testing.B) { load(b, Loader{Engine: e}, leave) })
	b.Run("new and proved", func(b *testing.B) { load(b, Loader{Engine: e}, Key.Prove) })
}

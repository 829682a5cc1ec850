package openssl

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// library opens OpenSSL, or skips the test; under CI that is a failure.
func library(t testing.TB) *Library {
	t.Helper()
	l, err := Open()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("NOT TESTED: ", err)
	}
	return l
}

// pair is a private key as Go has it and as OpenSSL has it.
func pair(t testing.TB, l *Library, bits int) (*rsa.PrivateKey, *Key) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.NewKey(x509.MarshalPKCS1PrivateKey(private))
	if err != nil {
		t.Fatal(err)
	}
	return private, k
}

func TestSignaturesEqualCryptoRSA(t *testing.T) {
	l := library(t)
	if !strings.HasPrefix(l.Version(), "OpenSSL 3.") {
		t.Errorf("version is %q", l.Version())
	}
	for _, bits := range []int{1024, 2048, 3072, 4096} {
		private, pkcs1 := pair(t, l, bits)
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := l.NewKey(der)
		if err != nil {
			t.Fatal(err)
		}
		clear(der)
		for i := range 20 {
			digest := sha256.Sum256([]byte{byte(i)})
			once, err := l.SignOnce(x509.MarshalPKCS1PrivateKey(private), digest[:])
			if err != nil {
				t.Fatal(err)
			}
			want, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range []*Key{pkcs1, pkcs8} {
				if got, err := k.Sign(digest[:]); err != nil || !bytes.Equal(got, want) || !bytes.Equal(once, want) {
					t.Fatalf("%d bits: %v; octets differ from those of crypto/rsa", bits, err)
				}
			}
		}
	}
}

func TestFailuresAreErrors(t *testing.T) {
	l := library(t)
	private, k := pair(t, l, 1024)
	whole := x509.MarshalPKCS1PrivateKey(private)
	for name, der := range map[string][]byte{
		"nothing": nil, "empty": {}, "garbage": []byte("garbage"), "cut off": whole[:100], "zeros": make([]byte, 600),
	} {
		if k, err := l.NewKey(der); err == nil || k != nil {
			t.Errorf("%s was taken for a key", name)
		} else if signature, err := l.SignOnce(der, make([]byte, 32)); err == nil || signature != nil {
			t.Errorf("%s has signed", name)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("%s: error is %q", name, err)
		}
	}
	for _, digest := range [][]byte{nil, make([]byte, 20), make([]byte, 64)} {
		if _, err := k.Sign(digest); err == nil {
			t.Errorf("a digest of %d octets was signed", len(digest))
		}
	}
	broken := *l
	broken.sha256 = 0
	if err := broken.call(func() error { panic("no") }); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("error of a panic is %v", err)
	}
	broken.newContext = 0
	if _, err := (&Key{library: &broken, octets: k.octets, contexts: &contexts{key: k.contexts.key}}).Sign(make([]byte, 32)); err == nil {
		t.Error("a function that is not there was called")
	}
	if _, err := k.Sign(make([]byte, 32)); err != nil {
		t.Errorf("after errors: %v", err)
	}
}

// What has failed is not used again, and what has not is.
func TestContexts(t *testing.T) {
	l := library(t)
	_, k := pair(t, l, 1024)
	idle := func(step string, want int) {
		t.Helper()
		if got := len(k.contexts.idle); got != want {
			t.Errorf("%s: %d contexts, want %d", step, got, want)
		}
	}
	idle("before the first signature", 0)
	digest := sha256.Sum256(nil)
	want, err := k.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	idle("after the first signature", 1)
	short := make([]byte, k.octets-1)
	if err := l.call(func() error { return k.sign(short, digest[:]) }); err == nil {
		t.Error("a signature had room in less than its octets")
	}
	idle("after a failure", 0)
	for range 3 {
		if got, err := k.Sign(digest[:]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("after a failure: %v; or other octets", err)
		}
		idle("after the next signature", 1)
	}
}

func TestManySign(t *testing.T) {
	l := library(t)
	private, k := pair(t, l, 1024)
	digest := sha256.Sum256(nil)
	want, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	var working sync.WaitGroup
	for range 50 {
		working.Go(func() {
			for range 20 {
				if got, err := k.Sign(digest[:]); err != nil || !bytes.Equal(got, want) {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	if n := len(k.contexts.idle); n < 1 || n > cap(l.turns) {
		t.Errorf("%d contexts are left, and no more than %d signatures are made at once", n, cap(l.turns))
	}
}

// Neither signatures nor keys that nothing uses any more may stay in memory. ONBEHALF_LEAK=1 makes
// a million signatures of it.
func TestNothingLeaks(t *testing.T) {
	l := library(t)
	private, k := pair(t, l, 1024)
	der, digest := x509.MarshalPKCS1PrivateKey(private), sha256.Sum256(nil)
	round := func(signatures, keys int) {
		for range signatures {
			if _, err := k.Sign(digest[:]); err != nil {
				t.Fatal(err)
			}
		}
		for i := range keys {
			k, err := l.NewKey(der)
			if err != nil {
				t.Fatal(err)
			}
			k.Sign(digest[:])
			k.Sign(nil)
			l.SignOnce(der, digest[:])
			l.SignOnce(der, nil)
			l.NewKey(der[:i%len(der)])
			if i%100 == 0 {
				runtime.GC()
				time.Sleep(time.Millisecond) // cleanups run beside
			}
		}
		runtime.GC()
	}
	signatures := 5000
	if os.Getenv("ONBEHALF_LEAK") != "" {
		signatures = 1_000_000
	}
	round(1000, 1000)
	for range 3 { // what leaks grows each time; malloc's memory settles
		before := resident(t)
		round(signatures, 2000) // 2000 keys that stay would take 10 MB
		grown := resident(t) - before
		t.Logf("resident memory grew by %d kB from %d kB", grown>>10, before>>10)
		if grown < 2<<20 {
			return
		}
	}
	t.Error("resident memory grows and grows")
}

// resident returns the octets that the process has in memory (proc_pid_statm(5)).
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for _, c := range bytes.Fields(text)[1] {
		pages = 10*pages + int(c-'0')
	}
	return pages * os.Getpagesize()
}

func BenchmarkSign(b *testing.B) {
	private, k := pair(b, library(b), 2048)
	digest := sha256.Sum256(nil)
	b.Run("openssl", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k.Sign(digest[:])
		}
	})
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		}
	})
}

func BenchmarkNewKey(b *testing.B) {
	l := library(b)
	private, _ := pair(b, l, 2048)
	der := x509.MarshalPKCS1PrivateKey(private)
	for b.Loop() {
		l.NewKey(der)
	}
}

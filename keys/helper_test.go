package keys

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Keys that tests share: making one of RSA takes a good part of a second.
var (
	rsaKey = sync.OnceValue(func() Key { return generated(tenant.RSA) })
	edKey  = sync.OnceValue(func() Key { return generated(tenant.Ed25519) })
)

func generated(algorithm tenant.Algorithm) Key {
	k, err := Generate(algorithm, 0)
	if err != nil {
		panic(err)
	}
	return k
}

func identity(t testing.TB, selector, sdid string) tenant.Identity {
	t.Helper()
	d, err := message.ParseDomain(sdid)
	if err != nil {
		t.Fatal(err)
	}
	return tenant.Identity{SDID: d, Selector: selector}
}

// testRing holds an RSA key under r1 and an Ed25519 key under e1.
func testRing(t testing.TB) (r *Ring, rsa, ed tenant.Identity) {
	t.Helper()
	r, rsa, ed = new(Ring), identity(t, "r1", "tenant.example"), identity(t, "e1", "tenant.example")
	add(t, r, rsa, rsaKey())
	add(t, r, ed, edKey())
	return r, rsa, ed
}

func add(t testing.TB, r *Ring, id tenant.Identity, k Key) {
	t.Helper()
	if err := r.Add(id, k); err != nil {
		t.Fatal(err)
	}
}

// header reads a header that is written with LF.
func header(t testing.TB, text string) message.Header {
	t.Helper()
	h, err := message.ReadHeader(bufio.NewReader(strings.NewReader(text + "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// file writes a file with just that mode.
func file(t testing.TB, content []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

package keys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"onbehalf/tenant"
)

func TestGenerate(t *testing.T) {
	for _, c := range []struct {
		algorithm tenant.Algorithm
		bits      int
		want      string // the key, or the error
	}{
		{tenant.RSA, 0, "rsa key of 2048 bits"},
		{tenant.RSA, 2050, "rsa key of 2050 bits"},
		{tenant.RSA, 1024, "RSA keys of 1024 bits are not supported; use 2048 to 4096"},
		{tenant.RSA, 8192, "RSA keys of 8192 bits are not supported; use 2048 to 4096"},
		{tenant.RSA, -1, "RSA keys of -1 bits are not supported; use 2048 to 4096"},
		{tenant.Ed25519, 0, "ed25519 key of 256 bits"},
		{tenant.Ed25519, 256, "an Ed25519 key has one size; leave the number of bits out"},
		{"dsa", 0, `"dsa" is not a DKIM algorithm; use rsa or ed25519`},
		{"", 0, `"" is not a DKIM algorithm; use rsa or ed25519`},
	} {
		k, err := Generate(c.algorithm, c.bits)
		got := k.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, %d bits: %s, want %s", c.algorithm, c.bits, got, c.want)
		}
	}
}

func TestCreate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	for _, k := range []Key{rsaKey(), edKey()} {
		path := filepath.Join(t.TempDir(), "new.pem")
		must(t, Create(path, k))
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode() != 0o640 {
			t.Errorf("mode is %v", info.Mode())
		}
		if loaded, err := Load(path); err != nil || !samePublic(loaded, k) {
			t.Errorf("%v, %v", loaded, err)
		}
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := file(t, []byte("precious"), 0o600)
	err := Create(path, edKey())
	wantRefusal(t, path, err, "it exists already, and a key is never overwritten")
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v is no fs.ErrExist", err)
	}
	if content, _ := os.ReadFile(path); string(content) != "precious" {
		t.Error("it was overwritten")
	}
	dangling := path + ".link"
	must(t, os.Symlink("nowhere", dangling))
	wantRefusal(t, dangling, Create(dangling, edKey()), "it exists already, and a key is never overwritten")
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "none", "key.pem")
	wantRefusal(t, path, Create(path, edKey()), "its folder does not exist")

	elsewhere, err := NewKey(module{public: rsaKey().Public()})
	must(t, err)
	path = filepath.Join(dir, "key.pem")
	for _, k := range []Key{{}, elsewhere} {
		wantRefusal(t, path, Create(path, k), "the key cannot be written to a file")
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("a file was left")
	}
}

// A full disk must not leave half a key, which would bar the name for the next try.
func TestCreateLeavesNothing(t *testing.T) {
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	small := before
	small.Cur = 10
	path := filepath.Join(t.TempDir(), "key.pem")
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err := Create(path, edKey())
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	wantRefusal(t, path, err, "it could not be written: file too large")
	if _, err := os.Lstat(path); err == nil {
		t.Error("a file was left")
	}
}

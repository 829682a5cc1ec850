package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"onbehalf/remedy"
	"onbehalf/tenant"
)

func TestLoad(t *testing.T) {
	private := rsaKey().signer().(*rsa.PrivateKey)
	forms := map[string]struct {
		key  Key
		text []byte
	}{
		"RSA in PKCS#8":     {rsaKey(), pkcs8PEM(t, private)},
		"RSA in PKCS#1":     {rsaKey(), block(pkcs1, x509.MarshalPKCS1PrivateKey(private))},
		"Ed25519":           {edKey(), pkcs8PEM(t, edKey().signer())},
		"text about it":     {edKey(), append([]byte("made by hand\n"), pkcs8PEM(t, edKey().signer())...)},
		"CRLF line ends":    {edKey(), bytes.ReplaceAll(pkcs8PEM(t, edKey().signer()), []byte("\n"), []byte("\r\n"))},
		"a byte order mark": {edKey(), append([]byte("\ufeff"), pkcs8PEM(t, edKey().signer())...)},
		"PKCS#8 as PKCS#1":  {rsaKey(), bytes.ReplaceAll(pkcs8PEM(t, private), []byte("PRIVATE KEY"), []byte("RSA PRIVATE KEY"))},
		"Ed25519 as PKCS#1": {edKey(), bytes.ReplaceAll(pkcs8PEM(t, edKey().signer()), []byte("PRIVATE KEY"), []byte("RSA PRIVATE KEY"))},
		"PKCS#1 as PKCS#8":  {rsaKey(), block(pkcs8, x509.MarshalPKCS1PrivateKey(private))},
		"no final line end": {edKey(), bytes.TrimSpace(pkcs8PEM(t, edKey().signer()))},
	}
	for name, form := range forms {
		for _, mode := range []os.FileMode{0o640, 0o600, 0o440, 0o400} {
			k, err := Load(file(t, form.text, mode))
			if os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
				continue
			}
			if err != nil || !samePublic(k, form.key) || k.String() != form.key.String() {
				t.Errorf("%s, mode %o: %v, %v", name, mode, k, err)
			}
		}
	}
}

// Each reason has its own words, for the administrator reads nothing else.
func TestLoadRefuses(t *testing.T) {
	good := pkcs8PEM(t, edKey().signer())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(t, err)
	ecDER, err := x509.MarshalECPrivateKey(ec)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(edKey().Public())
	must(t, err)
	private := rsaKey().signer().(*rsa.PrivateKey)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: pkcs1, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")})
	const algorithm = "its algorithm is neither RSA nor Ed25519, and DKIM knows no other"

	for name, c := range map[string]struct {
		content []byte
		cause   string
	}{
		"empty":              {nil, "it is empty"},
		"text":               {[]byte("v=DKIM1; k=rsa; p=MII"), "it is not PEM"},
		"UTF-16":             {[]byte("\xff\xfe-\x00-\x00"), "it is in UTF-16"},
		"DER":                {private2DER(t, private), "it looks like DER, not PEM"},
		"oversized":          {bytes.Repeat([]byte("x"), maxFile+1), "is larger than 64 KiB"},
		"cut short":          {good[:len(good)-20], "its PEM is damaged"},
		"second cut short":   {append(bytes.Clone(good), good[:40]...), "its PEM is damaged"},
		"damaged PKCS#8":     {block(pkcs8, []byte("not ASN.1")), "the key in it is damaged"},
		"damaged PKCS#1":     {block(pkcs1, x509.MarshalPKCS1PrivateKey(private)[:300]), "the key in it is damaged"},
		"other prime":        {block(pkcs1, otherPrime(private)), "the key in it is damaged"},
		"encrypted PKCS#8":   {block("ENCRYPTED PRIVATE KEY", []byte("x")), "it is encrypted, and no one types the passphrase at start"},
		"encrypted PKCS#1":   {encrypted, "it is encrypted, and no one types the passphrase at start"},
		"public":             {block("PUBLIC KEY", public), "it is a public key"},
		"public PKCS#1":      {block("RSA PUBLIC KEY", public), "it is a public key"},
		"certificate":        {block("CERTIFICATE", public), "it is a certificate"},
		"chain":              {append(block("CERTIFICATE", public), block("CERTIFICATE", public)...), "it is a certificate"},
		"request":            {block("CERTIFICATE REQUEST", public), "it is PEM, but no private key"},
		"OpenSSH":            {block("OPENSSH PRIVATE KEY", []byte("x")), "it is in the format of OpenSSH"},
		"ECDSA in PKCS#8":    {pkcs8PEM(t, ec), algorithm},
		"ECDSA":              {block("EC PRIVATE KEY", ecDER), algorithm},
		"ECDSA and curve":    {append(block("EC PARAMETERS", nil), block("EC PRIVATE KEY", ecDER)...), algorithm},
		"X25519":             {pkcs8PEM(t, x25519), algorithm},
		"DSA":                {block("DSA PRIVATE KEY", []byte("x")), algorithm},
		"RSA of 512 bits":    {pkcs8PEM(t, smallRSA(t, 512)), "it is an RSA key of 512 bits, and receivers ignore those under 1024"},
		"RSA of 1023 bits":   {pkcs8PEM(t, smallRSA(t, 1023)), "it is an RSA key of 1023 bits, and receivers ignore those under 1024"},
		"two keys":           {append(bytes.Clone(good), good...), "it holds several private keys"},
		"two kinds of keys":  {append(bytes.Clone(good), block("EC PRIVATE KEY", ecDER)...), "it holds several private keys"},
		"key and public key": {append(bytes.Clone(good), block("PUBLIC KEY", public)...), "it holds more than a private key"},
		"certificate, key":   {append(block("CERTIFICATE", public), good...), "it holds more than a private key"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.content, 0o600)
			_, err := Load(path)
			wantRefusal(t, path, err, c.cause)
			if bytes.Contains(good, []byte("\n")) && strings.Contains(err.Error(), strings.Split(string(good), "\n")[1]) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestLoadRefusesMode(t *testing.T) {
	good := pkcs8PEM(t, edKey().signer())
	for mode, cause := range map[os.FileMode]string{
		0o644: "has mode 0644, so every user of the host can use it",
		0o604: "has mode 0604, so every user of the host can use it",
		0o602: "has mode 0602, so every user of the host can use it",
		0o601: "has mode 0601, so every user of the host can use it",
		0o660: "has mode 0660, which is wider than 0640",
		0o650: "has mode 0650, which is wider than 0640",
		0o700: "has mode 0700, which is wider than 0640",
	} {
		path := file(t, good, mode)
		_, err := Load(path)
		wantRefusal(t, path, err, cause)
	}
}

func TestLoadRefusesPath(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	must(t, syscall.Mkfifo(fifo, 0o600))
	l, err := net.Listen("unix", socket)
	must(t, err)
	defer l.Close()
	must(t, os.Symlink("link", link))
	inFile := filepath.Join(file(t, nil, 0o600), "key.pem")
	missing := filepath.Join(dir, "none.pem")
	for path, cause := range map[string]string{
		missing: "does not exist",
		dir:     "is a directory",
		fifo:    "is not a regular file",
		socket:  "is not a regular file",
		link:    "it cannot be read: too many levels of symbolic links",
		inFile:  "is not a directory",
	} {
		_, err := Load(path)
		wantRefusal(t, path, err, cause)
	}
	if _, err := Load(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is no fs.ErrNotExist", err)
	}
}

// Root may read everything, so a thread of ours becomes somebody else. It is never
// unlocked, and therefore ends with its goroutine.
func TestLoadRefusesUnreadable(t *testing.T) {
	path := file(t, pkcs8PEM(t, edKey().signer()), 0o000)
	me, err := user.Current()
	must(t, err)
	loaded := make(chan error)
	go func() {
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		_, err := Load(path)
		loaded <- err
	}()
	wantRefusal(t, path, <-loaded, "permission denied for user "+me.Username)
}

func TestLoadFollowsLink(t *testing.T) {
	path := file(t, pkcs8PEM(t, edKey().signer()), 0o600)
	link := path + ".link"
	must(t, os.Symlink(path, link))
	if _, err := Load(link); err != nil {
		t.Error(err)
	}
}

func wantRefusal(t *testing.T, path string, err error, cause string) {
	t.Helper()
	var e *remedy.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: error is %v, want %q", path, err, cause)
	}
	if e.Path != path || e.Cause != cause || e.Fix == "" {
		t.Errorf("error is %q, want cause %q", err, cause)
	}
	if err.Error() != path+": "+cause+"; "+e.Fix {
		t.Errorf("error prints as %q", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func pkcs8PEM(t testing.TB, private any) []byte { return block(pkcs8, private2DER(t, private)) }

func private2DER(t testing.TB, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return der
}

// otherPrime is a key whose numbers do not belong together.
func otherPrime(private *rsa.PrivateKey) []byte {
	der := x509.MarshalPKCS1PrivateKey(private)
	der[len(der)-200] ^= 1
	return der
}

func smallRSA(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	before := os.Getenv("GODEBUG")
	os.Setenv("GODEBUG", "rsa1024min=0")
	defer os.Setenv("GODEBUG", before)
	private, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return private
}

func TestWarning(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	k, err := NewKey(weak)
	must(t, err)
	if want := "it is an RSA key of 1024 bits, which some receivers ignore; make one of 2048 bits and publish it"; k.Warning() != want {
		t.Errorf("warning is %q", k.Warning())
	}
	for _, k := range []Key{rsaKey(), edKey(), {algorithm: tenant.RSA, bits: 4096}} {
		if k.Warning() != "" {
			t.Errorf("%v: %s", k, k.Warning())
		}
	}
	if (Key{algorithm: tenant.RSA, bits: 8192}).Warning() == "" {
		t.Error("no warning of 8192 bits")
	}
}

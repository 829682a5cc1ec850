package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

// golden gives the public key of testdata and the record that openssl's output
// for it makes.
func golden(t *testing.T) (public crypto.PublicKey, record string) {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa2048.pub.pem")
	must(t, err)
	block, _ := pem.Decode(text)
	public, err = x509.ParsePKIXPublicKey(block.Bytes)
	must(t, err)
	line, err := os.ReadFile("testdata/rsa2048.record.golden")
	must(t, err)
	return public, strings.TrimSpace(string(line))
}

func TestRecord(t *testing.T) {
	public, want := golden(t)
	if got, err := Record(public); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	// RFC 8463 appendix A.2.
	raw, err := base64.StdEncoding.DecodeString("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	must(t, err)
	want = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	if got, err := Record(ed25519.PublicKey(raw)); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	if got, err := Record(ec.Public()); err == nil {
		t.Errorf("ECDSA gives %s", got)
	}
}

func TestZoneLine(t *testing.T) {
	id := identity(t, "cw1", "courseware.nl")
	short := "v=DKIM1; k=ed25519; p=11qY"
	if got, want := ZoneLine(id, short), `cw1._domainkey.courseware.nl. IN TXT "v=DKIM1; k=ed25519; p=11qY"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := ZoneLine(id, `a"b\c`), `cw1._domainkey.courseware.nl. IN TXT "a\"b\\c"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, long := golden(t)
	got := ZoneLine(id, long)
	want := `cw1._domainkey.courseware.nl. IN TXT ( "` + long[:255] + "\"\n\t\"" + long[255:] + `" )`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, size := range []int{0, 1, 254, 255, 256, 510, 511, 1020} {
		text := strings.Repeat(`"`, size)
		strs := Strings(text)
		if want := max(1, (size+254)/255); len(strs) != want {
			t.Errorf("%d octets in %d strings, want %d", size, len(strs), want)
		}
		if joined := strings.Join(strs, ""); strings.Count(joined, `\"`) != size {
			t.Errorf("%d octets became %s", size, joined)
		}
	}
}

package keys

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/message"
)

// noted is a crypto.Signer that notes what it is to sign.
type noted struct{ digest []byte }

func (*noted) Public() crypto.PublicKey { return edKey().Public() }
func (n *noted) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	n.digest = bytes.Clone(digest)
	return []byte("signature"), nil
}

// reference returns what go-msgauth signs of a message, and the field it makes.
func reference(t *testing.T, h message.Header, names []string, body string) (digest []byte, field string) {
	t.Helper()
	n := new(noted)
	s, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: "tenant.example", Selector: "x", Signer: n, Hash: crypto.SHA256, HeaderKeys: names,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	must(t, err)
	_, err = io.WriteString(s, h.String()+"\r\n"+body)
	must(t, errors.Join(err, s.Close()))
	return n.digest, s.Signature()
}

// ours returns the hash of a header as this package works it out, with a field that a
// signer has made.
func ours(t *testing.T, h message.Header, places []int, field string) []byte {
	t.Helper()
	sum, err := hashFields(h, places).Clone()
	must(t, err)
	name, value, _ := strings.Cut(field, ":")
	value = value[:strings.LastIndex(value, "b=")+2]
	sum.Write(bytes.TrimSuffix(relaxedField(nil, name, value), []byte("\r\n")))
	return sum.Sum(nil)
}

// bodyHash hashes a body in pieces whose sizes come round.
func bodyHash(body string, pieces []byte) ([]byte, error) {
	b := relaxedBody{hash: sha256.New()}
	for i := 0; body != ""; i++ {
		n := len(body)
		if len(pieces) > 0 {
			n = min(n, int(pieces[i%len(pieces)])+1)
		}
		if err := b.write([]byte(body[:n])); err != nil {
			return nil, err
		}
		body = body[n:]
	}
	return b.sum()
}

// differ compares both hashes of a message with those of go-msgauth.
func differ(t *testing.T, h message.Header, body string, pieces []byte) {
	t.Helper()
	covered, err := cover(h)
	if err != nil || checkHeader(h) != nil {
		return
	}
	sum, err := bodyHash(body, pieces)
	if bare := bareCR(body); bare != errors.Is(err, ErrUnsignable) || !bare && err != nil {
		t.Fatalf("a bare CR: %t; error: %v", bare, err)
	} else if bare {
		return
	}
	digest, field := reference(t, h, covered.names, body)
	if want := ours(t, h, covered.fields, field); !bytes.Equal(digest, want) {
		t.Errorf("hash of the header differs: %q", h)
	}
	text := strings.NewReplacer("\r\n", "", " ", "").Replace(field)
	if !strings.Contains(text, "bh="+base64.StdEncoding.EncodeToString(sum)+";") {
		t.Errorf("hash of the body differs: pieces %v of %q", pieces, body)
	}
}

// bareCR reports whether a CR stands before anything but a LF.
func bareCR(body string) bool {
	return strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\r")
}

func TestHashesEqualGoMsgauth(t *testing.T) {
	for _, c := range cases {
		for _, pieces := range [][]byte{nil, {0}, {1}, {6}, {7}, {8}, {0, 1, 2, 30}, {255}} {
			differ(t, header(t, c.header), c.body, pieces)
		}
	}
}

// FuzzHashesEqualGoMsgauth: for any header and body, in any pieces, both hashes are those of
// go-msgauth, which reads octet by octet.
func FuzzHashesEqualGoMsgauth(f *testing.F) {
	for _, c := range cases {
		if len(c.header)+len(c.body) < 5000 {
			f.Add(c.header, c.body, []byte{0, 6, 7, 8})
		}
	}
	f.Add("From: a\nTo:\n \n\t\n", "a \n\n b\t \r\n\n", []byte{1})
	f.Add("From: a\nK: \xff\n \x85\xa0\n", "12345678\r\n2345678 \r\n345678\t9\r\n", []byte{})
	f.Fuzz(func(t *testing.T, head, body string, pieces []byte) {
		h, err := message.ReadHeader(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		if !h.Has("From") {
			h = append(h, message.Field{Name: "From", Value: " a@tenant.example"})
		}
		differ(t, h, body, pieces)
	})
}

// FuzzPieces: how a body is cut into pieces changes nothing.
func FuzzPieces(f *testing.F) {
	f.Add("a \t\r\n\r\n \r\nb  c\r\n\r\n", []byte{0, 3})
	f.Add(strings.Repeat("word ", 50)+strings.Repeat("\r\n", 600)+"end", []byte{6, 7, 8, 9})
	f.Add("\r", []byte{0})
	f.Fuzz(func(t *testing.T, body string, pieces []byte) {
		whole, wantErr := bodyHash(body, nil)
		parts, err := bodyHash(body, pieces)
		if !bytes.Equal(whole, parts) || (err == nil) != (wantErr == nil) {
			t.Errorf("%x %v; whole %x %v", parts, err, whole, wantErr)
		}
	})
}

// firstOdd is odd, looking at each pair by itself.
func firstOdd(p []byte) int {
	for i := range max(len(p), 1) - 1 {
		if oddPair(p[i], p[i+1]) {
			return i
		}
	}
	return len(p)
}

// TestOddPairs: looking at seven pairs at a time finds every pair of octets, wherever it stands and
// whatever is around it.
func TestOddPairs(t *testing.T) {
	for _, around := range []byte("x! \x7f\x80\xff") {
		p := bytes.Repeat([]byte{around}, 20)
		for at := range 9 {
			for c := range 256 {
				for next := range 256 {
					p[at], p[at+1] = byte(c), byte(next)
					if got, want := odd(p), firstOdd(p); got != want {
						t.Fatalf("%d, want %d in %q", got, want, p)
					}
				}
			}
			p[at], p[at+1] = around, around
		}
	}
}

// FuzzOdd is TestOddPairs for any octets.
func FuzzOdd(f *testing.F) {
	f.Add([]byte("aaaaaaa\tbbbbbbb \rcccccc\r\nddddddd\nee e e  "))
	f.Fuzz(func(t *testing.T, p []byte) {
		if got, want := odd(p), firstOdd(p); got != want {
			t.Errorf("%d, want %d in %q", got, want, p)
		}
	})
}

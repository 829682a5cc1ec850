package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// BenchmarkSignRSA4kB sets a message beside one bare signature of crypto/rsa, in
// turns, so that both feel the same machine. ns-over-goal is what it costs above
// 1.2 bare signatures and 100 µs; below 0 is good.
func BenchmarkSignRSA4kB(b *testing.B) {
	r, id, _ := testRing(b)
	private := rsaKey().signer().(*rsa.PrivateKey)
	digest := sha256.Sum256(nil)
	run := signing(b, r, 4<<10, id)
	var bare, whole time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		run()
		bare += between.Sub(start)
		whole += time.Since(between)
	}
	n := float64(b.N)
	b.ReportMetric(float64(whole)/n, "ns/op")
	b.ReportMetric(float64(bare)/n, "bare-ns/op")
	b.ReportMetric(float64(whole)/float64(bare), "x-bare")
	b.ReportMetric((float64(whole)-1.2*float64(bare))/n-100e3, "ns-over-goal")
}

func BenchmarkSignRSA100kB(b *testing.B) {
	r, id, _ := testRing(b)
	benchSign(b, r, 100<<10, id)
}

func BenchmarkSignEd25519(b *testing.B) {
	r, _, id := testRing(b)
	b.Run("4kB", func(b *testing.B) { benchSign(b, r, 4<<10, id) })
	b.Run("100kB", func(b *testing.B) { benchSign(b, r, 100<<10, id) })
}

func BenchmarkSignBoth4kB(b *testing.B) {
	r, rsa, ed := testRing(b)
	benchSign(b, r, 4<<10, rsa, ed)
}

func benchSign(b *testing.B, r *Ring, size int, ids ...tenant.Identity) {
	run := signing(b, r, size, ids...)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		run()
	}
}

// signing gives what signs a message of that size once, from header to fields.
func signing(b *testing.B, r *Ring, size int, ids ...tenant.Identity) func() {
	h := header(b, plain)
	line := "The quick brown fox jumps over the lazy dog, and nobody is surprised.\r\n"
	body := []byte(strings.Repeat(line, size/len(line)))
	return func() {
		s, err := r.Sign(h, ids)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		s.Write(body)
		if _, err := s.Fields(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCover(b *testing.B) {
	h := header(b, cases[8].header)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cover(h); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad: a start or reload does it once for each key.
func BenchmarkLoad(b *testing.B) {
	for _, k := range []Key{rsaKey(), edKey()} {
		path := filepath.Join(b.TempDir(), "key.pem")
		must(b, Create(path, k))
		b.Run(string(k.Algorithm()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBody is the body alone, as mail programs write it and as somebody may who wishes us
// ill.
func BenchmarkBody(b *testing.B) {
	for name, line := range map[string]string{
		"text":        "The quick brown fox jumps over the lazy dog, and nobody is surprised.\r\n",
		"base64":      strings.Repeat("QmFzZTY0", 9) + "QmFz\r\n",
		"html":        "      <td class=\"cell\">The quick brown fox</td>\r\n",
		"blank lines": "\r\n",
		"gaps":        "a  ",
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(strings.Repeat(line, (1<<20)/len(line)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s := relaxedBody{hash: sha256.New()}
				for p := range slices.Chunk(body, 65535) {
					must(b, s.write(p))
				}
			}
		})
	}
}

// BenchmarkHostileHeader is a header of 1 MB that is one field in the shortest folds.
func BenchmarkHostileHeader(b *testing.B) {
	r, _, id := testRing(b)
	h := header(b, plain)
	h = append(h, message.Field{Name: "List-Id", Value: strings.Repeat("\r\n a", 1<<18)})
	b.SetBytes(1 << 20)
	for b.Loop() {
		_, err := r.Sign(h, []tenant.Identity{id})
		must(b, err)
	}
}

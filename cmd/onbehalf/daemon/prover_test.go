package daemon

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"onbehalf/keys"
	"onbehalf/tenant"
	"onbehalf/test/peer"
)

// keyFolder is an installation whose tenants have a key file each.
type keyFolder struct {
	t   testing.TB
	dir string
	key string // PEM text, of which each file has another copy
}

func newKeyFolder(t testing.TB, tenants int) keyFolder {
	t.Helper()
	if s := keys.OpenEngine(keys.EngineOpenSSL, nil).Status(); s.Name != keys.EngineOpenSSL {
		peer.Without(t, "OpenSSL does not sign here: %s", s.Problem)
	}
	dir, err := os.MkdirTemp("", "keys-") // a longer name of a socket's folder looks like a secret
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := keyFolder{t: t, dir: dir}
	key, err := keys.Generate(tenant.RSA, 2048)
	must(t, err)
	must(t, keys.Create(f.dir+"/key.pem", key))
	text, err := os.ReadFile(f.dir + "/key.pem")
	must(t, err)
	f.key = string(text)
	f.write("onbehalf.yaml", strings.NewReplacer("DIR", f.dir, "MORE", "").Replace(oneTenant))
	f.write("srs.secrets", "a secret for this test only\n")
	must(t, os.Mkdir(f.dir+"/tenants.d", 0o700))
	f.add("first", tenants)
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f keyFolder) write(name, text string) {
	f.t.Helper()
	must(f.t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

// add makes a file of tenants, and their key files, which nobody has seen before.
func (f keyFolder) add(name string, tenants int) {
	f.t.Helper()
	text := "tenants:\n"
	for i := range tenants {
		id := fmt.Sprint(name, i)
		f.write(id+".pem", f.key+"# "+id+"\n")
		text += fmt.Sprintf("  - {id: %[1]s, domains: [%[1]s.example], authorization: authorized, dkim: [{selector: cw1, key: %[1]s.pem}]}\n", id)
	}
	f.write("tenants.d/"+name+".yaml", text)
}

// daemon is one that has not been started. The engine that it signs with is proved, by no key that
// is remembered.
func (f keyFolder) daemon(log io.Writer) *daemon {
	f.t.Helper()
	d := &daemon{log: newTextLogger(log)}
	checked, err := keys.ReadChecked(f.dir + "/keys.checked")
	must(f.t, err)
	d.signer = signer{name: keys.EngineAuto, engine: keys.OpenEngine(keys.EngineAuto, d.engineFailed), checked: checked, store: f.dir + "/keys.checked"}
	_, err = keys.Loader{Engine: d.signer.engine}.Load(f.dir + "/key.pem")
	must(f.t, err)
	return d
}

func (f keyFolder) load(d *daemon) *Generation {
	f.t.Helper()
	g, findings := loadAfter(d.current.Load(), f.dir+"/onbehalf.yaml", d.loader)
	if g == nil {
		f.t.Fatal(findings)
	}
	return g
}

// remembered returns how many keys are on record.
func (f keyFolder) remembered() int {
	text, _ := os.ReadFile(f.dir + "/keys.checked")
	return strings.Count(string(text), "\n")
}

// A few new keys are proved before a start goes on. Of many, only those of the platform are.
func TestFewKeysAreProvedAtOnce(t *testing.T) {
	for tenants, waiting := range map[int]int{provedAtOnce - 1: 0, provedAtOnce: provedAtOnce} {
		f := newKeyFolder(t, tenants)
		g := f.load(f.daemon(io.Discard))
		if n := g.unproved.length(); n != waiting {
			t.Errorf("of %d tenants %d keys wait, want %d", tenants, n, waiting)
		}
		for _, file := range g.Keys {
			want := keys.EngineOpenSSL
			if waiting > 0 && file.Tenant != nil && file.Tenant.ID != "university" {
				want = keys.EngineGo
			}
			if key := g.files[file.Path].key; key.Engine() != want || key.Unproved() != (want == keys.EngineGo) {
				t.Errorf("of %d tenants: %s signs by %s, want %s", tenants, file.Path, key.Engine(), want)
			}
		}
	}
}

// A round proves all keys, and a start after it none.
func TestRoundOfProofs(t *testing.T) {
	f, log := newKeyFolder(t, provedAtOnce+10), new(strings.Builder)
	d := f.daemon(log)
	if d.proveRound(t.Context()) || log.Len() > 0 {
		t.Errorf("without a configuration there was a round: %s", log)
	}
	d.current.Store(f.load(d))
	if !d.proveRound(t.Context()) || d.proveRound(t.Context()) || d.unproved() != 0 {
		t.Errorf("%d keys wait", d.unproved())
	}
	for path, file := range d.current.Load().files {
		if file.key.Engine() != keys.EngineOpenSSL {
			t.Errorf("%s signs by %s", path, file.key.Engine())
		}
	}
	for _, want := range []string{"level=INFO", "crypto/rsa until OpenSSL is proved with them\" keys=110\n", "proved=110 failed=0 waiting=0 duration="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
	d.saveChecked(d.signer)
	next := f.daemon(log)
	if g := f.load(next); f.remembered() != provedAtOnce+11 || g.unproved.length() != 0 {
		t.Errorf("%d keys are remembered, %d wait at the next start", f.remembered(), g.unproved.length())
	}
}

// A key that OpenSSL refuses is named, signed with by crypto/rsa, and proved again by the next start.
func TestRoundWithFailures(t *testing.T) {
	f, log := newKeyFolder(t, provedAtOnce+10), new(strings.Builder)
	//lint:ignore SA1019 it is what OpenSSL refuses and crypto/rsa does not
	private, err := rsa.GenerateMultiPrimeKey(rand.Reader, 6, 2048) // OpenSSL takes five primes at most
	must(t, err)
	f.write("first7.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})))
	d := f.daemon(log)
	g := f.load(d)
	d.current.Store(g)
	d.proveRound(t.Context())
	if key := g.files[f.dir+"/first7.pem"].key; key.Unproved() || key.Engine() != keys.EngineGo {
		t.Errorf("unproved %v, signs by %s", key.Unproved(), key.Engine())
	}
	for _, want := range []string{
		"level=WARN msg=\"OpenSSL failed with new RSA keys, and crypto/rsa goes on to sign with them\" keys=1 first=\"" + f.dir + "/first7.pem: OpenSSL failed to ",
		"proved=109 failed=1 waiting=0 duration=",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
	if s := g.loader.Engine.Status(); s.StoodIn != 1 || !strings.HasPrefix(s.Problem, f.dir+"/first7.pem: ") {
		t.Errorf("status is %+v", s)
	}
	d.saveChecked(d.signer)
	if f.remembered() != provedAtOnce+10 { // that of the platform, and all but one of the tenants
		t.Errorf("%d keys are remembered", f.remembered())
	}
}

// A reload while keys are proved goes on with those of the new generation, and forgets the others.
func TestReloadDuringProofs(t *testing.T) {
	f := newKeyFolder(t, 2*provedAtOnce)
	d := f.daemon(io.Discard)
	first := f.load(d)
	d.current.Store(first)
	ctx, cancel := context.WithCancel(t.Context())
	var proving sync.WaitGroup
	proving.Go(func() {
		for rest(ctx, proveRest) {
			d.proveRound(ctx)
		}
	})
	must(t, os.Remove(f.dir+"/tenants.d/first.yaml"))
	f.add("second", 2*provedAtOnce)
	second := f.load(d)
	d.current.Store(second)
	left := first.unproved.length()
	for second.unproved.length() > 0 {
		rest(ctx, proveRest)
	}
	cancel()
	proving.Wait()
	if now := first.unproved.length(); now != left && now != left-1 {
		t.Errorf("of the keys that are gone, %d were proved after the reload", left-now)
	}
	for path, file := range second.files {
		if file.key.Unproved() {
			t.Errorf("%s is not proved", path)
		}
	}
}

// A reload takes over keys that wait, and proves them at once when they are few.
func TestReloadTakesOverUnproved(t *testing.T) {
	f := newKeyFolder(t, provedAtOnce+10)
	d := f.daemon(io.Discard)
	first := f.load(d)
	d.current.Store(first)
	for range 5 {
		key, _ := d.nextUnproved()
		must(t, key.Prove())
	}
	f.add("second", 20)
	second := f.load(d)
	if n := second.unproved.length(); n != provedAtOnce+10-5+20 {
		t.Errorf("%d keys wait", n)
	}
	d.current.Store(second)
	for range 25 {
		key, _ := d.nextUnproved()
		must(t, key.Prove())
	}
	if third := f.load(d); third.unproved.length() != 0 {
		t.Errorf("%d keys wait", third.unproved.length())
	}
}

// A reload that is refused leaves the engine as it was, and the keys that are proved with it.
func TestRefusedReloadLeavesEngine(t *testing.T) {
	f := newKeyFolder(t, 1)
	d := f.daemon(io.Discard)
	first := f.load(d)
	d.current.Store(first)
	good, err := os.ReadFile(f.dir + "/onbehalf.yaml")
	must(t, err)
	f.write("onbehalf.yaml", string(good)+"signing: {engine: go}\n")
	if refused := f.load(d); refused.loader.Engine == first.loader.Engine {
		t.Fatal("engine: go has opened no other engine")
	}
	f.write("onbehalf.yaml", string(good))
	if next := f.load(d); next.loader.Engine != first.loader.Engine {
		t.Error("the next reload has opened another engine")
	}
}

// An end during a round does not wait for it, and saves what was proved.
func TestEndDuringProofs(t *testing.T) {
	f, log := newKeyFolder(t, 3*provedAtOnce), new(strings.Builder)
	d := f.daemon(log)
	d.current.Store(f.load(d))
	stop := d.proveKeys()
	for d.unproved() > 3*provedAtOnce-5 {
		rest(t.Context(), proveRest)
	}
	stop()
	waiting := d.unproved()
	if waiting == 0 || f.remembered() != 1+3*provedAtOnce-waiting {
		t.Errorf("%d keys wait, %d are remembered", waiting, f.remembered())
	}
	if want := fmt.Sprintf("failed=0 waiting=%d ", waiting); !strings.Contains(log.String(), want) {
		t.Errorf("the log has no %q: %s", want, log)
	}
}

// BenchmarkReadKeys is what the keys of a start with a thousand of them take: when they are new, and
// when they were found good before.
func BenchmarkReadKeys(b *testing.B) {
	const tenants = 1000
	f := newKeyFolder(b, tenants)
	d := f.daemon(io.Discard)
	d.current.Store(f.load(d))
	start := func(b *testing.B, checked func() *keys.Checked) {
		conf := d.current.Load().Config
		for b.Loop() {
			g := &Generation{Config: conf, loader: keys.Loader{Engine: d.signer.engine, Checked: checked()}}
			g.readKeys(nil, 2)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/tenants, "µs/key")
	}
	b.Run("new", func(b *testing.B) { start(b, func() *keys.Checked { return nil }) })
	d.proveRound(b.Context())
	b.Run("on record", func(b *testing.B) { start(b, func() *keys.Checked { return d.signer.checked }) })
}

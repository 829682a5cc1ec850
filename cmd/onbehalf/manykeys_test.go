package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"onbehalf/admin"
	"onbehalf/keys"
	"onbehalf/test/peer"
)

// manyKeys is how many keys tenants bring in these tests: proving them takes seconds, which a slow
// host needs to look at the daemon meanwhile.
const manyKeys = 600

// startWithManyKeys runs a daemon with many tenants, of whose keys none was seen before.
func startWithManyKeys(t *testing.T) *running {
	t.Helper()
	if s := keys.OpenEngine(keys.EngineOpenSSL, nil).Status(); s.Name != keys.EngineOpenSSL {
		peer.Without(t, "OpenSSL does not sign here: %s", s.Problem)
	}
	d := launch(t, func(folder string) *exec.Cmd {
		t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/admin.sock")
		(&running{t: t, folder: folder}).addTenants("first", manyKeys)
		return exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	})
	d.hear("READY=1")
	return d
}

// addTenants writes a file of tenants, each with a key file that is not like any other.
func (d *running) addTenants(name string, tenants int) {
	d.t.Helper()
	key, err := os.ReadFile(d.folder + "/keys/university.pem")
	if err != nil {
		d.t.Fatal(err)
	}
	text := "tenants:\n"
	for i := range tenants {
		id := fmt.Sprint(name, i)
		text += fmt.Sprintf("  - {id: %[1]s, domains: [%[1]s.example], authorization: authorized, dkim: [{selector: cw1, key: %[1]s.pem}]}\n", id)
		if err := os.WriteFile(d.folder+"/keys/"+id+".pem", fmt.Appendf(key, "# %s\n", id), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := os.WriteFile(d.folder+"/tenants.d/"+name+".yaml", []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// signsAs requires that mail of a tenant is signed as the tenant.
func (d *running) signsAs(id string) {
	d.t.Helper()
	signature, _ := d.send("a@" + id + ".example").Header.Get("DKIM-Signature")
	if !strings.Contains(signature.Text(), "d="+id+".example;") {
		d.t.Errorf("signature of %s: %q", id, signature.Text())
	}
}

func (d *running) signing() admin.Signing {
	d.t.Helper()
	var status admin.Status
	if _, out, _ := d.onbehalf("status", "--json"); json.Unmarshal([]byte(out), &status) != nil {
		d.t.Fatal(out)
	}
	return status.Signing
}

// remembered returns how many keys are on record as good.
func (d *running) remembered() int {
	text, _ := os.ReadFile(d.folder + "/keys.checked")
	return strings.Count(string(text), "\n")
}

// TestManyNewKeys: the daemon serves before OpenSSL is proved with all keys, signs with all of
// them, and a key that OpenSSL cannot read goes on to be signed with by Go.
func TestManyNewKeys(t *testing.T) {
	d := startWithManyKeys(t)
	if s := d.signing(); s.Engine != keys.EngineOpenSSL || s.Unproved == 0 || s.Fallbacks != 0 {
		t.Errorf("after the start: %+v", s)
	}
	_, out, _ := d.onbehalf("status")
	has(t, out, "RSA by OpenSSL 3", "Go still signs with ", " RSA keys, while OpenSSL is proved with one after another")
	d.signsAs("first0")
	d.signsAs("first599")

	d.addTenants("second", 200)
	odd := d.folder + "/keys/second7.pem"
	if err := os.WriteFile(odd, oddKey(t, odd), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := d.reload(d.config()); !strings.Contains(status, "STATUS=ok: 802 tenants") {
		t.Fatalf("status %q", status)
	}
	d.signsAs("second7")
	if !d.saysSoon("waiting=0 ") {
		t.Fatalf("keys still wait: %+v", d.signing())
	}
	if s := d.signing(); s.Engine != keys.EngineOpenSSL || s.Unproved != 0 || s.Fallbacks != 1 || s.Problem == "" {
		t.Errorf("after the proofs: %+v", s)
	}
	d.says(`level=ERROR msg="OpenSSL failed, and crypto/rsa stands in"`, `level=WARN msg="OpenSSL failed with new RSA keys, and crypto/rsa goes on to sign with them" keys=1 `, "failed=1 waiting=0 ")
	for _, id := range []string{"first0", "second7", "second8"} {
		d.signsAs(id)
	}
	if s := d.signing(); s.Fallbacks != 1 {
		t.Errorf("after messages: %+v", s)
	}
	_, out, _ = d.onbehalf("status")
	if strings.Contains(out, "Go still signs") {
		t.Error(out)
	}
	// Platform and university have one key in one text.
	if want := 1 + manyKeys + 199; !soon(func() bool { return d.remembered() == want }) {
		t.Errorf("%d keys are remembered, want %d", d.remembered(), want)
	}
}

// oddKey returns a key file that Go reads and OpenSSL refuses: its version says that it has more
// than two primes (RFC 8017 appendix A.1.2), and it has two.
func oddKey(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	private := parsed.(*rsa.PrivateKey)
	der, err := asn1.Marshal(struct {
		Version                      int
		N                            *big.Int
		E                            int
		D, P, Q, Dp, Dq, Coefficient *big.Int
	}{1, private.N, private.E, private.D, private.Primes[0], private.Primes[1],
		private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})
}

// TestEndBeforeAllKeysAreProved: what was proved until then is remembered.
func TestEndBeforeAllKeysAreProved(t *testing.T) {
	d := startWithManyKeys(t)
	if !d.saysSoon("until OpenSSL is proved with them") {
		t.Fatal("no key is proved")
	}
	if !soon(func() bool { return d.signing().Unproved < manyKeys-20 }) {
		t.Fatalf("%+v", d.signing())
	}
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Error(err)
	}
	d.says("OpenSSL was proved with new RSA keys", "failed=0 ")
	if n := d.remembered(); n < 20 || n >= manyKeys {
		t.Errorf("%d keys are remembered", n)
	}
}

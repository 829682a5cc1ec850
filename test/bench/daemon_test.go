package bench

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"onbehalf/keys"
	"onbehalf/tenant"
)

// makeKeys makes the keys that all programs sign with, and returns the RSA one.
func (s stage) makeKeys(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	folder := filepath.Join(s.folder, "keys")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, algorithm := range map[string]tenant.Algorithm{"rsa.pem": tenant.RSA, "ed25519.pem": tenant.Ed25519} {
		key, err := keys.Generate(algorithm, 0)
		if err == nil {
			err = keys.Create(filepath.Join(folder, name), key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "rsa.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "keys/pkcs1.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private.(*rsa.PrivateKey))})))
	return private.(*rsa.PrivateKey)
}

// build makes the program as it is shipped.
func (s stage) build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(s.folder, "onbehalf")
	command := exec.Command("go", "build", "-trimpath", "-buildmode=pie", "-ldflags", "-s -w", "-o", program, "onbehalf/cmd/onbehalf")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// onbehalf starts the daemon with an engine. Its tenants differ in how their mail leaves; see
// variants.
func (s stage) onbehalf(t testing.TB, program, engine string) *process {
	t.Helper()
	name := "onbehalf " + engine
	socket := s.socket("onbehalf-" + engine)
	folder := filepath.Join(s.folder, engine)
	s.write(t, engine+"/secrets", "a secret for the bench only\n")
	os.Chmod(filepath.Join(folder, "secrets"), 0o600)
	s.write(t, engine+"/tenants.d/tenants.yaml", `tenants:
  - {id: rsa, domains: [university.example], authorization: authorized, dkim: [{selector: cw1, key: rsa.pem}]}
  - {id: both, domains: [both.example], authorization: authorized, dkim: [{selector: cw1, key: rsa.pem}, {selector: cw2, key: ed25519.pem}]}
  - {id: none, domains: [none.example], authorization: unauthorized}
`)
	conf := s.write(t, engine+"/onbehalf.yaml", fmt.Sprintf(`listen: ["unix:%s"]
socketmap: ""
admin: ""
state_dir: %s
keys_dir: %s
tenants_dir: tenants.d
signing: {engine: %s}
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: rsa.pem}]
trust: {networks: [127.0.0.0/8, 192.0.2.0/24]}
srs: {secrets: secrets}
dns: {servers: ["127.0.0.1:9"]}
`, socket, folder, filepath.Join(s.folder, "keys"), engine))
	return start(t, name, socket, program, "--config", conf, "serve")
}

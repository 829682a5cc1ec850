package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

// strays are keys and secrets as people paste them into the wrong place.
func strays(t *testing.T) map[string]string {
	t.Helper()
	random := make([]byte, 600)
	rand.Read(random)
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	rsa := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: random}) // as long as one
	lines := strings.Split(strings.TrimSpace(string(rsa)), "\n")
	return map[string]string{
		"PEM":              string(rsa),
		"PEM, short":       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"PEM, on one line": strings.Join(lines, " "),
		"body":             strings.Join(lines[1:len(lines)-1], ""),
		"body in lines":    strings.Join(lines[1:len(lines)-1], "\n"),
		"line":             lines[1],
		"base64 of 40":     base64.StdEncoding.EncodeToString(random[:30]),
		"base64url of 43":  base64.RawURLEncoding.EncodeToString(random[:32]),
		"base64 of 44":     base64.StdEncoding.EncodeToString(random[32:64]),
		"base64 of 64":     base64.StdEncoding.EncodeToString(random[64:112]),
		"hexadecimal":      hex.EncodeToString(random[112:144]),
	}
}

// settings are all places of the schema where a value belongs, lists by their first element.
func (s *schema) settings(path []any, visit func(path []any)) {
	switch s.kind {
	case record:
		for _, key := range s.order {
			s.keys[key].settings(append(slices.Clone(path), key), visit)
		}
	case list:
		visit(path)
		s.elem.settings(append(slices.Clone(path), 0), visit)
	default:
		visit(path)
	}
}

// planted returns a document with a value in a place, whatever is there.
func planted(document any, path []any, value any) any {
	if len(path) == 0 {
		return value
	}
	switch step := path[0].(type) {
	case string:
		fields := map[string]any{}
		if is, ok := document.(map[string]any); ok {
			for key, field := range is {
				fields[key] = field
			}
		}
		fields[step] = planted(fields[step], path[1:], value)
		return fields
	default:
		var first any
		if is, ok := document.([]any); ok && len(is) > 0 {
			first = is[0]
		}
		return []any{planted(first, path[1:], value)}
	}
}

// checkNotShown fails when a text holds any eight characters of a secret in a row.
func checkNotShown(t *testing.T, where, secret, text string) {
	t.Helper()
	for _, line := range strings.Fields(secret) {
		if strings.Contains(line, "-----") || line == "PRIVATE" || line == "KEY-----" {
			continue
		}
		for i := 0; i+8 <= len(line); i++ {
			if strings.Contains(text, line[i:i+8]) {
				t.Errorf("%s: %q is shown in\n%s", where, line[i:i+8], text)
				return
			}
		}
	}
}

func shownOf(findings Findings) string {
	asJSON, _ := json.Marshal(findings)
	return fmt.Sprintf("%v %+v %s", findings, findings, asJSON)
}

// TestKeyMaterialIsNotShown puts keys and secrets at every setting of both kinds of files: as the
// value, as a list and as a key of its own, and into the environment.
func TestKeyMaterialIsNotShown(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/good/listing.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c := lay(t, archive)
	text, err := os.ReadFile(c.main)
	if err != nil {
		t.Fatal(err)
	}
	var main map[string]any
	if err := yaml.Unmarshal(text, &main); err != nil {
		t.Fatal(err)
	}
	tenants := map[string]any{"tenants": main["tenants"]}
	beside := filepath.Join(c.dir, "tenants.d", "a.yaml")
	load := func(where, secret, path string, document any, env ...string) {
		t.Helper()
		text, ok := document.([]byte)
		if !ok {
			var err error
			if text, err = yaml.Marshal(document); err != nil {
				t.Fatal(err)
			}
		}
		put(t, path, text)
		config, findings := Load(c.main, env)
		if config == nil {
			t.Fatal("no configuration")
		}
		checkNotShown(t, where, secret, shownOf(findings))
	}
	variables := schemaOf(reflect.TypeFor[rawFile]()).variables()
	places := 0
	for name, secret := range strays(t) {
		plant := func(path string, document any, s *schema) {
			s.settings(nil, func(at []any) {
				places++
				where := fmt.Sprint(name, " at ", at, " of ", filepath.Base(path))
				load(where, secret, path, planted(document, at, secret))
				if strings.HasPrefix(name, "PEM") {
					load(where+" in a list", secret, path, planted(document, at, []any{secret, secret}))
					load(where+" as a key", secret, path, planted(document, at, map[string]any{secret: secret}))
				}
			})
		}
		plant(c.main, main, schemaOf(reflect.TypeFor[rawFile]()))
		put(t, c.main, text)
		plant(beside, tenants, schemaOf(reflect.TypeFor[rawTenants]()))
		for _, broken := range []string{"%s\n", "a: *%s\n", "a: !%s x\n", "a: &%s\n", "a: \"%s\n", "a: {%s\n", "a: [%s\n", "%s: [\n", "a: b\n %s\nc: d\n", "%% %s\n", "a: |\n%s\n", "? %s\n", "\t%s\n", "a: @%s\n"} {
			text := strings.Replace(broken, "%s", secret, 1)
			load(name+" in "+broken, secret, beside, []byte(text))
		}
		if err := os.Remove(beside); err != nil {
			t.Fatal(err)
		}
		for variable, key := range variables {
			load(name+" in "+variable+", of "+key, secret, c.main, text, variable+"="+secret)
		}
		load(name+" as a variable", secret, c.main, text, "ONBEHALF_"+secret+"=x")
	}
	if places < 500 {
		t.Errorf("only %d settings were tried", places)
	}
}

// TestQuotable holds what people name things is shown.
func TestQuotable(t *testing.T) {
	for _, s := range []string{
		"yourorganisationname.nl", "*.university.example", "mail01.eu-west-1.compute.example", "xn--80ak6aa92e.xn--p1ai",
		"/etc/onbehalf/keys/university.example-cw1.pem", "/var/spool/postfix/onbehalf/milter.sock", "unix:/tmp/TestServe1234567890/001/milter.sock",
		"lms-yourorg@courseware.nl", "[mx.example.org]:25", "2001:db8:1a2b:3c4d:5e6f::1/64", "1d12h30m", "{local}+{tenant}@via.courseware.nl",
		"Example University of Applied Sciences 2024", "VerySpecialPlatformName", "s20240501",
		"[mx0a-00123b01.pphosted.com]:25", "mx0b-001c4f02.pphosted.com", "[a1b2c3d4.mx.srv.dfn.de]:25", "cw-20261126t1740-a1b2c3d4",
		"7c9e6679-7425-40de-944b-e07fc1f90ae7", "7c9e6679-7425-40de-944b-e07fc1f90ae7.pem", "507f1f77bcf86cd799439011", "dev-a1b2c3d4e5.example-university.nl",
		"unix:/run/ctr/7c9e6679-7425-40de-944b-e07fc1f90ae7/milter.sock", "ONBEHALF_PLATFORM_SENDING_IPS",
	} {
		if !quotable(s) || Redacted(s) != s {
			t.Errorf("%s is not shown", s)
		}
	}
	for name, secret := range strays(t) {
		if quotable(secret) {
			t.Errorf("%s is shown: %s", name, secret)
		}
	}
	if got := Redacted(`"a" is b, 0123456789abcdef0123456789abcdef, c`); got != `"a" is b, `+notShown+`, c` {
		t.Error(got)
	}
}

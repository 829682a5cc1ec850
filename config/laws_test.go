package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"

	"onbehalf/tenant"
)

// TestNoSecretInFindings loads all bad cases, in which whatever must not be repeated
// is called TOPSECRET, and looks at everything that a caller could print.
func TestNoSecretInFindings(t *testing.T) {
	seen := false
	for _, c := range layAll(t, "testdata/bad/*.txtar") {
		config, findings := Load(c.main, c.env)
		text := fmt.Sprintf("%v %+v %#v %v %+v", findings, findings, findings, config.Platform.SRS, *config.Platform)
		if strings.Contains(text, "SECRET") || strings.Contains(text, "9876543210") {
			t.Errorf("%s: a secret is shown: %s", c.name, listing(c.dir, findings))
		}
		seen = seen || strings.HasPrefix(c.name, "secrets-inside")
	}
	if !seen {
		t.Error("no case has a secret in the wrong place")
	}
}

// TestFindingsAreLines holds that a finding is one printable line, whatever the file
// held, and that a second load finds the same.
func TestFindingsAreLines(t *testing.T) {
	for _, c := range layAll(t, "testdata/bad/*.txtar") {
		_, findings := Load(c.main, c.env)
		checkLines(t, findings)
		if _, again := Load(c.main, c.env); !slices.Equal(findings, again) {
			t.Errorf("%s: a second load found\n%v\nthe first\n%v", c.name, again, findings)
		}
	}
}

func checkLines(t *testing.T, findings Findings) {
	t.Helper()
	for _, f := range findings {
		if strings.IndexFunc(f.String(), unicode.IsControl) >= 0 {
			t.Errorf("a finding is not a line: %q", f.String())
		}
		if f.File == "" || f.Cause == "" || f.Remedy == "" {
			t.Errorf("a finding does not help: %+v", f)
		}
	}
}

// TestGoodMakesTable holds that what Load accepts, the tenant table accepts.
func TestGoodMakesTable(t *testing.T) {
	for _, c := range layAll(t, "testdata/good/*.txtar") {
		config, _ := Load(c.main, c.env)
		if _, err := tenant.NewTable(config.Platform, config.Tenants); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func layAll(t *testing.T, glob string) []testCase {
	t.Helper()
	paths, _ := filepath.Glob(glob)
	if len(paths) == 0 {
		t.Fatal("no case matches", glob)
	}
	var all []testCase
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := lay(t, archive)
		c.name = strings.TrimSuffix(filepath.Base(path), ".txtar")
		all = append(all, c)
	}
	return all
}

// TestEveryKeyHasVariable sets each key of the main file by its variable to a value
// of the wrong kind, or an empty one, and holds that none is unknown.
func TestEveryKeyHasVariable(t *testing.T) {
	c := layAll(t, "testdata/good/minimal.txtar")[0]
	variables := schemaOf(reflect.TypeFor[rawFile]()).variables()
	for name, key := range variables {
		_, findings := Load(c.main, []string{name + "={]"})
		for _, f := range findings {
			if strings.Contains(f.Cause, "no key that is known") {
				t.Errorf("%s does not set %s: %s", name, key, f)
			}
		}
	}
	if len(variables) < 37 {
		t.Errorf("only %d variables", len(variables))
	}
}

// TestDocs holds that the reference names every key, and that its example is the
// case listing, but for the folders.
func TestDocs(t *testing.T) {
	octets, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	reference := string(octets)
	for name, key := range schemaOf(reflect.TypeFor[rawFile]()).variables() {
		if !strings.Contains(reference, "`"+key+"`") {
			t.Errorf("%s (%s) is not in the reference", key, name)
		}
	}
	schemaOf(reflect.TypeFor[rawTenant]()).eachLeaf("", func(key string) {
		if !strings.Contains(reference, "`"+key+"`") {
			t.Errorf("tenants' %s is not in the reference", key)
		}
	})
	_, example, _ := strings.Cut(reference, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	archive, err := txtar.ParseFile("testdata/good/listing.txtar")
	if err != nil {
		t.Fatal(err)
	}
	local := strings.NewReplacer("/etc/onbehalf/srs", "srs", "/etc/onbehalf/keys", "keys", "/etc/onbehalf/tenants.d", "tenants.d").Replace(example)
	if listed := string(archive.Files[1].Data); listed != local {
		t.Errorf("the example of the reference is\n%s\nthe case listing has\n%s", local, listed)
	}
}

// TestKeyFinding holds that a finding about a key stands where the key is named.
func TestKeyFinding(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "onbehalf.yaml")
	put(t, main, []byte(benchMain+"tenants:\n"+benchTenant(1)+"surplus: 1\n"))
	config, findings := Load(main, nil)
	for _, k := range slices.Backward(config.Keys) {
		findings = append(findings, k.Finding(Fault, "is not a key", "make it with onbehalf keygen"))
	}
	findings.Sort()
	var keys []string
	for _, f := range findings {
		keys = append(keys, f.Item+" "+f.Key)
	}
	want := []string{" platform.dkim[0].key", " srs.secrets", " tenants_dir",
		"tenant org-1 dkim[0].key", "tenant org-1 dkim[1].key", " surplus"}
	if !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
	if k := config.Keys[1]; len(k.Identities) != 1 || k.Identities[0].String() != "cw1._domainkey.org-1.nl" || k.Tenant != config.Tenants[0] {
		t.Errorf("got %+v", k)
	}
}

// TestTruncated holds that a reload recognizes a file that may be truncated.
func TestTruncated(t *testing.T) {
	for _, c := range layAll(t, "testdata/bad/file-*.txtar") {
		_, findings := Load(c.main, c.env)
		if got, want := findings.Truncated(), c.name == "file-cut-off"; got != want {
			t.Errorf("%s: truncated is %v", c.name, got)
		}
	}
}

// FuzzLoad holds that no file and no variable ends the process, and that all that is
// said about them is printable.
func FuzzLoad(f *testing.F) {
	for _, glob := range []string{"testdata/bad/*.txtar", "testdata/good/*.txtar"} {
		paths, _ := filepath.Glob(glob)
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range archive.Files {
				if strings.HasSuffix(file.Name, ".yaml") {
					f.Add(string(file.Data), "[{selector: s, key: k}]")
				}
			}
		}
	}
	dir := f.TempDir()
	main, beside := filepath.Join(dir, "onbehalf.yaml"), filepath.Join(dir, "tenants.d", "a.yaml")
	put(f, beside, nil)
	f.Fuzz(func(t *testing.T, text, variable string) {
		for _, path := range []string{main, beside} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		env := []string{"ONBEHALF_TENANTS_DIR=tenants.d", "ONBEHALF_PLATFORM_DKIM=" + variable, "ONBEHALF_LISTEN=" + variable}
		config, findings := Load(main, env)
		if config == nil || config.Platform == nil {
			t.Fatal("no configuration")
		}
		checkLines(t, findings)
		if !findings.Fatal() {
			if _, err := tenant.NewTable(config.Platform, config.Tenants); err != nil {
				t.Error(err)
			}
		}
	})
}

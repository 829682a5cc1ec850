package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/authorize"
)

// TestRecall: a damaged file is set aside. One that cannot be read may be as good as
// ever: it is left where it is, and not saved over.
func TestRecall(t *testing.T) {
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	store := authorize.StoreIn(t.TempDir())
	if known, err := recall(store, log); len(known) != 0 || err != nil || said.Len() != 0 {
		t.Errorf("of a first start: %v, %v, %s", known, err, &said)
	}
	if err := os.WriteFile(store.Path, []byte("{\"format\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recall(store, log); err != nil || !strings.Contains(said.String(), "level=WARN") {
		t.Errorf("of a torn file: %v, %s", err, &said)
	}
	if _, err := os.Stat(store.Path + ".damaged"); err != nil {
		t.Error(err)
	}
	said.Reset()
	if err := os.Mkdir(store.Path, 0o700); err != nil { // reading a folder fails whoever we are
		t.Fatal(err)
	}
	if _, err := recall(store, log); err == nil || !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), "remedy=") {
		t.Errorf("of what cannot be read: %v, %s", err, &said)
	} else if want := store.Path + ": is a directory; move it away, then run: systemctl restart onbehalf"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("of what cannot be read: %v, want %s", err, want)
	}
	if _, err := os.Stat(store.Path); err != nil {
		t.Errorf("it is not where it was: %v", err)
	}
}

// TestSecondDaemon: one that is started beside another ends, and leaves what the other has
// learned as it is.
func TestSecondDaemon(t *testing.T) {
	d := startServe(t)
	file := filepath.Join(d.folder, "standings.jsonl")
	if !soon(func() bool { _, err := os.Stat(file); return err == nil }) {
		t.Fatal("nothing was saved")
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("onbehalf", "serve", "--config", d.folder+"/onbehalf.yaml").CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || !strings.Contains(string(out), "another process answers") {
		t.Errorf("on the same socket: %v\n%s", err, out)
	}
	other := strings.Replace(d.config(), "milter.sock", "other.sock", 1)
	if err := os.WriteFile(d.folder+"/other.yaml", []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = exec.Command("onbehalf", "serve", "--config", d.folder+"/other.yaml").CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || !strings.Contains(string(out), "another onbehalf uses state_dir") {
		t.Errorf("on the same state_dir: %v\n%s", err, out)
	}
	if _, err := os.Stat(d.folder + "/other.sock"); err == nil {
		t.Error("it leaves its socket behind")
	}
	if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) {
		t.Errorf("standings.jsonl is another file now: %v", err)
	}
}

// TestForeignKey: of two tenants with keys of one name, the second has none: it does not sign
// with the first one's.
func TestForeignKey(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("onbehalf", "keygen", "--config", folder+"/onbehalf.yaml", "--domain", "shared.example", "--selector", "s1").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for file, want := range map[string]map[string]int{
		"university.pem": {"one": 1, "two": 0}, // two names for two keys
		"gone.pem":       {"one": 0, "two": 1}, // one's own cannot be read
	} {
		tenants := fmt.Sprintf(`tenants:
  - {id: one, domains: [shared.example], authorization: authorized, dkim: [{selector: s1, key: %s}]}
  - {id: two, domains: ["*.shared.example"], authorization: authorized, dkim: [{selector: s1, key: shared.example-s1.pem}]}
`, file)
		if err := os.WriteFile(folder+"/tenants.d/shared.yaml", []byte(tenants), 0o600); err != nil {
			t.Fatal(err)
		}
		now, findings := load(folder + "/onbehalf.yaml")
		if now == nil || !hasFault(findings) {
			t.Fatalf("%v", findings)
		}
		for _, tenant := range now.Tenants {
			if held, named := want[tenant.ID]; named && len(tenant.Identities) != held {
				t.Errorf("%s: tenant %s signs as %v", file, tenant.ID, tenant.Identities)
			}
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/store"
)

// TestSecondDaemon: one that is started beside another ends, and leaves what the other has
// learned as it is.
func TestSecondDaemon(t *testing.T) {
	d := startServe(t)
	file := store.Path(d.folder)
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
		t.Errorf("the state is another file now: %v", err)
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
		now, findings := daemon.Load(folder + "/onbehalf.yaml")
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

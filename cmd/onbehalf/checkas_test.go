package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"onbehalf/test/peer"
)

// chgrp gives files to the group of user nobody, with a mode.
func chgrp(t *testing.T, gid int, mode os.FileMode, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := errors.Join(os.Chown(path, 0, gid), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckConfigAsDaemon: root sees what the daemon's user may not read, each with the command
// that fixes it, and nothing where that user may read all.
func TestCheckConfigAsDaemon(t *testing.T) {
	peer.NeedRoot(t)
	const gid = 65534
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	check := func(args ...string) (status int, out string) {
		command := exec.Command("onbehalf", append([]string{"check-config", "--config", folder + "/onbehalf.yaml"}, args...)...)
		text, err := command.CombinedOutput()
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return command.ProcessState.ExitCode(), string(text)
	}
	key, secrets, main := folder+"/keys/university.pem", folder+"/srs.secrets", folder+"/onbehalf.yaml"
	chgrp(t, gid, 0o640, main, secrets, folder+"/keys/platform.pem", key)
	chgrp(t, gid, 0o750, folder+"/keys", folder+"/tenants.d")
	if status, out := check("--user", "nobody"); status != 0 || !strings.Contains(out, "ok: 2 tenants") {
		t.Errorf("nobody may read all, and it says %d %s", status, out)
	}
	for path, item := range map[string]string{main: "error: " + main, secrets: "srs.secrets", folder + "/tenants.d": "tenants_dir", folder + "/keys/platform.pem": "platform.dkim[0].key", key: "tenant university: dkim[0].key"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		chgrp(t, 0, info.Mode().Perm()&^0o007, path)
		status, out := check("--user", "nobody")
		if status != 1 || !strings.Contains(out, "error: ") || !strings.Contains(out, item) || !strings.Contains(out, "permission denied for user nobody; run: chgrp nogroup "+path+" && chmod g+rX "+path) {
			t.Errorf("%s: %d %s", path, status, out)
		}
		if status, out := check(); status != 0 {
			t.Errorf("%s: without a user: %d %s", path, status, out)
		}
		if status, out := check("--user", "nobody", "--json"); status != 1 || !strings.Contains(out, `"denied": true`) || !strings.Contains(out, `"ok": false`) {
			t.Errorf("%s: as JSON: %d %s", path, status, out)
		}
		status, out = check("--user", "nobody", "--start")
		if tenants := path == key; (status == 0) != tenants || tenants && !strings.Contains(out, "fault: ") {
			t.Errorf("%s: a start: %d %s", path, status, out)
		}
		if status, out := check("--user", "nobody", "--reload"); status != 1 {
			t.Errorf("%s: a reload: %d %s", path, status, out)
		}
		chgrp(t, gid, info.Mode().Perm(), path)
	}
	if status, out := check("--user", "no-such-user"); status != 2 || !strings.Contains(out, "--user: ") {
		t.Errorf("of no user: %d %s", status, out)
	}
}

// TestReloadOfUnreadableKey: a reload that would lose a tenant's signature, because its key may
// not be read, changes nothing, and status shows it as refused.
func TestReloadOfUnreadableKey(t *testing.T) {
	peer.NeedRoot(t)
	peer.Need(t, "/usr/bin/setpriv")
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startCommand(t, func(config string) *exec.Cmd { // root for whom permissions hold
		return exec.Command("setpriv", "--bounding-set=-dac_override,-dac_read_search", "onbehalf", "serve", "--config", config)
	})
	key := d.folder + "/keys/university.pem"
	if err := os.Chmod(key, 0); err != nil {
		t.Fatal(err)
	}
	if status := d.reload(d.config()); !strings.Contains(status, "reload refused, the old configuration stays") {
		t.Errorf("status %q", status)
	}
	if signature, _ := d.send("a@university.example").Header.Get("DKIM-Signature"); !strings.Contains(signature.Text(), "d=university.example;") {
		t.Errorf("signed by %q", signature.Text())
	}
	_, out, _ := d.onbehalf("status")
	has(t, strings.Join(strings.Fields(out), " "), "Last reload REFUSED ", "error: "+d.folder+"/onbehalf.yaml: tenant university: dkim[0].key: "+key, "permission denied for user root; run: chgrp root "+key)
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := d.reload(d.config()); !strings.Contains(status, "STATUS=ok:") {
		t.Errorf("status %q", status)
	}
	d.command.Process.Signal(syscall.SIGTERM)
}

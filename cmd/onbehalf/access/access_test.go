package access

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"onbehalf/config"
	"onbehalf/test/peer"
)

// stranger is a user that owns nothing.
var stranger = &User{Name: "nobody", UID: 65534, GID: 65534, Groups: []uint32{65534, 4242}}

// TestBarrier: what explains a refusal is what the kernel refuses for.
func TestBarrier(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct {
		folder, file fs.FileMode
		owner, group int
		want         uint32
		barrier      string // which of the two; empty: none
	}{
		{0o755, 0o644, 0, 0, Read, ""},
		{0o755, 0o640, 0, 0, Read, "file"},
		{0o755, 0o640, 0, 65534, Read, ""},
		{0o755, 0o640, 0, 4242, Read, ""},
		{0o755, 0o604, 0, 65534, Read, "file"}, // the group's bits count, not the others'
		{0o755, 0o044, 65534, 65534, Read, "file"},
		{0o755, 0o400, 65534, 0, Read, ""},
		{0o700, 0o644, 0, 0, Read, "folder"},
		{0o711, 0o644, 0, 0, Read, ""},
		{0o755, 0o644, 0, 0, Write, "file"},
		{0o755, 0o660, 0, 65534, Write, ""},
	} {
		dir := t.TempDir()
		openUp(t, dir)
		folder := filepath.Join(dir, "folder")
		must(t, os.Mkdir(folder, 0o755))
		file := filepath.Join(folder, "file")
		must(t, os.WriteFile(file, []byte("x\n"), 0o600))
		must(t, os.Chown(file, c.owner, c.group))
		must(t, os.Chmod(file, c.file))
		must(t, os.Chmod(folder, c.folder))
		got := ""
		if b, err := (File{Path: file, Mode: c.want}).Barrier(stranger); err == nil && b != nil {
			got = filepath.Base(b.Path)
		}
		if got != c.barrier {
			t.Errorf("%+v: the barrier is %q", c, got)
		}
		script := `: <"$0"`
		if c.want == Write {
			script = `: >>"$0"`
		}
		shell := exec.Command("sh", "-c", script, file)
		shell.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger.UID, Gid: stranger.GID, Groups: stranger.Groups}}
		err := shell.Run()
		if (err != nil) != (c.barrier != "") {
			t.Errorf("%+v: the kernel says %v", c, err)
		}
	}
}

// openUp lets everybody enter a folder of the test's.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFiles holds which files the daemon needs: each once, with what it does with them.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "onbehalf.yaml")
	must(t, os.WriteFile(main, []byte("srs: {secrets: here}\n"), 0o600))
	tenants := filepath.Join(dir, "tenants.d")
	must(t, os.Mkdir(tenants, 0o700))
	must(t, (File{Path: tenants, Mode: Read | Enter}).Try()) // an empty folder can be listed
	for _, name := range []string{"a.yaml", ".b.yaml", "c.yaml~"} {
		must(t, os.WriteFile(filepath.Join(tenants, name), nil, 0o600))
	}
	key := filepath.Join(dir, "key.pem")
	got := Files(main, &config.Config{TenantsDir: tenants, StateDir: dir, Keys: []config.KeyFile{{Path: key}, {Path: key}}})
	want := []string{main, filepath.Join(dir, "here"), tenants, filepath.Join(tenants, "a.yaml"), key, dir, filepath.Join(dir, "state.db")}
	for i, f := range got {
		if len(got) != len(want) || f.Path != want[i] {
			t.Fatalf("%+v, want %q", got, want)
		}
		_, err := os.Stat(f.Path)
		if tried := f.Try(); (tried == nil) != (err == nil) {
			t.Errorf("%s: %v, and stat says %v", f.Path, tried, err)
		}
	}
}

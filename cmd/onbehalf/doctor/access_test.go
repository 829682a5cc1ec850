package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/test/peer"
)

// TestBarrier: what explains a refusal is what the kernel refuses for.
func TestBarrier(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct {
		folder, file fs.FileMode
		owner, group int
		want         uint32
		barrier      string // which of the two; empty: none
	}{
		{0o755, 0o644, 0, 0, mayRead, ""},
		{0o755, 0o640, 0, 0, mayRead, "file"},
		{0o755, 0o640, 0, 65534, mayRead, ""},
		{0o755, 0o640, 0, 4242, mayRead, ""},
		{0o755, 0o604, 0, 65534, mayRead, "file"}, // the group's bits count, not the others'
		{0o755, 0o044, 65534, 65534, mayRead, "file"},
		{0o755, 0o400, 65534, 0, mayRead, ""},
		{0o700, 0o644, 0, 0, mayRead, "folder"},
		{0o711, 0o644, 0, 0, mayRead, ""},
		{0o755, 0o644, 0, 0, mayWrite, "file"},
		{0o755, 0o660, 0, 65534, mayWrite, ""},
	} {
		dir := room(t)
		folder := filepath.Join(dir, "folder")
		must(t, os.Mkdir(folder, 0o755))
		file := write(t, filepath.Join(folder, "file"), c.file)
		must(t, os.Chown(file, c.owner, c.group))
		must(t, os.Chmod(file, c.file))
		must(t, os.Chmod(folder, c.folder))
		got := ""
		if b, found := barrierOn(file, stranger, c.want); found {
			got = filepath.Base(b.path)
		}
		if got != c.barrier {
			t.Errorf("%+v: the barrier is %q", c, got)
		}
		var err error
		must(t, guise{who: stranger}.try(func() {
			flag := os.O_RDONLY
			if c.want == mayWrite {
				flag = os.O_WRONLY
			}
			var f *os.File
			if f, err = os.OpenFile(file, flag, 0); err == nil {
				f.Close()
			}
		}))
		if (err != nil) != (c.barrier != "") {
			t.Errorf("%+v: the kernel says %v", c, err)
		}
	}
}

// TestPermissions tries files as somebody else; each command that is told mends what it is told for.
func TestPermissions(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct {
		name string
		mode uint32
		make func(path string)
		want string
	}{
		{"key.pem", mayRead, func(p string) { write(t, p, 0o600) }, "chgrp nogroup KEY && chmod 0640 KEY"},
		{"key.pem", mayRead, func(p string) { write(t, p, 0o644) }, ""},
		{"key.pem", mayRead, func(string) {}, ""}, // told with the configuration
		{"state", mayWrite | mayEnter, func(p string) { must(t, os.Mkdir(p, 0o755)) }, "chown nobody:nogroup KEY"},
		{"state", mayWrite | mayEnter, func(string) {}, "install -d -m 0750 -o nobody -g nogroup KEY"},
		{"tenants.d", mayRead | mayEnter, func(p string) { must(t, os.Mkdir(p, 0o700)) }, "chgrp nogroup KEY && chmod 0750 KEY"},
		{"tenants.d", mayRead | mayEnter, func(p string) { must(t, os.Mkdir(p, 0o755)) }, ""},
		{"keys/k", mayRead, func(p string) { must(t, os.Mkdir(filepath.Dir(p), 0o750)); write(t, p, 0o644) }, "chgrp nogroup "},
		{"keys/k", mayRead, func(p string) { must(t, os.Mkdir(filepath.Dir(p), 0o700)); write(t, p, 0o644) }, "chgrp nogroup "},
	} {
		path := filepath.Join(room(t), c.name)
		c.make(path)
		var refused []refusal
		wants := []want{{path, "it", c.mode}}
		must(t, guise{who: stranger}.try(func() { _, refused = tryAll(wants) }))
		commands := ""
		if len(refused) > 0 {
			f := gather(refused, stranger)[0]
			commands = strings.Join(f.Commands, "\n")
			if f.Level != Error || f.Why == "" {
				t.Errorf("%+v", f)
			}
		}
		if want := strings.ReplaceAll(c.want, "KEY", path); !strings.HasPrefix(commands, want) || want == "" && commands != "" {
			t.Errorf("%s: told is %q, want %q", c.name, commands, want)
		}
	}
}

// TestGather: one folder that bars many files is one finding.
func TestGather(t *testing.T) {
	peer.NeedRoot(t)
	folder := filepath.Join(room(t), "keys")
	must(t, os.Mkdir(folder, 0o700))
	var wants []want
	for i := range 100 {
		wants = append(wants, want{write(t, filepath.Join(folder, fmt.Sprint(i)), 0o640), "a key", mayRead})
	}
	var refused []refusal
	must(t, guise{who: stranger}.try(func() { _, refused = tryAll(wants) }))
	found := gather(refused, stranger)
	if len(found) != 1 || !strings.HasSuffix(found[0].What, "96 more") || !strings.HasPrefix(found[0].What, "user nobody cannot read a key, "+folder+"/0; a key") {
		t.Errorf("%+v", found)
	}
}

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/test/peer"
)

// TestPermissions judges files by mode and owner; each command that is given fixes what it is given for.
func TestPermissions(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct {
		name string
		mode uint32
		make func(path string)
		want string
	}{
		{"key.pem", access.Read, func(p string) { write(t, p, 0o600) }, "chgrp nogroup KEY && chmod 0640 KEY"},
		{"key.pem", access.Read, func(p string) { write(t, p, 0o644) }, ""},
		{"key.pem", access.Read, func(string) {}, ""}, // reported with the configuration
		{"state", access.Write | access.Enter, func(p string) { must(t, os.Mkdir(p, 0o755)) }, "chown nobody:nogroup KEY"},
		{"state", access.Write | access.Enter, func(string) {}, "install -d -m 0750 -o nobody -g nogroup KEY"},
		{"tenants.d", access.Read | access.Enter, func(p string) { must(t, os.Mkdir(p, 0o700)) }, "chgrp nogroup KEY && chmod 0750 KEY"},
		{"tenants.d", access.Read | access.Enter, func(p string) { must(t, os.Mkdir(p, 0o755)) }, ""},
		{"keys/k", access.Read, func(p string) { must(t, os.Mkdir(filepath.Dir(p), 0o750)); write(t, p, 0o644) }, "chgrp nogroup "},
		{"keys/k", access.Read, func(p string) { must(t, os.Mkdir(filepath.Dir(p), 0o700)); write(t, p, 0o644) }, "chgrp nogroup "},
	} {
		path := filepath.Join(room(t), c.name)
		c.make(path)
		refused := judge(t, access.File{Path: path, What: "it", Mode: c.mode})
		commands := ""
		if len(refused) > 0 {
			f := gather(refused, stranger)[0]
			commands = strings.Join(f.Commands, "\n")
			if f.Level != Error || f.Why == "" {
				t.Errorf("%+v", f)
			}
		}
		if want := strings.ReplaceAll(c.want, "KEY", path); !strings.HasPrefix(commands, want) || want == "" && commands != "" {
			t.Errorf("%s: it says %q, want %q", c.name, commands, want)
		}
	}
}

// judge goes by modes and owners for the user nobody.
func judge(t *testing.T, files ...access.File) []denied {
	t.Helper()
	d := &doctor{Installation: Installation{User: "nobody"}}
	who, why, _ := d.judgeModes(files)
	if who == nil || len(d.findings) > 0 {
		t.Fatalf("%+v", d.findings)
	}
	refused, _ := divide(files, why)
	return refused
}

// TestAskDaemon holds that what the daemon says comes before what modes say, and that one with
// another configuration is not asked.
func TestAskDaemon(t *testing.T) {
	dir := room(t)
	main, key, gone := write(t, filepath.Join(dir, "onbehalf.yaml"), 0o600), write(t, filepath.Join(dir, "key.pem"), 0o600), filepath.Join(dir, "gone.pem")
	conf := &config.Config{Keys: []config.KeyFile{{Path: key}, {Path: gone}}}
	doc := admin.Files{File: main, User: "nobody", Denied: []admin.Denied{{Path: key, Error: "permission denied"}, {Path: gone, Error: "no such file"}}}
	d := &doctor{Installation: Installation{Path: main, Config: conf, User: "no-such-user", AskFiles: func(f *admin.Files) error { *f = doc; return nil }}}
	d.permissions()
	if len(d.findings) != 2 || d.findings[0].Level != Error || !strings.Contains(d.findings[0].What, "user nobody cannot read a key, "+key) ||
		d.findings[1].Level != OK || !strings.Contains(d.findings[1].What, "the daemon says") {
		t.Errorf("%+v", d.findings)
	}
	doc.File, d.User, d.findings = "/etc/other.yaml", "root", nil
	d.permissions()
	if len(d.findings) != 1 || d.findings[0].Level != OK || !strings.Contains(d.findings[0].What, "no daemon was there to ask") {
		t.Errorf("%+v", d.findings)
	}
}

// TestGather: one folder that bars many files is one finding.
func TestGather(t *testing.T) {
	peer.NeedRoot(t)
	folder := filepath.Join(room(t), "keys")
	must(t, os.Mkdir(folder, 0o700))
	var files []access.File
	for i := range 100 {
		files = append(files, access.File{Path: write(t, filepath.Join(folder, fmt.Sprint(i)), 0o640), What: "a key", Mode: access.Read})
	}
	refused := judge(t, files...)
	found := gather(refused, stranger)
	if len(found) != 1 || !strings.HasSuffix(found[0].What, "96 more") || !strings.HasPrefix(found[0].What, "user nobody cannot read a key, "+folder+"/0; a key") {
		t.Errorf("%+v", found)
	}
}

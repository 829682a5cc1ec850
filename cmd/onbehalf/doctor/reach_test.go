package doctor

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/config"
	"onbehalf/test/peer"
)

// TestReach calls sockets as Postfix does, chrooted and not.
func TestReach(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct {
		what         string
		folder, mode fs.FileMode
		group        int
		name         string // as in smtpd_milters; empty: relative to the queue
		chrooted     bool
		want         string // in the finding; empty: it is reached
	}{
		{"as the package has it", 0o750, 0o660, 65534, "", true, ""},
		{"not chrooted", 0o750, 0o660, 65534, "", false, ""},
		{"by an absolute name, chrooted", 0o750, 0o660, 65534, "unix:/onbehalf/m.sock", true, ""},
		{"by an absolute name, not chrooted", 0o750, 0o660, 65534, "unix:/onbehalf/m.sock", false, "for these services the name means /onbehalf/m.sock, which is not there"},
		{"by the whole path, chrooted", 0o750, 0o660, 65534, "unix:QUEUE/onbehalf/m.sock", true, "see nothing outside of"},
		{"by the whole path, not chrooted", 0o750, 0o660, 65534, "unix:QUEUE/onbehalf/m.sock", false, ""},
		{"socket of its owner alone", 0o755, 0o600, 65534, "", true, "m.sock has mode 0600, owner root, group nogroup, so user nobody (in group nogroup, 4242) may not write to it"},
		{"socket of another group", 0o755, 0o660, 0, "", true, "group root"},
		{"socket that may only be read", 0o755, 0o640, 65534, "", false, "mode 0640"},
		{"folder of its owner alone", 0o700, 0o666, 65534, "", true, "onbehalf has mode 0700"},
	} {
		t.Run(c.what, func(t *testing.T) {
			queue := filepath.Join(room(t), "spool")
			must(t, os.Mkdir(queue, 0o755))
			folder := filepath.Join(queue, "onbehalf")
			must(t, os.Mkdir(folder, 0o755))
			path := filepath.Join(folder, "m.sock")
			listener, err := net.Listen("unix", path)
			must(t, err)
			defer listener.Close()
			must(t, os.Chown(path, 0, c.group))
			must(t, os.Chmod(path, c.mode))
			must(t, os.Chown(folder, 0, c.group))
			must(t, os.Chmod(folder, c.folder))
			name := strings.ReplaceAll(c.name, "QUEUE", queue)
			if name == "" {
				name = "unix:onbehalf/m.sock"
			}
			d := &doctor{Installation: Installation{User: "nobody"}}
			call{who: stranger, queue: queue, chrooted: c.chrooted, services: "smtp/inet", name: name, place: milterPlace}.examine(d, nil)
			f := d.findings[0]
			if len(d.findings) != 1 || (f.Level == OK) != (c.want == "") || !strings.Contains(f.Why, c.want) {
				t.Errorf("%+v", d.findings)
			}
		})
	}
}

// TestStrangers: a socket open to everybody is told of, one of a daemon's is not.
func TestStrangers(t *testing.T) {
	peer.NeedRoot(t)
	path := filepath.Join(room(t), "m.sock")
	listener, err := net.Listen("unix", path)
	must(t, err)
	defer listener.Close()
	must(t, os.Chown(path, 65534, 65534))
	for mode, want := range map[fs.FileMode]int{0o666: 1, 0o660: 0, 0o664: 0} {
		must(t, os.Chmod(path, mode))
		d := new(doctor)
		d.strangers(setup.Wanted{Socket: config.Socket{Network: "unix", Address: path}})
		if len(d.findings) != want {
			t.Errorf("mode %04o: %+v", mode, d.findings)
		}
	}
}

// TestSockets: what stands where the socket belongs.
func TestSockets(t *testing.T) {
	dir := room(t)
	path := filepath.Join(dir, "m.sock")
	for _, c := range []struct {
		make func()
		path string
		want string
	}{
		{func() {}, path, "is not there"},
		{func() {}, filepath.Join(dir, "none", "m.sock"), "its folder is not there"},
		{func() { write(t, path, 0o600) }, path, "it is a file"},
		{func() { must(t, os.Mkdir(path, 0o700)) }, path, "it is a folder"},
		{func() { // left by one that was killed
			listener, err := net.Listen("unix", path)
			must(t, err)
			listener.(*net.UnixListener).SetUnlinkOnClose(false)
			listener.Close()
		}, path, "nobody answers at"},
		{func() { // somebody else's
			listener, err := net.Listen("unix", path)
			must(t, err)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					conn.Close()
				}
				listener.Close()
			}()
		}, path, "does not answer as a milter"},
	} {
		os.RemoveAll(path)
		c.make()
		d := new(doctor)
		d.socket(config.Socket{Network: "unix", Address: c.path})
		f := d.findings[0]
		if len(d.findings) != 1 || f.Level != Error || !strings.Contains(f.What+"\n"+f.Why, c.want) || f.Mend == "" {
			t.Errorf("%+v, want %q", d.findings, c.want)
		}
	}
}

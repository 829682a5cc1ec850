package doctor

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/test/peer"
)

// TestMain is a child that only connects where that is asked for, as main is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ConnectCommand {
		os.Exit(Connect(os.Args[2:], os.Stderr))
	}
	os.Exit(m.Run())
}

// stranger is a user that owns nothing.
var stranger = &access.User{Name: "nobody", UID: 65534, GID: 65534, Groups: []uint32{65534, 4242}}

// room makes a folder that anybody may enter, with a name short enough for sockets in it.
func room(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "doctor-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte("x\n"), 0o600))
	must(t, os.Chmod(path, mode))
	return path
}

// TestConnectIsSomebodyElse holds that the child has the user, the groups and the root directory of
// the caller, and that we keep our own.
func TestConnectIsSomebodyElse(t *testing.T) {
	peer.NeedRoot(t)
	dir := room(t)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "m.sock"), Net: "unix"})
	must(t, err)
	defer listener.Close()
	must(t, os.Chmod(filepath.Join(dir, "m.sock"), 0o660))
	must(t, os.Chown(filepath.Join(dir, "m.sock"), 0, 4242)) // a group that the user has beside its own
	seen := make(chan *unix.Ucred, 1)
	go func() {
		conn, err := listener.AcceptUnix()
		if err != nil {
			close(seen)
			return
		}
		defer conn.Close()
		file, _ := conn.File()
		defer file.Close()
		who, _ := unix.GetsockoptUcred(int(file.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
		seen <- who
	}()
	before, err := os.Getwd()
	must(t, err)
	if err, failed := (caller{stranger, dir, true}).connect("/m.sock"); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if who := <-seen; who == nil || who.Uid != 65534 || who.Gid != 65534 {
		t.Errorf("it was %+v", who)
	}
	if now, err := os.Getwd(); err != nil || now != before || os.Geteuid() != 0 {
		t.Errorf("we are user %d in %s: %v", os.Geteuid(), now, err)
	}
	if _, failed := (caller{stranger, "/nonexistent", true}).connect("/m.sock"); failed == nil {
		t.Error("a root directory that is not there does not fail")
	}
}

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
			call{caller: caller{stranger, queue, c.chrooted}, services: "smtp/inet", name: name, place: milterPlace}.examine(d, nil)
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
		d.strangers(postfix.Wanted{Milter: "unix:" + path})
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
		}, path, "nothing answers at"},
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
		if len(d.findings) != 1 || f.Level != Error || !strings.Contains(f.What+"\n"+f.Why, c.want) || f.Fix == "" {
			t.Errorf("%+v, want %q", d.findings, c.want)
		}
	}
}

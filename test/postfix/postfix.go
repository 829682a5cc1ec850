// Package postfix runs a real Postfix for the time of a test: an instance of its
// own, with its own configuration, queue, log and port, that takes nothing from
// the Postfix of the machine but its programs. Mail goes in by SMTP (Client) or by
// the sendmail command, and comes out at a Sink.
//
// Milters are called as on a Debian host: from a chroot in the queue directory,
// so that unix:onbehalf/milter.sock is QueueDir/onbehalf/milter.sock.
package postfix

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// Instance is a running Postfix.
type Instance struct {
	SMTPAddr  string // host:port of its SMTP server
	ConfigDir string // for postfix -c, postconf -c and the like
	QueueDir  string // has a directory onbehalf/ for sockets, as the .deb makes it
	log       string // file
}

// Options say how an Instance differs from a plain relay.
type Options struct {
	// NextHop is the host:port that all mail is delivered to: a Sink's Addr.
	NextHop string
	// Addr is the host:port of the SMTP server; empty: one that is free.
	Addr string
	// Milters, in Postfix's syntax, see mail by SMTP and local mail alike. Empty:
	// none, unless Main names some.
	Milters []string
	// Main is appended to main.cf, where a later line wins.
	Main string
	// SMTPD are options of the SMTP server in master.cf: "-o name=value" each.
	SMTPD string
	// Master is appended to master.cf.
	Master string
}

const (
	command  = "/usr/sbin/postfix"
	sendmail = "/usr/sbin/sendmail"
	queue    = "/usr/sbin/postqueue"
)

//go:embed main.cf
var mainCF string

//go:embed master.cf
var masterCF string

// Start starts a Postfix, which ends with the test. Only root can. A test that
// fails prints Postfix's log.
func Start(t testing.TB, options Options) *Instance {
	t.Helper()
	peer.Need(t, command, sendmail, queue)
	peer.NeedRoot(t)
	dir := newDir(t)
	in := &Instance{
		SMTPAddr:  cmp.Or(options.Addr, peer.FreeAddr(t)),
		ConfigDir: filepath.Join(dir, "etc"),
		QueueDir:  filepath.Join(dir, "spool"),
		log:       filepath.Join(dir, "log"),
	}
	in.makeDirs(t, filepath.Join(dir, "data"))
	in.configure(t, dir, options)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Postfix's log:\n%s", in.Log())
		}
	})
	if out, err := exec.Command(command, "-c", in.ConfigDir, "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix start: %v\n%s%s", err, out, in.Log())
	}
	peer.AtEnd(t, command, "-c", in.ConfigDir, "stop")
	return in
}

// newDir makes a directory that Postfix's user can reach, with a name so short
// that sockets in it can be bound (108 octets), which t.TempDir's is not.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postfix-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// makeDirs makes what Postfix does not make itself: its data directory must be
// its own, and the sockets' directory is as the .deb has it.
func (in *Instance) makeDirs(t testing.TB, data string) {
	t.Helper()
	uid, gid := account(t)
	sockets := filepath.Join(in.QueueDir, "onbehalf")
	for _, dir := range []string{in.ConfigDir, in.QueueDir, data, sockets} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(data, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(sockets, 0, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(sockets, 0o750|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
}

func account(t testing.TB) (uid, gid int) {
	t.Helper()
	postfix, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ = strconv.Atoi(postfix.Uid)
	gid, _ = strconv.Atoi(postfix.Gid)
	return uid, gid
}

func (in *Instance) configure(t testing.TB, dir string, o Options) {
	t.Helper()
	main := mainCF + fmt.Sprintf(`
queue_directory = %s
data_directory = %s/data
maillog_file = %s
maillog_file_prefixes = %s
relayhost = %s
`, in.QueueDir, dir, in.log, dir, bracketed(o.NextHop))
	if len(o.Milters) > 0 {
		main += "smtpd_milters = " + strings.Join(o.Milters, " ") + "\nnon_smtpd_milters = $smtpd_milters\n"
	}
	master := in.SMTPAddr + " inet n - y - - smtpd " + o.SMTPD + "\n" + masterCF + o.Master
	for name, text := range map[string]string{"main.cf": lastOfEach(main + o.Main), "master.cf": master} {
		if err := os.WriteFile(filepath.Join(in.ConfigDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Every program of Postfix waits for seconds when main.cf has just been written: it may be
	// half of one.
	if err := os.Chtimes(filepath.Join(in.ConfigDir, "main.cf"), time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// lastOfEach leaves of settings with one name the last, which is the one that counts. Of each
// other one every program of Postfix would warn, and postlogd(8) can be brought to a halt by that:
// it warns itself, by way of itself, and its socket holds few lines.
func lastOfEach(main string) string {
	var names []string
	settings := make(map[string]string)
	name := ""
	for line := range strings.Lines(main) {
		switch line[0] {
		case '#', '\n':
			continue
		case ' ', '\t':
			settings[name] += line
			continue
		}
		name, _, _ = strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if _, again := settings[name]; !again {
			names = append(names, name)
		}
		settings[name] = line
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString(settings[name])
	}
	return b.String()
}

// bracketed writes host:port as Postfix has a next hop that is not a mail domain.
func bracketed(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return "[" + host + "]:" + port
}

// Sendmail submits a message as a local program does, by the sendmail command
// with these arguments; it fails the test if the command fails.
func (in *Instance) Sendmail(t testing.TB, message []byte, args ...string) {
	t.Helper()
	c := exec.Command(sendmail, append([]string{"-C", in.ConfigDir}, args...)...)
	c.Stdin = bytes.NewReader(message)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("sendmail %q: %v\n%s", args, err, out)
	}
}

// Queue lists the messages not yet delivered, one JSON object a line
// (postqueue -j); empty when there is none.
func (in *Instance) Queue(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(queue, "-c", in.ConfigDir, "-j").Output()
	if err != nil {
		t.Fatalf("postqueue: %v\n%s", err, out)
	}
	return string(out)
}

// Log is what Postfix has logged so far.
func (in *Instance) Log() string {
	text, err := os.ReadFile(in.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

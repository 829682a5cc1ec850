package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"onbehalf/cmd/onbehalf/setup"
)

// reach connects to the milter's socket as the services do that call milters.
func (d *doctor) reach(w setup.Wanted) {
	who := d.postfixUser()
	if who == nil {
		return
	}
	services := map[bool][]string{} // by whether they are chrooted
	for _, caller := range d.Postfix.Callers() {
		services[caller.Chrooted] = append(services[caller.Chrooted], caller.Name)
	}
	if len(services) == 0 {
		d.skip(notTried, "master.cf has neither smtpd nor cleanup, which call milters", "")
	}
	d.strangers(w)
	for _, chrooted := range []bool{true, false} {
		if len(services[chrooted]) > 0 {
			c := call{who: who, queue: filepath.Clean(d.Postfix.Queue()), chrooted: chrooted, services: list(services[chrooted]),
				name: d.Postfix.Name(w.Socket), place: milterPlace}
			c.examine(d, nil)
		}
	}
}

const notTried = "the socket was not tried as Postfix"

// postfixUser returns the user that Postfix's services run as; nil: nothing can be tried as that
// user, and that is said.
func (d *doctor) postfixUser() *account {
	who, err := lookUp(cmp.Or(d.Postfix.Setting("mail_owner"), "postfix"))
	switch {
	case !d.Postfix.Known():
		d.skip(notTried, "where its chroot is, postconf has not told", "")
	case err != nil:
		d.skip(notTried, err.Error(), "")
	case os.Geteuid() != 0:
		d.skip(notTried, "only root can try as somebody else", "run onbehalf doctor as root")
	default:
		return who
	}
	return nil
}

// strangers says whether those who have no business there reach the socket: whoever does can
// have mail signed as any customer.
func (d *doctor) strangers(w setup.Wanted) {
	if !open(w.Socket.Address) {
		return
	}
	d.add(Finding{Level: Warning, What: "every user of this host reaches " + w.Socket.String(), Why: "whoever does can have mail signed as any customer",
		Mend: "close it to others", Commands: []string{"chmod o= " + w.Socket.Address}})
}

// open reports whether a user without any rights can connect to a socket.
func open(path string) bool {
	const unused = 65533 // by nobody, not even by "nobody", which a daemon may run as
	anybody := &account{uid: unused, gid: unused}
	var err error
	failed := (guise{who: anybody}).try(func() {
		var fd int
		if fd, err = connect(path); err == nil {
			unix.Close(fd)
		}
	})
	return failed == nil && err == nil
}

// place is where one of our sockets is set.
type place struct{ line, unit, file string } // line of the configuration

var (
	milterPlace    = place{"listen: [unix:PATH]", "onbehalf.socket", "milter.sock"}
	socketmapPlace = place{"socketmap: unix:PATH", "onbehalf-socketmap.socket", "socketmap.sock"}
)

// call is how some services of Postfix reach a socket: as its user, from the queue directory,
// and from inside it where master.cf has them chrooted.
type call struct {
	who      *account
	queue    string
	chrooted bool
	services string
	name     string   // of the socket, as a setting of Postfix has it
	place    place    // where we set it
	rename   string   // what to do where another name of our socket would do; empty: none would
	commands []string // that do it
}

// path returns where the name leads to, seen from outside of the chroot.
func (c call) path() string {
	path := strings.TrimPrefix(c.name, "unix:")
	if filepath.IsAbs(path) && !c.chrooted {
		return path
	}
	return filepath.Join(c.queue, path)
}

// examine connects. What is found is said; then judges whom the connection leads to, and returns
// what is wrong with that; nil: no more than that somebody takes calls is asked for.
func (c call) examine(d *doctor, then func(net.Conn) (Finding, bool)) {
	conn, err, failed := c.dial()
	if failed != nil {
		d.skip(notTried, failed.Error(), "run onbehalf doctor as root, outside of containers that forbid this")
		return
	}
	what := fmt.Sprintf("user %s reaches %s %s (%s)", c.who.name, c.name, c.from(), c.services)
	if err != nil {
		d.add(c.finding(strings.Replace(what, " reaches ", " does not reach ", 1), err, d.User))
		return
	}
	defer conn.Close()
	if then != nil {
		if f, wrong := then(conn); wrong {
			f.Level, f.What = Error, strings.Replace(what, " reaches ", " reaches no socketmap of ours at ", 1)
			d.add(f)
			return
		}
		what += " and is answered"
	}
	d.ok("%s", what)
}

func (c call) from() string {
	if c.chrooted {
		return "from its chroot " + c.queue
	}
	return "from its queue directory"
}

// dial connects under the guise of the services. failed says that it could not be put on.
func (c call) dial() (conn net.Conn, err, failed error) {
	g := guise{who: c.who, dir: c.queue}
	if c.chrooted {
		g.root, g.dir = c.queue, "/"
	}
	fd := -1
	if failed = g.try(func() { fd, err = connect(strings.TrimPrefix(c.name, "unix:")) }); failed != nil || err != nil {
		return nil, err, failed
	}
	file := os.NewFile(uintptr(fd), c.name)
	defer file.Close()
	conn, err = net.FileConn(file)
	return conn, err, nil
}

// connectSeconds bounds an attempt: a listener that takes no calls has a full backlog.
const connectSeconds = 5

// connect stays on its thread, which package net does not promise. It returns a descriptor that
// is the caller's to close.
func connect(path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: connectSeconds})
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (c call) finding(what string, err error, daemon string) Finding {
	f := Finding{Level: Error, What: what, Why: err.Error()}
	path := c.path()
	switch {
	case errors.Is(err, unix.ENOENT):
		f.Why, f.Mend = c.absent()
		f.Commands = c.commands
	case errors.Is(err, unix.EACCES):
		why, b, found := denied(path, c.who, mayWrite)
		f.Why = why + "; Postfix has mail come back later (451)"
		if found {
			f.Mend, f.Commands = c.open(b, daemon)
		}
	case errors.Is(err, unix.EAGAIN):
		f.Why = "somebody listens and takes no calls"
		f.Mend, f.Commands = "restart onbehalf, and see what held it up", startCommands
	case errors.Is(err, unix.ECONNREFUSED):
		f.Why = "nobody answers at " + path
		f.Mend, f.Commands = "start it, and see why it ended", startCommands
	}
	return f
}

// absent explains that a name leads to nothing.
func (c call) absent() (why, mend string) {
	why = fmt.Sprintf("for these services the name means %s, which is not there", c.path())
	if c.chrooted {
		why = fmt.Sprintf("these services are chrooted, and see nothing outside of %s: for them the name means %s, which is not there", c.queue, c.path())
	}
	if c.rename != "" {
		return why, c.rename
	}
	line := strings.Replace(c.place.line, "PATH", filepath.Join(c.queue, "onbehalf", c.place.file), 1)
	return why, fmt.Sprintf("write %s and restart onbehalf; where its unit %s is enabled, the same into ListenStream=. Then onbehalf setup says what Postfix needs", line, c.place.unit)
}

// open says how a barrier is taken away now, and for good.
func (c call) open(b barrier, daemon string) (mend string, commands []string) {
	group := GroupName(c.who.gid)
	switch {
	case !b.folder:
		return fmt.Sprintf("open it to group %s; so that it stays so: SocketGroup=%[1]s and SocketMode=0660 in %s or, where onbehalf opens the socket itself, "+
				"UMask=0007 in onbehalf.service and a folder of mode 2750", group, c.place.unit),
			[]string{fmt.Sprintf("chgrp %s %s && chmod 0660 %[2]s", group, b.path)}
	case b.path == filepath.Dir(c.path()):
		return "give the folder to the user of the daemon and the group of Postfix",
			[]string{fmt.Sprintf("install -d -m 2750 -o %s -g %s %s", daemon, group, b.path)}
	}
	return "let Postfix pass", []string{"chmod o+x " + b.path}
}

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

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/postfix"
)

// reach connects to the milter's socket as the services do that call milters.
func (d *doctor) reach(w postfix.Wanted) {
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
			c := call{caller: caller{who, filepath.Clean(d.Postfix.Queue()), chrooted}, services: postfix.List(services[chrooted]),
				name: d.Postfix.Name(w.Milter), place: milterPlace}
			c.examine(d, nil)
		}
	}
}

const notTried = "the socket was not tried as Postfix"

// postfixUser returns the user that Postfix's services run as; nil: nothing can be tried as that
// user, and that is said.
func (d *doctor) postfixUser() *access.User {
	who, err := access.Lookup(cmp.Or(d.Postfix.Setting("mail_owner"), "postfix"))
	switch {
	case !d.Postfix.Known():
		d.skip(notTried, "it is not known where its chroot is, because postconf did not say", "")
	case err != nil:
		d.skip(notTried, err.Error(), "")
	case os.Geteuid() != 0:
		d.skip(notTried, "only root can try as another user", "run onbehalf doctor as root")
	default:
		return who
	}
	return nil
}

// strangers says whether those who have no business there reach the socket: whoever does can
// have mail signed as any tenant.
func (d *doctor) strangers(w postfix.Wanted) {
	if path := strings.TrimPrefix(w.Milter, "unix:"); open(path) {
		d.add(Finding{Level: Warning, What: "every user of this host reaches " + w.Milter, Why: "whoever does can have mail signed as any tenant",
			Fix: "close it to others", Commands: []string{"chmod o= " + path}})
	}
}

// open reports whether a user without any rights can connect to a socket.
func open(path string) bool {
	const unused = 65533 // not even "nobody", which a daemon may run as
	err, failed := caller{who: &access.User{Name: "anybody", UID: unused, GID: unused}, dir: "/"}.connect(path)
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
	caller
	services string
	name     string   // of the socket, as a setting of Postfix has it
	place    place    // where we set it
	rename   string   // what to do where another name of our socket would do; empty: none would
	commands []string // that do it
}

// path returns where the name leads to, seen from outside of the chroot.
func (c call) path() string {
	path := strings.TrimPrefix(c.name, "unix:")
	if filepath.IsAbs(path) && !c.chroot {
		return path
	}
	return filepath.Join(c.dir, path)
}

// examine connects. What is found is said; then judges what answers there, and returns what is
// wrong with that; nil: it is enough that something does.
func (c call) examine(d *doctor, then func(net.Conn) (Finding, bool)) {
	err, failed := c.connect(strings.TrimPrefix(c.name, "unix:"))
	if failed != nil {
		d.skip(notTried, failed.Error(), "run onbehalf doctor as root, outside of containers that forbid this")
		return
	}
	what := fmt.Sprintf("user %s reaches %s %s (%s)", c.who.Name, c.name, c.from(), c.services)
	if err != nil {
		d.add(c.finding(strings.Replace(what, " reaches ", " does not reach ", 1), err, d.User))
		return
	}
	if then != nil {
		f, wrong := c.converse(then)
		if wrong {
			f.Level, f.What = Error, strings.Replace(what, " reaches ", " reaches no socketmap of ours at ", 1)
			d.add(f)
			return
		}
		what += " and is answered"
	}
	d.ok("%s", what)
}

// converse talks to what the services reach.
func (c call) converse(then func(net.Conn) (Finding, bool)) (Finding, bool) {
	conn, err := net.DialTimeout("unix", c.path(), connectTime)
	if err != nil {
		return Finding{Why: err.Error(), Fix: "start it, and see why it ended", Commands: startCommands}, true
	}
	defer conn.Close()
	return then(conn)
}

func (c call) from() string {
	if c.chroot {
		return "from its chroot " + c.dir
	}
	return "from its queue directory"
}

func (c call) finding(what string, err error, daemon string) Finding {
	f := Finding{Level: Error, What: what, Why: err.Error()}
	path := c.path()
	switch {
	case errors.Is(err, unix.ENOENT):
		f.Why, f.Fix = c.absent()
		f.Commands = c.commands
	case errors.Is(err, unix.EACCES):
		why, b := access.File{Path: path, Mode: access.Write}.Explain(c.who)
		f.Why = why + "; Postfix has mail come back later (451)"
		if b != nil {
			f.Fix, f.Commands = c.open(b, daemon)
		}
	case errors.Is(err, unix.EAGAIN):
		f.Why = "a program listens there and accepts no connections"
		f.Fix, f.Commands = "restart onbehalf, and see what held it up", startCommands
	case errors.Is(err, unix.ECONNREFUSED):
		f.Why = "nothing answers at " + path
		f.Fix, f.Commands = "start it, and see why it ended", startCommands
	}
	return f
}

// absent explains that a name leads to nothing.
func (c call) absent() (why, fix string) {
	why = fmt.Sprintf("for these services the name means %s, which is not there", c.path())
	if c.chroot {
		why = fmt.Sprintf("these services are chrooted, and see nothing outside of %s: for them the name means %s, which is not there", c.dir, c.path())
	}
	if c.rename != "" {
		return why, c.rename
	}
	line := strings.Replace(c.place.line, "PATH", filepath.Join(c.dir, "onbehalf", c.place.file), 1)
	return why, fmt.Sprintf("write %s and restart onbehalf; where its unit %s is enabled, the same into ListenStream=. Then onbehalf setup says what Postfix needs", line, c.place.unit)
}

// open says how a barrier is taken away now, and for good.
func (c call) open(b *access.Barrier, daemon string) (fix string, commands []string) {
	group := access.GroupName(int(c.who.GID))
	switch {
	case !b.Folder:
		return fmt.Sprintf("open it to group %s; to keep it so: SocketGroup=%[1]s and SocketMode=0660 in %s or, where onbehalf opens the socket itself, "+
				"UMask=0007 in onbehalf.service and a folder of mode 2750", group, c.place.unit),
			[]string{fmt.Sprintf("chgrp %s %s && chmod 0660 %[2]s", group, b.Path)}
	case b.Path == filepath.Dir(c.path()):
		return "give the folder to the user of the daemon and the group of Postfix",
			[]string{fmt.Sprintf("install -d -m 2750 -o %s -g %s %s", daemon, group, b.Path)}
	}
	return "let Postfix pass", []string{"chmod o+x " + b.Path}
}

// atPath is a socket by its name and path.
func atPath(path string) config.Socket { return config.Socket{Network: "unix", Address: path} }

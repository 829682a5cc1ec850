package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"onbehalf/cmd/onbehalf/setup"
)

// reach connects as Postfix's services do: as its user, from the queue directory, and
// from inside it where master.cf has them chrooted.
func (d *doctor) reach(w setup.Wanted) {
	const what = "the socket was not tried as Postfix"
	owner := d.Postfix.Setting("mail_owner")
	if owner == "" {
		owner = "postfix"
	}
	who, err := lookUp(owner)
	switch {
	case !d.Postfix.Known():
		d.skip(what, "where its chroot is, postconf has not told", "")
		return
	case err != nil:
		d.skip(what, err.Error(), "")
		return
	case os.Geteuid() != 0:
		d.skip(what, "only root can try as somebody else", "run onbehalf doctor as root")
		return
	}
	services := map[bool][]string{} // by whether they are chrooted
	for _, caller := range d.Postfix.Callers() {
		services[caller.Chrooted] = append(services[caller.Chrooted], caller.Service)
	}
	if len(services) == 0 {
		d.skip(what, "master.cf has neither smtpd nor cleanup, which call milters", "")
	}
	d.strangers(w)
	for _, chrooted := range []bool{true, false} {
		if len(services[chrooted]) > 0 {
			call{w, d.Postfix.Milter(w), who, filepath.Clean(d.Postfix.Queue()), chrooted, list(services[chrooted])}.examine(d)
		}
	}
}

// strangers says whether those who have no business there reach the socket: whoever does can
// have mail signed as any customer.
func (d *doctor) strangers(w setup.Wanted) {
	const unused = 65533 // by nobody, not even by "nobody", which a daemon may run as
	anybody := &account{uid: unused, gid: unused}
	var err error
	if failed := (guise{who: anybody}).try(func() { err = connect(w.Socket.Address) }); failed != nil || err != nil {
		return
	}
	d.add(Finding{Level: Warning, What: "every user of this host reaches " + w.Socket.String(), Why: "whoever does can have mail signed as any customer",
		Mend: "close it to others", Commands: []string{"chmod o= " + w.Socket.Address}})
}

// call is how some services of Postfix reach a socket.
type call struct {
	wanted   setup.Wanted
	name     string // of the socket, as in smtpd_milters
	who      *account
	queue    string
	chrooted bool
	services string
}

func (c call) examine(d *doctor) {
	g := guise{who: c.who, dir: c.queue}
	from := "from its queue directory"
	if c.chrooted {
		g.root, g.dir, from = c.queue, "/", "from its chroot "+c.queue
	}
	var err error
	if failed := g.try(func() { err = connect(strings.TrimPrefix(c.name, "unix:")) }); failed != nil {
		d.skip("the socket was not tried as Postfix", failed.Error(), "run onbehalf doctor as root, outside of containers that forbid this")
		return
	}
	what := fmt.Sprintf("user %s reaches %s %s (%s)", c.who.name, c.name, from, c.services)
	if err == nil {
		d.ok("%s", what)
		return
	}
	d.add(c.finding(strings.Replace(what, " reaches ", " does not reach ", 1), err, d.User))
}

// connectSeconds bounds an attempt: a listener that takes no calls has a full backlog.
const connectSeconds = 5

// connect stays on its thread, which package net does not promise.
func connect(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: connectSeconds}); err != nil {
		return err
	}
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

func (c call) finding(what string, err error, daemon string) Finding {
	f := Finding{Level: Error, What: what, Why: err.Error()}
	path := c.wanted.Socket.Address
	switch {
	case errors.Is(err, unix.ENOENT) && c.chrooted:
		f.Why = fmt.Sprintf("these services are chrooted, and see nothing outside of %s: for them the name means %s, which is not there", c.queue, filepath.Join(c.queue, strings.TrimPrefix(c.name, "unix:")))
		f.Mend = fmt.Sprintf("write listen: [unix:%s] and restart onbehalf; where its unit onbehalf.socket is enabled, the same into ListenStream=. Then onbehalf setup says what Postfix needs", filepath.Join(c.queue, "onbehalf", "milter.sock"))
	case errors.Is(err, unix.EACCES):
		why, b, found := denied(path, c.who, mayWrite)
		f.Why = why + "; Postfix has mail come back later (451)"
		if found {
			f.Mend, f.Commands = c.open(b, daemon)
		}
	case errors.Is(err, unix.EAGAIN):
		f.Why = "somebody listens and takes no calls"
		f.Mend, f.Commands = "restart onbehalf, and see what held it up", startCommands
	}
	return f
}

// open says how a barrier is taken away now, and for good.
func (c call) open(b barrier, daemon string) (mend string, commands []string) {
	group := GroupName(c.who.gid)
	switch {
	case !b.folder:
		return fmt.Sprintf("open it to group %s; so that it stays so: SocketGroup=%[1]s and SocketMode=0660 in onbehalf.socket or, where onbehalf opens the socket itself, "+
				"UMask=0007 in onbehalf.service and a folder of mode 2750", group),
			[]string{fmt.Sprintf("chgrp %s %s && chmod 0660 %[2]s", group, b.path)}
	case b.path == filepath.Dir(c.wanted.Socket.Address):
		return "give the folder to the user of the daemon and the group of Postfix",
			[]string{fmt.Sprintf("install -d -m 2750 -o %s -g %s %s", daemon, group, b.path)}
	}
	return "let Postfix pass", []string{"chmod o+x " + b.path}
}

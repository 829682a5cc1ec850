package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"onbehalf/config"
	"onbehalf/milter/mta"
)

// sockets looks at each that Postfix may call, and then calls the one that it does as
// Postfix itself.
func (d *doctor) sockets() {
	if len(d.Config.Listen) == 0 {
		d.skip("sockets were not tried", "the configuration names none that can be read", "")
		return
	}
	answers := make(map[config.Socket]bool)
	for _, socket := range d.Config.Listen {
		answers[socket] = d.socket(socket)
	}
	if w, socket := d.wanted(); socket.Network == "unix" && answers[socket] {
		d.reach(w)
	}
}

// socket negotiates as Postfix does, as whoever we are. answers reports whether a program
// listens, as far as we can see.
func (d *doctor) socket(socket config.Socket) (answers bool) {
	if socket.Network == "unix" && !d.stands(socket) {
		return false
	}
	client, err := mta.DialWithin(socket.Network, socket.Address, firstAnswer)
	switch {
	case err == nil:
		client.Close()
		d.ok("a milter answers at %s", socket)
		return true
	case d.refused(socket, err):
		return false
	}
	d.add(Finding{Level: Error, What: "what listens at " + socket.String() + " does not answer as a milter", Why: err.Error(),
		Fix: "see what it is, and why", Commands: startCommands})
	return true
}

// firstAnswer is how long a daemon may take to answer the first frame.
const firstAnswer = 3 * time.Second

// refused says that nothing answers at a socket, if that is why.
func (d *doctor) refused(socket config.Socket, err error) bool {
	switch {
	case errors.Is(err, fs.ErrPermission):
		d.skip(socket.String()+" could not be tried", "we may not connect", "run onbehalf doctor as root")
	case errors.Is(err, syscall.ECONNREFUSED):
		d.add(Finding{Level: Error, What: "nothing answers at " + socket.String(),
			Why: "onbehalf is not running, or listens elsewhere; Postfix has mail come back later (451)",
			Fix: "start it, and see why it ended", Commands: startCommands})
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.add(Finding{Level: Error, What: "nothing answers at " + socket.String() + ", where connections are taken",
			Why: "onbehalf is NOT running, and systemd holds its socket; Postfix waits 30 seconds at each connection, and then has mail come back later (451)",
			Fix: "start it, and see why it ended", Commands: startCommands})
	default:
		return false
	}
	return true
}

var startCommands = []string{"systemctl restart onbehalf", "journalctl -u onbehalf -n 50"}

// stands reports whether there is a socket at a path.
func (d *doctor) stands(socket config.Socket) bool {
	info, err := os.Stat(socket.Address)
	folder := filepath.Dir(socket.Address)
	_, noFolder := os.Stat(folder)
	switch {
	case errors.Is(noFolder, fs.ErrNotExist):
		d.add(Finding{Level: Error, What: socket.String() + ": its folder is not there", Why: "onbehalf cannot open the socket, so Postfix has mail come back later (451)",
			Fix:      "make the folder, for the user of the daemon and the group of Postfix",
			Commands: []string{fmt.Sprintf("install -d -m 2750 -o %s -g postfix %s", d.User, folder), "systemctl restart onbehalf"}})
	case errors.Is(err, fs.ErrNotExist):
		d.add(Finding{Level: Error, What: socket.String() + " is not there", Why: "onbehalf is not running, or listens elsewhere; Postfix has mail come back later (451)",
			Fix: "start it, and see why it ended", Commands: startCommands})
	case errors.Is(err, fs.ErrPermission):
		d.skip(socket.String()+" could not be looked at", cause(err), "run onbehalf doctor as root")
	case err != nil:
		d.add(Finding{Level: Error, What: socket.String() + " cannot be looked at", Why: cause(err)})
	case info.Mode()&fs.ModeSocket == 0:
		d.add(Finding{Level: Error, What: socket.String() + " is not a socket", Why: "it is " + kind(info.Mode()) + ", in the place where the socket belongs",
			Fix: "move it away", Commands: []string{fmt.Sprintf("mv %s %[1]s.old", socket.Address), "systemctl restart onbehalf"}})
	default:
		return true
	}
	return false
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode.IsRegular():
		return "a file"
	}
	return "something else"
}

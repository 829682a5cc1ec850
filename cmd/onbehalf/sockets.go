package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"

	"onbehalf/config"
	"onbehalf/milter"
)

// sockets are those that the daemon answers on.
type sockets struct {
	milter    []net.Listener
	socketmap net.Listener // nil: none was handed over
	admin     net.Listener // nil: likewise
}

// close closes them all.
func (s sockets) close() {
	for _, listener := range append(slices.Clone(s.milter), s.socketmap, s.admin) {
		if listener != nil {
			listener.Close()
		}
	}
}

// The FileDescriptorName= of a socket unit says what its sockets are for (systemd.socket(5)).
const (
	milterName    = "milter"
	socketmapName = "socketmap"
	adminName     = "admin"
	// formerName is what systemd calls the sockets of onbehalf.socket where that sets no name.
	formerName = "onbehalf.socket"
)

// openSockets returns the sockets that systemd hands over (sd_listen_fds(3)): they outlive the
// daemon, so that no connection is lost over a restart. Only when there are none for the
// milter are those in listen opened, all of them or none.
func (d *daemon) openSockets(listen []config.Socket) (s sockets, err error) {
	for name, files := range activation.FilesWithNames() {
		for _, file := range files {
			if failed := s.take(name, file); failed != nil {
				err = errors.Join(err, failed)
			}
		}
	}
	if err != nil {
		s.close()
		return sockets{}, err
	}
	if len(s.milter) > 0 {
		d.warnOfIdle("listen", "onbehalf.socket", listen, s.milter)
		return s, nil
	}
	if s.milter, err = openAll(listen); err != nil {
		s.close()
		return sockets{}, err
	}
	return s, nil
}

// take finds out what a socket is for by its name, and by nothing else: a milter's client that
// meets the socketmap, or the reverse, is mail deferred. The milter may have several, like listen.
func (s *sockets) take(name string, file *os.File) error {
	defer file.Close()
	listener, err := net.FileListener(file) // a copy of it
	if err != nil {
		return fmt.Errorf("socket %q, handed over by systemd, is not one to accept connections at; take it out of the socket unit: %w", name, err)
	}
	one := map[string]*net.Listener{socketmapName: &s.socketmap, adminName: &s.admin}[name]
	switch {
	case name == milterName, name == formerName:
		s.milter = append(s.milter, listener)
		return nil
	case one == nil:
		err = fmt.Errorf("socket %s, handed over by systemd, is named %q, which says nothing; set FileDescriptorName= in its unit to milter, socketmap or admin", listener.Addr(), name)
	case *one != nil:
		err = fmt.Errorf("systemd hands over two sockets named %q, %s and %s; leave one ListenStream= in the units of that name", name, (*one).Addr(), listener.Addr())
	default:
		*one = listener
		return nil
	}
	listener.Close()
	return err
}

// openAll opens all sockets, or none.
func openAll(listen []config.Socket) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, socket := range listen {
		listener, err := milter.Listen(socket.Network, socket.Address)
		if err != nil {
			sockets{milter: listeners}.close()
			return nil, fmt.Errorf("listen: %s: %w", socket, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// warnOfIdle names the sockets in the configuration that systemd did not hand over, by their key.
func (d *daemon) warnOfIdle(key, unit string, wanted []config.Socket, inherited []net.Listener) {
	for _, socket := range wanted {
		if !socket.IsZero() && !slices.ContainsFunc(inherited, func(l net.Listener) bool { return l.Addr().String() == socket.Address }) {
			d.log.Warn("nobody answers at a socket in "+key+", because systemd hands over others", key, socket.String(),
				"remedy", "make ListenStream= of "+unit+" the same, or disable that unit; then restart")
		}
	}
}

// serveMilter answers on all of them, and gives where the first to fail is told.
func (d *daemon) serveMilter(listeners []net.Listener) <-chan error {
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func() { failed <- d.server.Serve(listener) }()
	}
	return failed
}

// addresses names sockets for the log, as Postfix has them.
func addresses(listeners []net.Listener) []string {
	var all []string
	for _, l := range listeners {
		all = append(all, config.Socket{Network: l.Addr().Network(), Address: l.Addr().String()}.String())
	}
	return all
}

// openBeside opens a socket that mail does not depend on, unless systemd handed it over. When
// that fails, it is logged with what is lost by it, and all else goes on; nil: there is none.
func (d *daemon) openBeside(key string, inherited net.Listener, socket config.Socket, lost string) net.Listener {
	if inherited != nil || socket.IsZero() {
		return inherited
	}
	listener, err := milter.Listen(socket.Network, socket.Address)
	if err != nil {
		level, remedy := openRemedy(key, socket, err)
		d.log.Log(context.Background(), level, "no "+key+" socket: "+lost, key, socket.String(), "error", err, "remedy", remedy)
		return nil
	}
	return listener
}

// openRemedy says what to do about a socket that cannot be opened. In a set-up by hand the
// folder of the default is not there, and need not be.
func openRemedy(key string, socket config.Socket, err error) (slog.Level, string) {
	const restart = ", then restart"
	folder := filepath.Dir(socket.Address)
	_, absent := os.Stat(folder)
	switch {
	case socket.Network == "unix" && errors.Is(absent, fs.ErrNotExist):
		return slog.LevelWarn, "create " + folder + ", for the user that the daemon runs as, or name another socket in " + key + restart
	case errors.Is(err, fs.ErrPermission):
		return slog.LevelError, "let the user that the daemon runs as write to " + folder + restart
	}
	return slog.LevelError, "name another socket in " + key + restart
}

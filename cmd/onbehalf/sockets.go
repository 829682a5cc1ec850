package main

import (
	"fmt"
	"net"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"

	"onbehalf/config"
	"onbehalf/milter"
)

// sockets are those that the daemon answers on.
type sockets struct {
	milter []net.Listener
	admin  net.Listener // nil: none was handed over
}

// close closes them all.
func (s sockets) close() {
	for _, listener := range s.milter {
		listener.Close()
	}
	if s.admin != nil {
		s.admin.Close()
	}
}

// adminName is the FileDescriptorName= of an admin socket; every other socket that systemd hands
// over is for the milter.
const adminName = "admin"

// openSockets gives the sockets that systemd hands over (sd_listen_fds(3)): they outlive the
// daemon, so that no connection is lost over a restart. Only when there are none for the
// milter are those in listen opened, all of them or none.
func (d *daemon) openSockets(listen []config.Socket) (sockets, error) {
	var s sockets
	for name, files := range activation.FilesWithNames() {
		for _, file := range files {
			listener, err := net.FileListener(file) // a copy of it
			file.Close()
			switch {
			case err != nil:
				return s, fmt.Errorf("socket %q, handed over by systemd, is not one to accept connections at; take it out of the socket unit: %w", name, err)
			case name == adminName:
				s.admin = listener
			default:
				s.milter = append(s.milter, listener)
			}
		}
	}
	if len(s.milter) > 0 {
		d.warnOfIdle(listen, s.milter)
		return s, nil
	}
	var err error
	s.milter, err = openAll(listen)
	return s, err
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

// warnOfIdle names the sockets in listen that systemd did not hand over.
func (d *daemon) warnOfIdle(listen []config.Socket, inherited []net.Listener) {
	for _, socket := range listen {
		if !slices.ContainsFunc(inherited, func(l net.Listener) bool { return l.Addr().String() == socket.Address }) {
			d.log.Warn("nobody answers at a socket in listen, for systemd hands over others", "listen", socket.String(),
				"remedy", "add it to ListenStream= of onbehalf.socket, or disable that unit")
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

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"onbehalf/admin"
	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/socket"
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
	metricsName   = "metrics" // never systemd's
	// formerName is what systemd calls the sockets of onbehalf.socket where that sets no name.
	formerName = "onbehalf.socket"
)

// inherit returns the sockets that systemd hands over: they outlive the daemon, so that no
// connection is lost over a restart. Only when there are none for the milter are those in listen
// opened, all of them or none.
func inherit() (s sockets, err error) {
	handed, err := socket.Inherited()
	for name, listeners := range handed {
		err = errors.Join(err, s.take(name, listeners))
	}
	return s, err
}

// take finds out what sockets are for by their name, and by nothing else: a milter's client that
// meets the socketmap, or the reverse, is mail deferred. The milter may have several, like listen.
func (s *sockets) take(name string, listeners []net.Listener) error {
	one := map[string]*net.Listener{socketmapName: &s.socketmap, adminName: &s.admin}[name]
	switch {
	case name == milterName, name == formerName:
		s.milter = append(s.milter, listeners...)
		return nil
	case one != nil && len(listeners) == 1:
		*one = listeners[0]
		return nil
	}
	for _, listener := range listeners {
		listener.Close()
	}
	if one == nil {
		return fmt.Errorf("socket %s, handed over by systemd, is named %q, which says nothing; set FileDescriptorName= in its unit to milter, socketmap or admin", listeners[0].Addr(), name)
	}
	return fmt.Errorf("systemd hands over two sockets named %q, %s and %s; leave one ListenStream= in the units of that name", name, listeners[0].Addr(), listeners[1].Addr())
}

// openAll opens all sockets, or none.
func openAll(listen []config.Socket) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, one := range listen {
		listener, err := socket.Listen(one.Network, one.Address)
		if err != nil {
			sockets{milter: listeners}.close()
			return nil, fmt.Errorf("listen: %s: %w", one, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// keep notes a socket that is answered on, for those who ask, and has the file of one that the
// daemon opened watched.
func (d *daemon) keep(name string, listener net.Listener) {
	d.history.sockets = append(d.history.sockets, keptSocket{name, listener})
	if ours, ok := listener.(*socket.Listener); ok {
		go ours.Watch(d.log)
	}
}

// keptSocket is a socket that the daemon answers on.
type keptSocket struct {
	name     string
	listener net.Listener
}

// status says how the socket is.
func (k keptSocket) status() admin.Socket {
	doc := admin.Socket{Name: k.name, Address: addresses([]net.Listener{k.listener})[0]}
	if ours, ok := k.listener.(*socket.Listener); ok {
		state := ours.State()
		doc.Problem, doc.Since, doc.Reopened = state.Problem, state.Since, state.Reopened
	}
	return doc
}

// warnOfIdle names the sockets in the configuration that systemd did not hand over, by their key.
func (d *daemon) warnOfIdle(key, unit string, wanted []config.Socket, inherited []net.Listener) {
	for _, socket := range wanted {
		if !socket.IsZero() && !slices.ContainsFunc(inherited, func(l net.Listener) bool { return l.Addr().String() == socket.Address }) {
			d.log.Warn("no process answers at a socket in "+key+", because systemd hands over others", key, socket.String(),
				"remedy", "make ListenStream= of "+unit+" the same, or disable that unit; then restart")
		}
	}
}

// serveMilter answers Postfix on all of them, and returns where each that fails says so.
func (d *daemon) serveMilter(listeners []net.Listener, connections int) <-chan error {
	d.server = &milter.Server{
		Current: func() milter.Source {
			if now := d.current.Load(); now != nil {
				return now
			}
			return nil
		},
		Log: d.log, // the others are there when a generation is
		Now: func() time.Time { return d.clock.Now() }, Besides: func() []time.Time { return d.clock.Others() },
		Seen:    func(domain message.Domain) { d.watcher.Seen(domain) },
		Mail:    func(id string) { d.recorder.mail(id) },
		Counted: d.counted, CameBack: d.cameBack,
		Forbidden: func(f milter.Forbidden) { d.notices.forbid(f) }, Guessing: func(network netip.Prefix) { d.notices.guess(network) },
		Limits: milter.Limits{Connections: connections},
	}
	d.history.listen = addresses(listeners)
	d.serving.Store(true)
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		d.keep(milterName, listener)
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

// serveBeside begins to answer at the sockets of socketmap, admin and metrics, where it does not yet.
func (d *daemon) serveBeside(handed sockets, conf *config.Config) {
	if d.history.socketmap == "" {
		d.serveSocketmap(handed.socketmap, conf.Socketmap)
	}
	d.serveAdmin(handed.admin, conf)
}

// openBeside opens a socket that mail does not depend on, unless systemd handed it over. When
// that fails, it is logged with what is lost by it, and all else goes on; nil: there is none.
func (d *daemon) openBeside(key string, inherited net.Listener, wanted config.Socket, lost string) net.Listener {
	if inherited != nil || wanted.IsZero() {
		return inherited
	}
	listener, err := socket.Listen(wanted.Network, wanted.Address)
	d.history.lost = slices.DeleteFunc(d.history.lost, func(s admin.Socket) bool { return s.Name == key }) // of an earlier try
	if err != nil {
		level, remedy := openRemedy(key, wanted, err)
		d.log.Log(context.Background(), level, "no "+key+" socket: "+lost, key, wanted.String(), "error", err, "remedy", remedy)
		if level == slog.LevelError {
			d.history.lost = append(d.history.lost, admin.Socket{Name: key, Address: wanted.String(), Problem: err.Error(), Since: time.Now()})
		}
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

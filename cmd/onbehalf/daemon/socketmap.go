package daemon

import (
	"net"
	"time"

	"onbehalf/config"
	"onbehalf/socketmap"
	"onbehalf/tenant"
)

// serveSocketmap begins to answer Postfix's tables at the socket that systemd handed over, or at
// one that is opened. One that was handed over though the configuration wants none is answered
// all the same, and nothing is found there: Postfix would wait 100 seconds for each look-up.
func (d *daemon) serveSocketmap(inherited net.Listener, socket config.Socket) {
	listener := d.openBeside("socketmap", inherited, socket, "Postfix defers mail where its tables name it, and nothing is delivered directly")
	if listener == nil {
		return
	}
	d.history.socketmap = addresses([]net.Listener{listener})[0]
	d.keep(socketmapName, listener)
	server := &socketmap.Server{
		Current: d.answers, Ready: func() bool { return d.current.Load() != nil }, Log: d.log,
		Now: func() time.Time { return d.clock.Now() }, Besides: func() []time.Time { return d.clock.Others() },
	}
	go server.Serve(listener)
	d.closers = append(d.closers, server.Close)
}

// answers returns what Postfix's tables are answered from; nil: there was no socketmap at the
// start.
func (d *daemon) answers() *tenant.Snapshot {
	if d.history.opened.Socketmap.IsZero() {
		return nil
	}
	return d.current.Load().table.Snapshot()
}

// warnOfSocketmap says when the socket that systemd hands over is not the one that is configured.
func (d *daemon) warnOfSocketmap(inherited net.Listener, socket config.Socket) {
	switch {
	case inherited != nil && socket.IsZero():
		d.log.Warn("systemd hands over a socketmap socket, and socketmap is empty: nothing is found there", "socketmap", inherited.Addr().String(),
			"remedy", "systemctl disable --now onbehalf-socketmap.socket, or name the socket in socketmap; then restart")
	case inherited != nil:
		d.warnOfIdle("socketmap", "onbehalf-socketmap.socket", []config.Socket{socket}, []net.Listener{inherited})
	}
}

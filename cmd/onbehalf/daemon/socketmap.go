package daemon

import (
	"net"

	"onbehalf/config"
	"onbehalf/socketmap"
	"onbehalf/tenant"
)

// serveSocketmap begins to answer Postfix's tables at the socket that systemd handed over, or at
// one that is opened. One that was handed over though the configuration wants none is answered
// all the same, and nothing is found there: Postfix would wait 100 seconds for each look-up.
func (d *daemon) serveSocketmap(inherited net.Listener, socket config.Socket) (stop func()) {
	current := func() *tenant.Snapshot { return d.current.Load().table.Snapshot() }
	switch {
	case inherited != nil && socket.IsZero():
		current = func() *tenant.Snapshot { return nil }
		d.log.Warn("systemd hands over a socketmap socket, and socketmap is empty: nothing is found there", "socketmap", inherited.Addr().String(),
			"remedy", "systemctl disable --now onbehalf-socketmap.socket, or name the socket in socketmap; then restart")
	case inherited != nil:
		d.warnOfIdle("socketmap", "onbehalf-socketmap.socket", []config.Socket{socket}, []net.Listener{inherited})
	}
	listener := d.openBeside("socketmap", inherited, socket, "Postfix defers mail where its tables name it, and nothing is delivered directly")
	if listener == nil {
		return func() {}
	}
	d.history.socketmap = addresses([]net.Listener{listener})[0]
	d.keep(socketmapName, listener)
	server := &socketmap.Server{Current: current, Log: d.log, Now: d.clock.Now, Besides: d.clock.Others}
	go server.Serve(listener)
	return server.Close
}

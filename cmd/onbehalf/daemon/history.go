package daemon

import (
	"sync/atomic"
	"time"

	"onbehalf/admin"
	"onbehalf/config"
)

// history is what a daemon remembers of itself, for those who ask at the admin socket.
type history struct {
	started time.Time
	opened  config.Config // what a reload does not change: see needRestart
	listen  []string      // sockets that the milter answers on
	// socketmap is the socket that Postfix's tables are answered on; empty: none.
	socketmap string
	sockets   []keptSocket                 // all that are answered on
	lost      []admin.Socket               // those that should have been opened at start, and could not
	last      atomic.Pointer[admin.Reload] // nil: none yet
	good      atomic.Pointer[admin.Reload] // the one, or the start, that the current configuration came by
}

// remember takes the outcome of a start or reload.
func (h *history) remember(r admin.Reload) {
	r.Milliseconds = time.Since(r.At).Milliseconds()
	if h.good.Load() != nil {
		h.last.Store(&r)
	}
	if r.OK {
		h.good.Store(&r)
	}
}

// begin notes the start.
func (h *history) begin(first *Generation, findings config.Findings) {
	h.started = time.Now()
	h.opened = config.Config{Listen: first.Listen, Socketmap: first.Socketmap, Admin: first.Admin, StateDir: first.StateDir, Log: first.Log, Limits: first.Limits, Metrics: first.Metrics}
	h.remember(admin.Reload{At: h.started, OK: true, Findings: toAdmin(findings)})
}

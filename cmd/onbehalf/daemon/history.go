package daemon

import (
	"slices"
	"sync/atomic"
	"time"

	"onbehalf/admin"
	"onbehalf/config"
)

// history is what a daemon remembers of itself, for those who ask at the admin socket.
type history struct {
	started time.Time
	opened  config.Config // what a reload does not change: see needRestart
	// deferring is what was opened for a daemon that began without a configuration; nil: it had
	// one.
	deferring *config.Config
	listen    []string // sockets that the milter answers on
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
	opened := config.Config{Listen: first.Listen, Socketmap: first.Socketmap, Admin: first.Admin, StateDir: first.StateDir, Log: first.Log, Limits: first.Limits, Metrics: first.Metrics}
	if h.deferring != nil { // these were opened before it was known what they should be
		opened.Log, opened.Limits.Connections = h.deferring.Log, h.deferring.Limits.Connections
		if h.keeps(adminName) {
			opened.Admin = h.deferring.Admin
		}
		if h.keeps(metricsName) {
			opened.Metrics = h.deferring.Metrics
		}
	}
	h.opened = opened
	h.remember(admin.Reload{At: time.Now(), OK: true, Findings: toAdmin(findings)})
}

// keeps reports whether a socket of that name is answered on.
func (h *history) keeps(name string) bool {
	return slices.ContainsFunc(h.sockets, func(one keptSocket) bool { return one.name == name })
}

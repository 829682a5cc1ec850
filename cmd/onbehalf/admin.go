package main

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/tenant"
)

// memory is what a daemon remembers of itself, for those who ask at the admin socket.
type memory struct {
	started time.Time
	opened  config.Config // what a reload does not change: see needRestart
	listen  []string      // sockets that the milter answers on
	// socketmap is the socket that Postfix's tables are answered on; empty: none.
	socketmap string
	sockets   []keptSocket                 // all that are answered on
	last      atomic.Pointer[admin.Reload] // nil: none yet
	good      atomic.Pointer[admin.Reload] // the one, or the start, that the current configuration came by
}

// remember takes the outcome of a start or reload.
func (m *memory) remember(r admin.Reload) {
	r.Milliseconds = time.Since(r.At).Milliseconds()
	if m.good.Load() != nil {
		m.last.Store(&r)
	}
	if r.OK {
		m.good.Store(&r)
	}
}

// begin notes the start.
func (m *memory) begin(first *loaded, findings config.Findings) {
	m.started = time.Now()
	m.opened = config.Config{Listen: first.Listen, Socketmap: first.Socketmap, Admin: first.Admin, StateDir: first.StateDir, Log: first.Log, Limits: first.Limits}
	m.remember(admin.Reload{At: m.started, OK: true, Findings: told(findings)})
}

// told returns findings as a document has them.
func told(findings config.Findings) []admin.Finding {
	var all []admin.Finding
	for _, f := range findings {
		id, _ := strings.CutPrefix(f.Item, "tenant ")
		if id == f.Item {
			id = ""
		}
		all = append(all, admin.Finding{Level: f.Level.String(), Tenant: id, Text: f.String()})
	}
	return all
}

// serveAdmin begins to answer at the admin socket, if there is to be one: the one that systemd
// handed over, or one that is opened.
func (d *daemon) serveAdmin(inherited net.Listener, socket config.Socket) (stop func()) {
	listener := d.openBeside("admin", inherited, socket, "onbehalf status will not work, mail goes on")
	if listener == nil {
		return func() {}
	}
	handler := admin.NewHandler(admin.Source{
		Table:       func() *tenant.Table { return d.current.Load().table },
		Daemon:      d.tell,
		Findings:    func() []admin.Finding { return d.memory.good.Load().Findings },
		Next:        d.watcher.Next,
		Files:       d.files,
		Observation: func(domain message.Domain) (any, bool) { return d.current.Load().kept.Last(domain) },
		Returned:    func(id string) admin.Returned { return returned(d.server.Counts.Returns.ByTenant()[id]) },
	})
	d.keep(adminName, listener) // before anybody can ask
	server := admin.Serve(listener, handler, d.log)
	return func() { server.Close() }
}

// files tries what the configuration on disk names.
func (d *daemon) files() admin.Files {
	conf, _ := config.LoadBeside(d.program.config, os.Environ(), breather())
	doc := admin.Files{File: d.program.config, User: access.UserName(os.Geteuid()), Denied: []admin.Denied{}}
	for _, file := range access.Files(d.program.config, conf) {
		if err := file.Try(); err != nil {
			doc.Denied = append(doc.Denied, admin.Denied{Path: file.Path, Error: err.Error()})
		}
	}
	return doc
}

// returned says what came back for a tenant.
func returned(r milter.Returned) admin.Returned {
	doc := admin.Returned{Messages: r.Messages, Automatic: r.Automatic, Reports: r.Reports}
	for _, one := range r.Refusals {
		doc.Refusals = append(doc.Refusals, admin.Refusal{
			Receiver: one.Meaning.Receiver, Class: one.Meaning.Class, Finding: one.Finding, Fix: one.Meaning.Fix, Times: one.Times, Last: one.Last,
		})
	}
	slices.SortFunc(doc.Refusals, func(a, b admin.Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Finding, b.Finding))
	})
	return doc
}

// tell returns the daemon's part of a status.
func (d *daemon) tell() admin.Daemon {
	now, good := d.current.Load(), d.memory.good.Load()
	file, err := filepath.Abs(d.program.config)
	if err != nil {
		file = d.program.config
	}
	doc := admin.Daemon{
		Version: version, PID: os.Getpid(), Started: d.memory.started,
		Configuration: admin.Configuration{
			File: file, Loaded: good.At, Summary: now.summary(), Findings: good.Findings,
			NeedRestart: needRestart(&d.memory.opened, now.Config),
		},
		Listen: d.memory.listen, Socketmap: d.memory.socketmap,
		Reload:  d.memory.last.Load(),
		Sockets: d.tellSockets(), Connections: connections(d.server),
		Messages: messages(&d.server.Counts),
		Signing:  d.tellSigning(),
		Log:      d.out.Dropped(),
	}
	d.tellDNS(&doc)
	return doc
}

func (d *daemon) tellSockets() []admin.Socket {
	all := make([]admin.Socket, len(d.memory.sockets))
	for i, one := range d.memory.sockets {
		all[i] = one.tell()
	}
	return all
}

func connections(s *milter.Server) admin.Connections {
	c := s.Connections()
	busy := c.Begun + c.Due
	return admin.Connections{Limit: s.Limits.Connections, Open: c.Idle + busy, InMessage: busy, Displaced: c.Displaced, Refused: c.Refused}
}

func messages(c *milter.Counts) admin.Messages {
	return admin.Messages{
		Kept: c.Kept.Load(), Rewritten: c.Rewritten.Load(), Passed: c.Passed.Load(), Forwarded: c.Forwarded.Load(),
		Refused: c.Refused.Load(), Deferred: c.Deferred.Load(), Fragile: c.Fragile.Load(), Recipients: c.Recipients.Load(),
	}
}

func (d *daemon) tellDNS(doc *admin.Daemon) {
	s, err := d.watcher.Status()
	doc.DNS = admin.DNS{
		Domains: s.Domains, NotLookedUp: s.NotLookedUp, Oldest: s.Oldest, LookingUp: s.Looking, Due: s.Due, DueSince: s.DueSince,
		Unanswered: s.Silent, UnansweredSince: s.SilentSince, PausedUntil: s.PausedUntil, Unsaved: s.Unsaved,
	}
	if err != nil {
		doc.DNS.Error = err.Error()
	}
	doc.Changes = []admin.Change{}
	for _, e := range s.Events {
		doc.Changes = append(doc.Changes, admin.Change{At: e.At, Tenant: e.Tenant, Domain: e.Domain.String(), Mechanism: e.Mechanism,
			Before: e.Before, After: e.After, Evidence: e.Evidence})
	}
}

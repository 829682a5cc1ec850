package daemon

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/events"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/store"
	"onbehalf/tenant"
)

// toAdmin returns findings as a document has them.
func toAdmin(findings config.Findings) []admin.Finding {
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
// handed over, or one that is opened; and at the one for scrapers. It does not where it does
// already.
func (d *daemon) serveAdmin(inherited net.Listener, conf *config.Config) {
	if d.handler == nil {
		d.handler = d.newHandler()
	}
	begin := []func(){
		d.openHTTP(adminName, inherited, conf.Admin, d.handler, "onbehalf status will not work, mail goes on"),
		d.openHTTP(metricsName, nil, conf.Metrics.Listen, d.handler.Pages(), "no scraper is answered, mail goes on"),
	}
	for _, serve := range begin {
		serve()
	}
}

// openHTTP opens a socket, and returns what begins to answer there: when all are known, for one
// that answers may be asked about all.
func (d *daemon) openHTTP(name string, inherited net.Listener, wanted config.Socket, h http.Handler, lost string) (serve func()) {
	if d.history.keeps(name) {
		return func() {}
	}
	listener := d.openBeside(name, inherited, wanted, lost)
	if listener == nil {
		return func() {}
	}
	d.keep(name, listener)
	return func() {
		server := admin.Serve(name, listener, h, d.log)
		d.closers = append(d.closers, func() { server.Close() })
	}
}

// newHandler makes who answers at the admin socket.
func (d *daemon) newHandler() *admin.Handler {
	return admin.NewHandler(admin.Source{
		Unready:     d.unready,
		Table:       func() *tenant.Table { return d.current.Load().table },
		Daemon:      d.status,
		Findings:    func() []admin.Finding { return d.history.good.Load().Findings },
		Next:        func(domain message.Domain) time.Time { return d.watcher.Next(domain) },
		History:     func(q store.Query) ([]store.Entry, string, error) { return d.recorder.List(q) },
		Files:       d.files,
		LookNow:     func(id string) ([]message.Domain, time.Time, time.Duration) { return d.watcher.LookNow(id) },
		LookUp:      d.lookUp,
		Events:      func(after string, most int) (events.Page, error) { return d.notices.List(after, most) },
		TryEvents:   func(ctx context.Context) []events.Tried { return d.notices.Try(ctx) },
		Observation: func(domain message.Domain) (any, bool) { return d.current.Load().kept.Last(domain) },
		Counters:    d.countersOf,
		Returned:    func(id string) admin.Returned { return returned(d.server.Counts.Returns.Of(id)) },
		Pages:       d.pages,
	})
}

// files tries what the configuration on disk names.
func (d *daemon) files() admin.Files {
	conf, _ := config.LoadBeside(d.options.Config, os.Environ(), d.current.Load().before(), breather())
	doc := admin.Files{File: d.options.Config, User: access.UserName(os.Geteuid()), Denied: []admin.Denied{}}
	for _, file := range access.Files(d.options.Config, conf) {
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

// status returns the daemon's part of a status.
func (d *daemon) status() admin.Daemon {
	now, good := d.current.Load(), d.history.good.Load()
	doc := admin.Daemon{
		Version: d.options.Version, PID: os.Getpid(), Started: d.history.started,
		Configuration: admin.Configuration{
			File: absolute(d.options.Config), Loaded: good.At, Summary: now.Summary(), Findings: good.Findings,
			NeedRestart: needRestart(&d.history.opened, now.Config),
		},
		Listen: d.history.listen, Socketmap: d.history.socketmap,
		Reload:  d.history.last.Load(),
		Sockets: d.socketStatus(), Connections: connections(d.server),
		Messages: messages(&d.server.Counts), Untrusted: admin.Untrusted(d.server.Untrusted()),
		Signing: d.signingStatus(),
		Log:     d.out.Dropped(),
		Store:   d.storeStatus(),
		Events:  d.notices.Status(),
	}
	doc.Limits = d.limits(doc.Connections)
	d.dnsStatus(&doc)
	return doc
}

// absolute names a file for who stands in another folder.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

func (d *daemon) socketStatus() []admin.Socket {
	all := slices.Clone(d.history.lost)
	for _, one := range d.history.sockets {
		all = append(all, one.status())
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

func (d *daemon) dnsStatus(doc *admin.Daemon) {
	s, err := d.watcher.Status()
	doc.DNS = admin.DNS{
		Domains: s.Domains, NotLookedUp: s.NotLookedUp, Oldest: s.Oldest, LookingUp: s.Looking, Due: s.Due, DueSince: s.DueSince,
		Unanswered: s.Silent, UnansweredSince: s.SilentSince, PausedUntil: s.PausedUntil,
		Denied: s.Denied, NextLookup: s.Next,
	}
	doc.DNS.Unsaved, doc.DNS.UnsavedFix = d.store.Health().Advice()
	if err != nil {
		doc.DNS.Error = err.Error()
	}
	if none := d.current.Load().dns.none; none != nil {
		doc.DNS.NoServer = none.Error()
	}
	doc.Changes = []admin.Change{}
	for _, e := range s.Events {
		doc.Changes = append(doc.Changes, admin.Change{At: e.At, Tenant: e.Tenant, Domain: e.Domain.String(), Mechanism: e.Mechanism,
			Before: e.Before, After: e.After, Evidence: e.Evidence})
	}
}

package admin_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func platform(t testing.TB) *tenant.Platform {
	from, err := tenant.ParseTemplate("noreply")
	if err != nil {
		t.Fatal(err)
	}
	return &tenant.Platform{
		Name: "Courseware", Domain: domain(t, "courseware.nl"), From: from, FromDomain: domain(t, "courseware.nl"),
		Bounce:     domain(t, "bounces.courseware.nl"),
		Identities: []tenant.Identity{{SDID: domain(t, "courseware.nl"), Selector: "cw1", Algorithm: tenant.RSA}},
		SRS:        tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}, MaxAge: 24 * time.Hour},
	}
}

// customer makes a tenant whose DNS decides, with a key under cw1.
func customer(t testing.TB, id string, patterns ...string) *tenant.Tenant {
	t.Helper()
	one := &tenant.Tenant{ID: id, Authorization: tenant.Auto, FromName: tenant.DefaultFromName(),
		Policy: tenant.Policy{RewriteFrom: tenant.RewriteAlways, KeepEnvelope: true, Mode: tenant.Enforce}}
	for _, s := range patterns {
		p, err := tenant.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
		one.Identities = append(one.Identities, tenant.Identity{SDID: p.Domain, Selector: "cw1", Algorithm: tenant.RSA})
	}
	return one
}

// noon is when everything in these tests was looked up.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func mechanism(state tenant.State) tenant.Mechanism {
	return tenant.Mechanism{State: state, Of: "what is wanted", Since: noon, Checked: noon, Evidence: "as seen"}
}

// standing makes one that has been looked up. Return paths are wanted by those that have
// a state for them.
func standing(t testing.TB, name string, spf, key, path tenant.State) tenant.Standing {
	s := tenant.Standing{
		Domain: domain(t, name), SPF: mechanism(spf), DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: mechanism(key)}},
		DMARC: tenant.DMARC{Policy: dmarc.Absent, Checked: noon},
	}
	if path != tenant.Unknown {
		s.ReturnPath = mechanism(path)
		s.ReturnPath.Of = "bounce." + name
	}
	return s
}

// desk is a handler, and what it answers from.
type desk struct {
	t       testing.TB
	table   *tenant.Table
	daemon  admin.Daemon
	unready *admin.Unready
	asked   func() // nil, or what happens when it is asked for a status
}

func newDesk(t testing.TB, tenants []*tenant.Tenant, standings ...tenant.Standing) *desk {
	t.Helper()
	table, err := tenant.NewTable(platform(t), tenants)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.SetStandings(standings...); err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, table: table}
}

func (d *desk) handler() *admin.Handler {
	t := d.t
	return admin.NewHandler(admin.Source{
		History:   historyOf,
		Events:    eventsOf,
		TryEvents: tryEvents,
		Unready:   func() *admin.Unready { return d.unready },
		Observation: func(d message.Domain) (any, bool) {
			return map[string]string{"of": d.String()}, d.String() == "one.example"
		},
		Table: func() *tenant.Table { return d.table },
		Daemon: func() admin.Daemon {
			if d.asked != nil {
				d.asked()
			}
			return d.daemon
		},
		Findings: func() []admin.Finding { return d.daemon.Configuration.Findings },
		Next:     func(message.Domain) time.Time { return noon.Add(time.Hour) },
		LookNow: func(id string) ([]message.Domain, time.Time, time.Duration) {
			if id == "asked" {
				return nil, noon, 12*time.Second + 300*time.Millisecond
			}
			return []message.Domain{domain(t, id+".example")}, noon, 0
		},
		LookUp: func(_ context.Context, what, _ string, t *tenant.Tenant) (any, error) {
			return map[string]any{"what": what, "platform": t == nil}, nil
		},
		Counters: countersOf,
		Returned: func(id string) admin.Returned { return admin.Returned{Messages: int64(len(id))} },
		Files: func() admin.Files {
			return admin.Files{File: "/etc/onbehalf/onbehalf.yaml", User: "onbehalf", Denied: []admin.Denied{{Path: "/key", Error: "permission denied"}}}
		},
	})
}

// ask asks the handler itself, as if over a unix socket.
func (d *desk) ask(t testing.TB, path string, document any) {
	t.Helper()
	askOf(t, d.handler(), path, document)
}

func askOf(t testing.TB, h http.Handler, path string, document any) {
	t.Helper()
	answer := get(h, http.MethodGet, path, "", "unix")
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), document); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) status(t testing.TB) (s admin.Status) { return statusOf(t, d.handler()) }

func statusOf(t testing.TB, h http.Handler) (s admin.Status) { askOf(t, h, "/status", &s); return s }

// get makes a request that has come over a network of that name.
func get(h http.Handler, method, path, host, network string) *httptest.ResponseRecorder {
	var at net.Addr = &net.UnixAddr{Name: "/x", Net: "unix"}
	if network != "unix" {
		at = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8465}
	}
	request := httptest.NewRequest(method, path, nil)
	request.Host = host
	request = request.WithContext(withLocalAddr(request.Context(), at))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	return answer
}

package admin_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/tenant"
)

// TestReadiness: each check by itself makes the daemon unready, but for the configuration.
func TestReadiness(t *testing.T) {
	good := func() admin.Daemon {
		return admin.Daemon{DNS: admin.DNS{Domains: 1, Oldest: noon}, Sockets: []admin.Socket{{Name: "milter"}, {Name: "metrics"}}}
	}
	tests := map[string]struct {
		change func(*admin.Daemon)
		failed string // check; empty: none
		text   string
	}{
		"all is well":        {func(*admin.Daemon) {}, "", "the platform's key signs"},
		"reload accepted":    {func(d *admin.Daemon) { d.Reload = &admin.Reload{OK: true} }, "", "the last reload was accepted"},
		"reload refused":     {func(d *admin.Daemon) { d.Reload = &admin.Reload{} }, "", "the last reload was REFUSED"},
		"no signature":       {func(d *admin.Daemon) { d.Signing.Failed = "no key" }, "signing", "does not sign: no key"},
		"socket gone":        {func(d *admin.Daemon) { d.Sockets[0].Problem = "removed" }, "sockets", "milter at : removed"},
		"scraper's own":      {func(d *admin.Daemon) { d.Sockets[1].Problem = "taken" }, "", "all can be reached"},
		"DNS not needed":     {func(d *admin.Daemon) { d.DNS = admin.DNS{} }, "", "not needed"},
		"DNS not asked yet":  {func(d *admin.Daemon) { d.DNS.Oldest = time.Time{} }, "dns", "has not answered yet"},
		"one lookup is lost": {func(d *admin.Daemon) { d.DNS.Unanswered = 1 }, "", "answers"},
		"DNS dead":           {func(d *admin.Daemon) { d.DNS.Unanswered, d.DNS.PausedUntil = 12, noon }, "dns", "does not answer (12 lookups)"},
		"DNS lies":           {func(d *admin.Daemon) { d.DNS.Denied = domain(t, "courseware.nl") }, "dns", "is not believed"},
		"no server":          {func(d *admin.Daemon) { d.DNS.NoServer = "resolv.conf is empty" }, "dns", "there is no server to ask: resolv.conf is empty"},
		"table torn":         {func(d *admin.Daemon) { d.DNS.Error = "torn" }, "dns", "torn"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, failed, texts := good(), "", ""
			test.change(&d)
			for _, c := range admin.Readiness(d) {
				if !c.OK {
					failed += c.Name
				}
				texts += c.Text + "\n"
			}
			if failed != test.failed || !strings.Contains(texts, test.text) {
				t.Errorf("failed: %q, want %q; texts, want %q:\n%s", failed, test.failed, test.text, texts)
			}
		})
	}
}

// pagesOf are pages with one check.
func pagesOf(c admin.Check) admin.Pages {
	return admin.Pages{Ready: func() []admin.Check { return []admin.Check{c} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("onbehalf_x 1\n")) })}
}

// TestPages: they are answered at both sockets, and documents at the admin socket alone.
func TestPages(t *testing.T) {
	pages := pagesOf(admin.Check{Name: "dns", OK: true, Text: "answers"})
	desk := newDesk(t, nil)
	both := admin.NewHandler(admin.Source{
		Unready: func() *admin.Unready { return nil },
		Table:   func() *tenant.Table { return desk.table }, Daemon: func() admin.Daemon { return desk.daemon },
		Pages: func(func() (admin.Status, error)) admin.Pages { return pages },
	})
	for _, test := range []struct {
		method, path, host, network string
		status, alone               int // at the admin socket, and at metrics.listen
		text                        string
	}{
		{"GET", "/metrics", "", "unix", 200, 200, "onbehalf_x 1"},
		{"GET", "/healthz", "", "unix", 200, 200, "ok\n"},
		{"GET", "/readyz", "", "unix", 200, 200, "ok dns: answers\n"},
		{"POST", "/metrics", "", "unix", 405, 405, ""},
		{"GET", "/status", "", "unix", 200, 404, ""},
		{"GET", "/tenants/x", "", "unix", 404, 404, ""},
		{"GET", "/metrics", "127.0.0.1:9465", "tcp", 200, 200, "onbehalf_x 1"},
		{"GET", "/metrics", "attacker.example", "tcp", 421, 421, ""},
		{"GET", "/readyz", "attacker.example", "tcp", 421, 421, ""},
	} {
		t.Run(test.method+" "+test.path+" "+test.host, func(t *testing.T) {
			for _, at := range []struct {
				handler http.Handler
				want    int
			}{{both, test.status}, {pages, test.alone}} {
				answer := get(at.handler, test.method, test.path, test.host, test.network)
				if answer.Code != at.want || !strings.Contains(answer.Body.String(), test.text) {
					t.Errorf("%T: %d, want %d: %s", at.handler, answer.Code, at.want, answer.Body)
				}
			}
		})
	}
}

// TestScraperByName: at an address that is not loopback, a scraper may use a name.
func TestScraperByName(t *testing.T) {
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Host = "mail1.courseware.nl:9465"
	request = request.WithContext(withLocalAddr(request.Context(), &net.TCPAddr{IP: net.IPv4(80, 84, 235, 70), Port: 9465}))
	answer := httptest.NewRecorder()
	pagesOf(admin.Check{}).ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Errorf("%d: %s", answer.Code, answer.Body)
	}
}

// TestUnready: a load balancer sees it by the status, and people by the line, whatever is in it.
func TestUnready(t *testing.T) {
	answer := get(pagesOf(admin.Check{Name: "dns", Text: "not\x1b[31m\nok signing"}), "GET", "/readyz", "", "unix")
	if want := "FAILED dns: not?[31m?ok signing\n"; answer.Code != 503 || answer.Body.String() != want {
		t.Errorf("%d: %q, want %q", answer.Code, answer.Body, want)
	}
}

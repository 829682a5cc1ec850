package admin

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Check is one thing that a daemon which is ready does.
type Check struct {
	Name string // configuration, signing, sockets or dns
	OK   bool
	Text string // what was found, on one line
}

// Readiness says what the daemon does of what it must, by what it says of itself. A reload that
// was refused leaves it ready, by the configuration before.
func Readiness(d Daemon) []Check {
	return []Check{readyConfiguration(d), readySigning(d.Signing), readySockets(d.Sockets), readyDNS(d.DNS)}
}

func readyConfiguration(d Daemon) Check {
	c := Check{"configuration", true, "valid, no reload since the start"}
	switch {
	case d.Reload == nil:
	case d.Reload.OK:
		c.Text = "valid, the last reload was accepted"
	default:
		c.Text = "valid, but the last reload was REFUSED and the configuration before it is in use; run: onbehalf check-config"
	}
	return c
}

func readySigning(s Signing) Check {
	if s.Failed != "" {
		return Check{"signing", false, "the platform's key does not sign: " + s.Failed}
	}
	return Check{"signing", true, "the platform's key signs, and the signature verifies"}
}

func readySockets(all []Socket) Check {
	var broken []string
	for _, s := range all {
		if s.Problem != "" && s.Name != "metrics" {
			broken = append(broken, s.Name+" at "+s.Address+": "+s.Problem)
		}
	}
	if broken != nil {
		return Check{"sockets", false, "cannot be reached: " + strings.Join(broken, ", ")}
	}
	return Check{"sockets", true, "all can be reached"}
}

func readyDNS(d DNS) Check {
	c := Check{Name: "dns"}
	switch {
	case d.Error != "":
		c.Text = d.Error
	case d.NoServer != "" && d.Domains > 0:
		c.Text = "there is no server to ask: " + d.NoServer
	case d.Domains == 0:
		c.OK, c.Text = true, "not needed: no tenant has authorization: auto"
	case !d.Denied.IsZero():
		c.Text = "is not believed: it says that " + d.Denied.String() + " has no records any more"
	case !d.PausedUntil.IsZero():
		c.Text = fmt.Sprintf("does not answer (%d lookups)", d.Unanswered)
	case d.Oldest.IsZero():
		c.Text = "has not answered yet"
	default:
		c.OK, c.Text = true, "answers"
	}
	return c
}

// Pages are the answers that are no documents: text for scrapers and load balancers.
type Pages struct {
	Metrics http.Handler   // nil: there is no such page
	Ready   func() []Check // nil: there is no such page
}

// ServeHTTP answers all pages, and nothing else: it is what stands at metrics.listen. At a loopback
// address a web browser of the host may be made to ask, as the package's page says.
func (p Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, no := p.page(r)
	switch {
	case no == nil && page == nil:
		no = refuse(http.StatusNotFound, "there is nothing here; ask for /metrics, /healthz or /readyz")
	case overLoopback(r) && !local(r.Host):
		no = misdirected(r)
	}
	if no != nil {
		write(w, r, no.status, Error{Text: no.text})
		return
	}
	page.ServeHTTP(w, r)
}

// page returns what answers at a path; nil: no page is there.
func (p Pages) page(r *http.Request) (http.Handler, *refusal) {
	var page http.Handler
	switch r.URL.Path {
	case "/metrics":
		page = p.Metrics
	case "/healthz":
		page = http.HandlerFunc(healthy)
	case "/readyz":
		if p.Ready != nil {
			page = http.HandlerFunc(p.ready)
		}
	}
	if page != nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, refuse(http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	}
	return page, nil
}

// healthy answers /healthz: who answers, lives.
func healthy(w http.ResponseWriter, r *http.Request) { say(w, http.StatusOK, "ok\n") }

// ready answers /readyz, a line for each check.
func (p Pages) ready(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, ""
	for _, c := range p.Ready() {
		word := "ok"
		if !c.OK {
			status, word = http.StatusServiceUnavailable, "FAILED"
		}
		text += fmt.Sprintf("%s %s: %s\n", word, c.Name, strings.Map(printable, c.Text))
	}
	say(w, status, text)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Server", product)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

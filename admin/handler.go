package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Source is where a Handler finds what it tells. Its funcs are called for each
// question, by many goroutines.
type Source struct {
	Table    func() *tenant.Table // the current one
	Daemon   func() Daemon        // with all findings: the Handler cuts them to size
	Returned func(tenant string) Returned
	// Observation returns what DNS answered last about a domain; false: nothing is kept of it.
	Observation func(message.Domain) (any, bool)
}

// Handler answers HTTP. It is an http.Handler; Serve puts it on a socket.
type Handler struct {
	source Source
	// turn lets in one question at a time: that of 10,000 tenants keeps a processor
	// busy for a moment, and mail needs the others.
	turn sync.Mutex
}

// NewHandler makes a Handler.
func NewHandler(source Source) *Handler { return &Handler{source: source} }

// ServeHTTP is of http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	document, no := h.answer(r)
	if no != nil {
		write(w, r, no.status, Error{no.text})
		return
	}
	write(w, r, http.StatusOK, document)
}

// refusal is an answer that is none.
type refusal struct {
	status int
	text   string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func (h *Handler) answer(r *http.Request) (any, *refusal) {
	id, isTenant := strings.CutPrefix(r.URL.Path, "/tenants/")
	domain, isDomain := strings.CutPrefix(r.URL.Path, "/observations/")
	switch {
	case overInet(r) && !local(r.Host):
		return nil, refuse(http.StatusMisdirectedRequest, "ask by an IP address or as localhost, not as %q", r.Host)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return nil, refuse(http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	case r.URL.Path == "/status":
		return h.status()
	case isTenant:
		return h.tenant(id)
	case isDomain:
		return h.observation(domain)
	}
	return nil, refuse(http.StatusNotFound, "there is nothing here; ask for /status, /tenants/ID or /observations/DOMAIN")
}

func (h *Handler) observation(domain string) (any, *refusal) {
	d, err := message.ParseDomain(domain)
	if err != nil {
		return nil, refuse(http.StatusNotFound, "%v", err)
	}
	observed, found := h.source.Observation(d)
	if !found {
		return nil, refuse(http.StatusNotFound, "no observation of %s is kept: it is not watched, not looked up yet, or too large", d)
	}
	return observed, nil
}

func (h *Handler) status() (any, *refusal) {
	h.turn.Lock()
	defer h.turn.Unlock()
	table := h.source.Table()
	v, err := newSurvey(table, time.Now())
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "%v", err)
	}
	doc := Status{Daemon: h.source.Daemon()}
	doc.Now = v.now
	doc.cut()
	var found problems
	doc.Tenants, found = v.all(table.Tenants())
	doc.Problems, doc.ProblemsTotal = found.worst(), len(found)
	return doc, nil
}

func (h *Handler) tenant(id string) (any, *refusal) {
	h.turn.Lock()
	defer h.turn.Unlock()
	v, err := newSurvey(h.source.Table(), time.Now())
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "%v", err)
	}
	t := v.snapshot.Tenant(id)
	if t == nil {
		return nil, refuse(http.StatusNotFound, "no tenant has the id %q", id)
	}
	doc := v.tenant(t)
	doc.Returned = h.source.Returned(id)
	all := h.source.Daemon().Configuration.Findings
	own := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Tenant != id })
	doc.Findings, doc.FindingsTotal = firstFew(own)
	return doc, nil
}

// cut bounds the lists of findings.
func (d *Daemon) cut() {
	c := &d.Configuration
	c.Findings, c.FindingsTotal = firstFew(c.Findings)
	if d.Reload != nil {
		r := *d.Reload // the source may keep it
		r.Findings, r.FindingsTotal = firstFew(r.Findings)
		d.Reload = &r
	}
}

func firstFew(all []Finding) (few []Finding, total int) {
	return append([]Finding{}, all[:min(len(all), maxListed)]...), len(all)
}

// overInet tells whether a web browser could have sent the request.
func overInet(r *http.Request) bool {
	at, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !known || at.Network() != "unix"
}

// local tells whether a Host field can only have been meant for this host: no name
// that someone else's DNS leads here.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

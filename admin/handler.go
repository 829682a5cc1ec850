package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"onbehalf/events"
	"onbehalf/message"
	"onbehalf/store"
	"onbehalf/tenant"
)

// Source is where a Handler finds its answers. Its funcs are called for each
// question, by many goroutines.
type Source struct {
	Unready  func() *Unready                // why nothing but Files can be answered, with all findings; nil: all can
	Table    func() *tenant.Table           // the current one
	Daemon   func() Daemon                  // with all findings: the Handler cuts them to size
	Findings func() []Finding               // all of the current configuration
	Next     func(message.Domain) time.Time // the next lookup of a domain; zero: there is none
	Returned func(tenant string) Returned
	Counters func(id string) (Counters, error) // of a tenant, counters.Platform or counters.Unknown
	Files    func() Files                      // tries them
	// LookNow has a tenant's domains looked up next, and returns them; or how long to wait, because
	// somebody has asked for that just before. What ends later than at has begun later.
	LookNow func(tenant string) (domains []message.Domain, at time.Time, wait time.Duration)
	// LookUp looks up DNS now, as onbehalf dns and check do, for a tenant; nil: the platform.
	LookUp func(ctx context.Context, what, host string, t *tenant.Tenant) (any, error)
	// History returns a page of what happened, and where the next page begins.
	History func(store.Query) (page []store.Entry, next string, err error)
	// Events returns the last events, or those after a place that a page has said.
	Events func(after string, most int) (events.Page, error)
	// TryEvents sends a test event to each receiver.
	TryEvents func(context.Context) []events.Tried
	// Observation returns what DNS answered last about a domain; false: nothing is kept of it.
	Observation func(message.Domain) (any, bool)
	// Pages makes the pages beside the documents, from the document at /status.
	Pages func(status func() (Status, error)) Pages
}

// Handler answers HTTP. It is an http.Handler; Serve puts it on a socket.
type Handler struct {
	source Source
	trying sync.Mutex // one test of events at a time
	// turn lets in one question about all tenants at a time: that of 10,000 keeps a processor
	// busy for a moment, and mail needs the others.
	turn    sync.Mutex
	lookups sync.Mutex // likewise, for a question that has DNS asked
	summary summary
	pages   Pages
}

// NewHandler makes a Handler.
func NewHandler(source Source) *Handler {
	h := &Handler{source: source}
	if source.Pages != nil {
		h.pages = source.Pages(h.Status)
	}
	return h
}

// Pages returns the pages that the Handler answers with.
func (h *Handler) Pages() Pages { return h.pages }

// Reloaded lets go of what was worked out of the table before, when the answer is done that may be
// under way; it does not wait for that. It is called when the source has another table.
func (h *Handler) Reloaded() { go h.summary.letGo() }

// ServeHTTP is of http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if page, _ := h.pages.page(r); page != nil && !(overInet(r) && !local(r.Host)) {
		page.ServeHTTP(w, r)
		return
	}
	document, no := h.answer(r)
	if no != nil {
		write(w, r, no.status, Error{no.text, no.unready})
		return
	}
	write(w, r, http.StatusOK, document)
}

// refusal is an answer that is none.
type refusal struct {
	status  int
	text    string
	unready *Unready
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

func (h *Handler) answer(r *http.Request) (any, *refusal) {
	switch {
	case overInet(r) && !local(r.Host):
		return nil, misdirected(r)
	case r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead:
		return nil, refuse(http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	case r.URL.Path == "/files" && r.Method != http.MethodPost:
		h.turn.Lock()
		defer h.turn.Unlock()
		return h.source.Files(), nil
	}
	if why := h.source.Unready(); why != nil {
		why.Findings, why.FindingsTotal = firstFew(why.Findings)
		return nil, &refusal{http.StatusServiceUnavailable, why.Status(), why}
	}
	if r.Method == http.MethodPost {
		return h.post(r)
	}
	return h.get(r)
}

// get returns what is asked for, of a daemon that decides mail.
func (h *Handler) get(r *http.Request) (any, *refusal) {
	id, isTenant := strings.CutPrefix(r.URL.Path, "/tenants/")
	domain, isDomain := strings.CutPrefix(r.URL.Path, "/observations/")
	whose, isCounters := strings.CutPrefix(r.URL.Path, "/counters/")
	switch {
	case r.URL.Path == "/status":
		doc, err := h.Status()
		if err != nil {
			return nil, refuse(http.StatusInternalServerError, "%v", err)
		}
		return doc, nil
	case r.URL.Path == "/history":
		return h.history(r.URL.Query())
	case r.URL.Path == "/events":
		return h.events(r.URL.Query())
	case r.URL.Path == "/standings":
		return h.standings(r.URL.Query())
	case isTenant:
		return h.tenant(id)
	case isCounters:
		return h.counters(whose)
	case isDomain:
		return h.observation(domain)
	case strings.HasPrefix(r.URL.Path, "/dns/"), strings.HasPrefix(r.URL.Path, "/check/"):
		return h.lookUp(r)
	}
	return nil, refuse(http.StatusNotFound, "there is nothing here; ask for /status, /history, /events, /metrics, /healthz, /readyz, /files, /standings, /tenants/TENANT, /counters/TENANT, /observations/DOMAIN, /dns/TENANT or /check/TENANT")
}

// lookupTime bounds a lookup, within what a client waits.
const lookupTime = 20 * time.Second

// lookUp looks up DNS now: for one who asks at a time, because it takes from the lookups that the
// watch may make a second.
func (h *Handler) lookUp(r *http.Request) (any, *refusal) {
	if no := refusePages(r); no != nil {
		return nil, no
	}
	what, called, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var t *tenant.Tenant
	if called != "" {
		var hint string
		if t, hint = h.source.Table().Snapshot().Find(called); t == nil {
			return nil, refuse(http.StatusNotFound, "there is no tenant %.80q%s", called, hint)
		}
	}
	if !h.lookups.TryLock() {
		return nil, refuse(http.StatusServiceUnavailable, "DNS is being looked up for another question; ask again")
	}
	defer h.lookups.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), lookupTime)
	defer cancel()
	document, err := h.source.LookUp(ctx, what, r.URL.Query().Get("host"), t)
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "%v", err)
	}
	return document, nil
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

// ErrUnready is that there is no status, because there is nothing to decide mail by (Unready).
var ErrUnready = errors.New("there is no configuration to decide mail by")

// Status returns the document at /status. An error is ErrUnready, or the table's.
func (h *Handler) Status() (Status, error) {
	if h.source.Unready() != nil {
		return Status{}, ErrUnready
	}
	h.turn.Lock()
	defer h.turn.Unlock()
	table := h.source.Table()
	doc := Status{Daemon: h.source.Daemon()}
	doc.Now = time.Now()
	doc.cut()
	tenants, found, err := h.summary.of(table, doc.Now)
	if h.source.Table() != table { // Reloaded may have come before it was kept
		h.summary.letGo()
	}
	if err != nil {
		return Status{}, err
	}
	doc.Tenants, doc.Problems, doc.ProblemsTotal, doc.WaitingTotal = tenants, found.problems(), found.total, found.waiting
	doc.ProblemsBy = found.byKind()
	return doc, nil
}

// post has a tenant looked up, or a test event sent.
func (h *Handler) post(r *http.Request) (any, *refusal) {
	path, isTenant := strings.CutPrefix(r.URL.Path, "/tenants/")
	id, isLookups := strings.CutSuffix(path, "/lookups")
	switch {
	case r.URL.Path != testPath && (!isTenant || !isLookups):
		return nil, refuse(http.StatusMethodNotAllowed, "only GET and HEAD are answered here; POST at /tenants/ID/lookups and "+testPath+" alone")
	}
	if no := refusePages(r); no != nil {
		return nil, no
	}
	if r.URL.Path == testPath {
		return h.tryEvents(r.Context())
	}
	t, hint := h.source.Table().Snapshot().Find(id)
	if t == nil {
		return nil, refuse(http.StatusNotFound, "there is no tenant %.80q%s", id, hint)
	}
	if t.Authorization != tenant.Auto {
		return nil, refuse(http.StatusConflict, "tenant %s has authorization: %s, so that its DNS is not looked up", t.ID, t.Authorization)
	}
	domains, at, wait := h.source.LookNow(t.ID)
	if wait > 0 {
		return nil, refuse(http.StatusTooManyRequests, "the domains of tenant %s were looked up a moment ago; ask again in %s", t.ID, wait.Truncate(time.Second)+time.Second)
	}
	return Lookups{At: at, Domains: domains}, nil
}

func (h *Handler) tenant(called string) (any, *refusal) {
	v := newSurvey(h.source.Table(), time.Now())
	t, hint := v.snapshot.Find(called)
	if t == nil {
		return nil, refuse(http.StatusNotFound, "there is no tenant %.80q%s", called, hint)
	}
	doc := v.tenant(t, h.source.Next)
	if v.err != nil {
		return nil, refuse(http.StatusInternalServerError, "%v", v.err)
	}
	doc.Returned, doc.Counters = h.source.Returned(t.ID), h.countersWithin(t.ID)
	var own []Finding
	for _, f := range h.source.Findings() {
		if f.Tenant == t.ID {
			own = append(own, f)
		}
	}
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

// refusePages refuses what has DNS asked when a page in a web browser sent it: any page may send its
// readers here, which would keep the lookups from all others. Browsers name the page in Origin (RFC
// 6454 section 7), unless it is for a picture or the like, and say with Sec-Fetch-Site (W3C Fetch
// Metadata) that a page asks, and not the user ("none").
func refusePages(r *http.Request) *refusal {
	if site := r.Header.Get("Sec-Fetch-Site"); r.Header.Get("Origin") != "" || site != "" && site != "none" {
		return refuse(http.StatusForbidden, "web pages may not ask for lookups")
	}
	return nil
}

func misdirected(r *http.Request) *refusal {
	return refuse(http.StatusMisdirectedRequest, "ask by an IP address or as localhost, not as %q", r.Host)
}

// overLoopback reports whether a request came to a loopback address.
func overLoopback(r *http.Request) bool {
	at, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return at != nil && at.IP.IsLoopback()
}

// overInet reports whether a web browser could have sent the request.
func overInet(r *http.Request) bool {
	at, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !known || at.Network() != "unix"
}

// local reports whether a Host field can only have been meant for this host: no name
// that the DNS of somebody else may point here.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

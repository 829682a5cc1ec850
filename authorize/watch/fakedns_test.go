package watch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// usual are the rules of the default configuration.
var usual = authorize.Rules{PendingEvery: 5 * time.Minute, ActiveEvery: time.Hour, DemoteAfter: time.Hour}

func dom(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// town is a DNS made of verdicts: each domain gives one for all that it is asked for.
type town struct {
	mu      sync.Mutex
	usual   authorize.Verdict
	verdict map[string]authorize.Verdict // by domain, where it is another
	slow    map[string]time.Duration     // that a look at the domain takes
	takes   time.Duration                // that any other look takes
	limit   *rate.Limiter                // nil: none
	gone    map[string]bool              // domains without any record
	denies  bool                         // it says so of all domains
	record  bool
	looks   map[string][]time.Time // their beginnings
	under   int
	most    int // looks under way at the same time
}

func newTown() *town {
	return &town{usual: authorize.There, verdict: make(map[string]authorize.Verdict), slow: make(map[string]time.Duration), gone: make(map[string]bool),
		takes: 20 * time.Millisecond, record: true, looks: make(map[string][]time.Time)}
}

func (n *town) set(domain string, v authorize.Verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verdict[domain] = v
}

func (n *town) setAll(v authorize.Verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.usual = v
	clear(n.verdict)
}

// at gives when looks at a domain began.
func (n *town) at(domain string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.looks[domain])
}

func (n *town) count() (all int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range n.looks {
		all += len(at)
	}
	return all
}

// forget makes looks count from now on.
func (n *town) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looks = make(map[string][]time.Time)
}

func (n *town) begin(domain string) (takes time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.record {
		n.looks[domain] = append(n.looks[domain], time.Now())
	}
	n.under++
	n.most = max(n.most, n.under)
	if slow, found := n.slow[domain]; found {
		return slow
	}
	return n.takes
}

func (n *town) end(domain string) authorize.Verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.under--
	if v, found := n.verdict[domain]; found {
		return v
	}
	return n.usual
}

const ourIPs = "80.84.235.70"

// look is a Source's Look.
func (n *town) look(ctx context.Context, s authorize.Target) authorize.Report {
	domain := s.Domain.String()
	takes := n.begin(domain)
	if n.limit != nil {
		if err := n.limit.Wait(ctx); err != nil {
			takes = 0
		}
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	report := reportOf(s, n.end(domain))
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.denies || n.gone[domain] {
		report = reportOf(s, authorize.Missing)
		report.Blank, report.DMARC.Policy = true, dmarc.Absent
	}
	return report
}

// vanish takes all records of some domains away.
func (n *town) vanish(domains ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range domains {
		n.gone[d] = true
	}
}

// deny makes it say that there is nothing at all, or no longer.
func (n *town) deny(denies bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.denies = denies
}

// reportOf gives the report of a look that finds the same everywhere.
func reportOf(s authorize.Target, v authorize.Verdict) authorize.Report {
	f := authorize.Finding{Verdict: v, Text: "it is " + v.String()}
	r := authorize.Report{Target: s, Addresses: ourIPs, SPF: f, ReturnPath: f, Policy: f, Answered: v != authorize.Unanswered}
	r.Keys = slices.Repeat([]authorize.Finding{f}, len(s.Keys))
	if v != authorize.Unanswered {
		r.Policy.Verdict = authorize.There
		r.DMARC.Policy = dmarc.None
	}
	return r
}

// platformOf gives a platform.
func platformOf(t testing.TB) *tenant.Platform {
	return &tenant.Platform{
		Domain: dom(t, "courseware.nl"), FromDomain: dom(t, "courseware.nl"), Bounce: dom(t, "bounces.courseware.nl"),
		SendingIPs: []netip.Addr{netip.MustParseAddr(ourIPs)},
		SRS:        tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}},
	}
}

// ofTown makes a tenant whose DNS decides, of an id and patterns.
func ofTown(t testing.TB, id string, patterns ...string) *tenant.Tenant {
	t.Helper()
	one := &tenant.Tenant{ID: id, Authorization: tenant.Auto}
	for _, s := range patterns {
		p, err := tenant.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
	}
	return one
}

// signing gives a tenant a key under a selector.
func signing(t testing.TB, one *tenant.Tenant, ring *keys.Ring, sdid, selector string) *tenant.Tenant {
	t.Helper()
	id := tenant.Identity{SDID: dom(t, sdid), Selector: selector, Algorithm: tenant.Ed25519}
	key, err := keys.Generate(tenant.Ed25519, 0)
	if err == nil {
		err = ring.Add(id, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	one.Identities = append(one.Identities, id)
	return one
}

// crowd gives n tenants of one domain each.
func crowd(t testing.TB, n int) []*tenant.Tenant {
	all := make([]*tenant.Tenant, n)
	for i := range all {
		all[i] = ofTown(t, fmt.Sprintf("t%d", i), crowdDomain(i))
	}
	return all
}

func crowdDomain(i int) string { return fmt.Sprintf("customer%d.example", i) }

// watch is a Watcher at work in a bubble of synctest.
type watch struct {
	*Watcher
	t    testing.TB
	town *town
	log  *lines
	stop func()
}

// lines is a log to look into.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// with gives the lines that hold a text.
func (l *lines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buffer.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func tableOf(t testing.TB, tenants ...*tenant.Tenant) *tenant.Table {
	t.Helper()
	table, err := tenant.NewTable(platformOf(t), tenants)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// generation is a Source that a test may change before it is adopted.
type generation struct {
	table        *tenant.Table
	ring         *keys.Ring
	look         func(context.Context, authorize.Target) authorize.Report
	resolver     any
	rules        authorize.Rules
	kept         *authorize.Kept
	maxPerSecond int
}

func (g *generation) Table() *tenant.Table   { return g.table }
func (g *generation) Ring() *keys.Ring       { return g.ring }
func (g *generation) Resolver() any          { return g.resolver }
func (g *generation) Rules() authorize.Rules { return g.rules }
func (g *generation) Kept() *authorize.Kept  { return g.kept }
func (g *generation) MaxPerSecond() int      { return g.maxPerSecond }

func (g *generation) Look(ctx context.Context, s authorize.Target) authorize.Report {
	return g.look(ctx, s)
}

func (n *town) generation(table *tenant.Table, ring *keys.Ring) *generation {
	if ring == nil {
		ring = new(keys.Ring)
	}
	return &generation{table: table, ring: ring, look: n.look, resolver: n, rules: usual}
}

// watchIn makes a watch that does not run yet.
func watchIn(t testing.TB, n *town, gen Source, known ...tenant.Standing) *watch {
	t.Helper()
	w := &watch{t: t, town: n, log: new(lines)}
	w.Watcher = New(slog.New(slog.NewTextHandler(w.log, nil)))
	if err := w.Adopt(gen, known...); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs the watch until stop.
func (w *watch) run() *watch {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-ended
	}
	return w
}

// entry gives the entry of a domain.
func (w *watch) entry(domain string) *entry { return w.schedule.watched(dom(w.t, domain)) }

// standing gives what is known of a domain.
func (w *watch) standing(domain string) tenant.Standing {
	return w.table.Load().Snapshot().Standing(dom(w.t, domain))
}

func (w *watch) spf(domain string) tenant.State { return w.standing(domain).SPF.State }

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// gaps gives the times between the looks at a domain.
func gaps(at []time.Time) (all []time.Duration) {
	for i := range at[:max(0, len(at)-1)] {
		all = append(all, at[i+1].Sub(at[i]))
	}
	return all
}

// longAgo gives standings of a crowd that were last looked at before a long stop.
func longAgo(t testing.TB, n int, now time.Time) []tenant.Standing {
	all := make([]tenant.Standing, n)
	for i := range all {
		past := now.Add(-5 * time.Hour)
		all[i] = tenant.Standing{
			Domain: dom(t, crowdDomain(i)),
			SPF:    tenant.Mechanism{State: tenant.Active, Of: ourIPs, Since: past, Checked: past},
			DMARC:  tenant.DMARC{Policy: dmarc.None, Checked: past},
		}
	}
	return all
}

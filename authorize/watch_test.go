package authorize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"

	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// usual are the rules of the default configuration.
var usual = Rules{PendingEvery: 5 * time.Minute, ActiveEvery: time.Hour, DemoteAfter: time.Hour}

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
	usual   Verdict
	verdict map[string]Verdict       // by domain, where it is another
	slow    map[string]time.Duration // that a look at the domain takes
	takes   time.Duration            // that any other look takes
	limit   *rate.Limiter            // nil: none
	record  bool
	looks   map[string][]time.Time // their beginnings
	under   int
	most    int // looks under way at the same time
}

func newTown() *town {
	return &town{usual: There, verdict: make(map[string]Verdict), slow: make(map[string]time.Duration),
		takes: 20 * time.Millisecond, record: true, looks: make(map[string][]time.Time)}
}

func (n *town) set(domain string, v Verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verdict[domain] = v
}

func (n *town) setAll(v Verdict) {
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

func (n *town) end(domain string) Verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.under--
	if v, found := n.verdict[domain]; found {
		return v
	}
	return n.usual
}

const ourIPs = "80.84.235.70"

// look is a Generation's Look.
func (n *town) look(ctx context.Context, s Subject) Report {
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
	return reportOf(s, n.end(domain))
}

// reportOf gives the report of a look that finds the same everywhere.
func reportOf(s Subject, v Verdict) Report {
	f := Finding{Verdict: v, Text: "it is " + v.String()}
	r := Report{Subject: s, Addresses: ourIPs, SPF: f, ReturnPath: f, Policy: f, Answered: v != Unanswered}
	r.Keys = slices.Repeat([]Finding{f}, len(s.Keys))
	if v != Unanswered {
		r.Policy.Verdict = There
		r.DMARC.Policy = tenant.DMARCNone
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

func (n *town) generation(table *tenant.Table, ring *keys.Ring) Generation {
	if ring == nil {
		ring = new(keys.Ring)
	}
	return Generation{Table: table, Keys: ring, Look: n.look, Rules: usual}
}

// watchIn makes a watch that does not run yet.
func watchIn(t testing.TB, n *town, gen Generation, known ...tenant.Standing) *watch {
	t.Helper()
	w := &watch{t: t, town: n, log: new(lines)}
	w.Watcher = &Watcher{Log: slog.New(slog.NewTextHandler(w.log, nil))}
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
			DMARC:  tenant.DMARC{Policy: tenant.DMARCNone, Checked: past},
		}
	}
	return all
}

// TestRoundOf100000 is an hour of a big platform after a restart, at the usual
// max_per_second.
func TestRoundOf100000(t *testing.T) {
	t.Parallel()
	domains := 100_000
	if testing.Short() {
		domains = 10_000
	}
	perSecond := domains / 2000
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	tenants := crowd(t, domains)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last := make(map[message.Domain]time.Time, domains)
		minutes, seconds := make([]int, 61), make([]int, 3660)
		limit := rate.NewLimiter(rate.Limit(perSecond), 1)
		start := time.Now()
		n := newTown()
		gen := n.generation(tableOf(t, tenants...), nil)
		gen.Look = func(ctx context.Context, s Subject) Report {
			if limit.Wait(ctx) != nil { // a look that asks one question
				return reportOf(s, Unanswered)
			}
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			if before, found := last[s.Domain]; found && now.Sub(before) < 54*time.Minute && s.Tenant != "" {
				t.Errorf("%s is looked at again after %s", s.Domain, now.Sub(before))
			}
			last[s.Domain] = now
			minutes[int(now.Sub(start).Minutes())]++
			seconds[int(now.Sub(start).Seconds())]++
			if late := now.Sub(start.Add(spread(time.Hour, s.Domain.String()))); late > 5*time.Second && now.Sub(start) < 54*time.Minute && s.Tenant != "" {
				t.Errorf("%s is looked at %s too late", s.Domain, late)
			}
			return reportOf(s, There)
		}
		w := watchIn(t, n, gen, longAgo(t, domains, start)...).run()
		after(time.Hour + 10*time.Second)
		w.stop()
		if len(last) != domains+2 {
			t.Errorf("%d of %d domains were looked at in an hour", len(last), domains+2)
		}
		if most := slices.Max(seconds); most > perSecond+1 {
			t.Errorf("%d looks in one second, want %d at most", most, perSecond)
		}
		mean := float64(domains) / 60
		for at, looks := range minutes[:54] { // then second looks come in
			if math.Abs(float64(looks)-mean) > 6*math.Sqrt(mean) {
				t.Errorf("%d looks in minute %d, want about %.0f", looks, at, mean)
			}
		}
	})
}

// TestRounds follows a smaller crowd from its first look on.
func TestRounds(t *testing.T) {
	t.Parallel()
	const domains, rounds = 1500, 3
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		start := time.Now()
		after(3 * time.Minute)
		if looks := n.count(); looks != domains+2 {
			t.Errorf("%d looks at %d new domains", looks, domains+2)
		}
		after(rounds*66*time.Minute + 10*time.Minute)
		w.stop()
		minutes := make([]int, 60) // of the last hour
		for i := range domains {
			at := n.at(crowdDomain(i))
			between := gaps(at)
			if len(between) < rounds {
				t.Fatalf("domain %d is looked at %d times in %s", i, len(at), time.Since(start))
			}
			if first := between[0]; first < 5*time.Minute || first > 67*time.Minute {
				t.Errorf("the second look comes %s after the first", first)
			}
			for _, gap := range between[1:] {
				if gap < 54*time.Minute || gap > 67*time.Minute {
					t.Errorf("a look comes %s after another", gap)
				}
			}
			for _, look := range at {
				if ago := time.Since(look); ago < time.Hour {
					minutes[int(ago.Minutes())]++
				}
			}
		}
		const mean = domains / 60
		if most, least := slices.Max(minutes), slices.Min(minutes); most > 2*mean+10 || least < mean/2-10 {
			t.Errorf("%d to %d looks a minute, want about %d", least, most, mean)
		}
		if n.most > maxLooks {
			t.Errorf("%d looks at the same time", n.most)
		}
	})
}

func heapSize() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one found to be finalized
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSteadyMemory compares the heap after the first round and after many.
func TestSteadyMemory(t *testing.T) {
	const domains = 1500
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.record = false
		n.usual = Missing // looked at every five minutes, by a table that changes each time
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(11 * time.Minute)
		before := heapSize()
		after(20 * time.Minute)
		if grown := int64(heapSize()) - int64(before); grown > int64(before)/20 {
			t.Errorf("the heap was %d kB and has grown by %d kB", before>>10, grown>>10)
		}
		w.stop()
	})
}

// TestTooLittleCapacity has a round that takes three times as long as it should: it
// is late, and equally late for all.
func TestTooLittleCapacity(t *testing.T) {
	t.Parallel()
	const domains, perSecond = 900, 1
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = Missing
		n.limit = rate.NewLimiter(perSecond, 1)
		gen := n.generation(tableOf(t, crowd(t, domains)...), nil)
		gen.MaxPerSecond = perSecond
		w := watchIn(t, n, gen).run()
		after(3 * time.Hour)
		w.stop()
		for i := range domains {
			between := gaps(n.at(crowdDomain(i)))
			if len(between) < 10 {
				t.Fatalf("domain %d had only %d looks", i, len(between)+1)
			}
			for _, gap := range between[1:] {
				if gap < 10*time.Minute || gap > 20*time.Minute {
					t.Errorf("domain %d is looked at after %s, want about 15 minutes", i, gap)
				}
			}
		}
		if looks, most := n.count(), 3*3600*perSecond+2; looks > most {
			t.Errorf("%d looks, want %d at most", looks, most)
		}
	})
}

// TestLooksShareQuestions sees to it that few questions a second make looks rare, not
// vain: each gets its answers within its time.
func TestLooksShareQuestions(t *testing.T) {
	for _, perSecond := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			asker := &limitedAsker{limit: rate.NewLimiter(rate.Limit(perSecond), 1)}
			n := newTown()
			gen := n.generation(tableOf(t, crowd(t, 100)...), nil)
			gen.Look = Looker{DNS: asker, Platform: gen.Table.Platform()}.Look
			gen.MaxPerSecond = perSecond
			w := watchIn(t, n, gen).run()
			start := time.Now()
			after(time.Hour)
			w.stop()
			for i := range 100 {
				if s := w.standing(crowdDomain(i)); s.SPF.State != tenant.Active || s.SPF.Error != "" {
					t.Fatalf("at %d a second: %+v", perSecond, s.SPF)
				}
			}
			asker.check(t, start, perSecond)
		})
	}
}

// limitedAsker is a resolve.Client in memory: every domain has one record.
type limitedAsker struct {
	limit *rate.Limiter
	mu    sync.Mutex
	asked map[int64]int // by second
}

func (l *limitedAsker) Ask(ctx context.Context, name string, qtype uint16) (resolve.Answer, error) {
	answer := resolve.Answer{Chain: []string{name}}
	if err := l.limit.Wait(ctx); err != nil {
		return answer, err
	}
	time.Sleep(10 * time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked == nil {
		l.asked = make(map[int64]int)
	}
	l.asked[time.Now().Unix()]++
	if qtype == dns.TypeTXT && !strings.HasPrefix(name, "_") {
		rr, err := dns.NewRR(name + `. IN TXT "v=spf1 ip4:` + ourIPs + ` -all"`)
		answer.Records = []dns.RR{rr}
		return answer, err
	}
	answer.NoName = true
	return answer, nil
}

func (l *limitedAsker) check(t *testing.T, start time.Time, perSecond int) {
	t.Helper()
	all := 0
	for second, n := range l.asked {
		all += n
		if n > perSecond+1 {
			t.Errorf("%d questions in the second %d, want %d", n, second-start.Unix(), perSecond)
		}
	}
	if most := int(time.Since(start).Seconds())*perSecond + 1; all > most {
		t.Errorf("%d questions, want %d at most", all, most)
	}
}

// TestLoss takes everyone's records away at one time. It is first noticed by the hourly
// look, and believed an hour later, whatever jitter does.
func TestLoss(t *testing.T) {
	t.Parallel()
	const domains = 300
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.setAll(Missing)
		gone := time.Now()
		warned, lost := make(map[string]time.Time), make(map[string]time.Time)
		for range 4 * 6 {
			after(10 * time.Minute)
			for i := range domains {
				d := crowdDomain(i)
				switch s := w.standing(d).SPF; {
				case s.State == tenant.Warning && warned[d].IsZero():
					warned[d] = s.Since
				case s.State == tenant.Pending && lost[d].IsZero():
					lost[d] = s.Since
				}
			}
		}
		w.stop()
		for i := range domains {
			d := crowdDomain(i)
			if wait := warned[d].Sub(gone); wait < 0 || wait > 67*time.Minute {
				t.Errorf("%s: warned after %s", d, wait)
			}
			if grace := lost[d].Sub(warned[d]); grace < time.Hour || grace > 67*time.Minute {
				t.Errorf("%s: lost %s after the warning", d, grace)
			}
			if looks := len(slices.DeleteFunc(n.at(d), func(at time.Time) bool { return at.Before(warned[d]) || at.After(lost[d]) })); looks > 2 {
				t.Errorf("%s: %d looks between warning and loss", d, looks)
			}
		}
		if lines := w.log.with("before=active after=warning"); len(lines) < domains || !strings.Contains(lines[0], "level=WARN") ||
			!strings.Contains(lines[0], "mechanism=spf") || !strings.Contains(lines[0], `evidence="it is missing"`) {
			t.Errorf("%d warnings were logged, the first %q", len(lines), lines)
		}
		if lines := w.log.with("before=warning after=pending"); len(lines) < domains {
			t.Errorf("%d losses were logged", len(lines))
		}
	})
}

// TestReturnAndFailure moves one domain through the states while mail goes on.
func TestReturnAndFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domain = "customer0.example"
		n := newTown()
		n.set(domain, Missing)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		after(time.Minute)
		old := w.table.Load().Snapshot()
		expect := func(when string, want tenant.State) {
			t.Helper()
			if got := w.spf(domain); got != want {
				t.Fatalf("%s: %q, want %q", when, got, want)
			}
		}
		expect("at first", tenant.Pending)
		n.set(domain, There)
		after(6 * time.Minute)
		expect("published", tenant.Active)
		if state := old.Standing(dom(t, domain)).SPF.State; state != tenant.Pending {
			t.Errorf("a message under way sees %q", state)
		}
		n.set(domain, Missing)
		after(67 * time.Minute)
		expect("gone", tenant.Warning)
		n.set(domain, There)
		after(67 * time.Minute)
		expect("back", tenant.Active)
		n.set(domain, Broken)
		after(67 * time.Minute)
		expect("broken", tenant.Pending)
		w.stop()
	})
}

// TestPatience looks less often at who has not published anything for a day.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.set("customer0.example", Missing)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		after(24 * time.Hour)
		first := len(n.at("customer0.example"))
		after(24 * time.Hour)
		second := len(n.at("customer0.example")) - first
		w.stop()
		if first < 24*12*9/10 || first > 24*12*11/10 || second < 21 || second > 27 {
			t.Errorf("%d looks on the first day and %d on the second", first, second)
		}
	})
}

// inEveryState watches a domain in each state, and a platform that is fine.
func inEveryState(t *testing.T, n *town) (*tenant.Table, []tenant.Standing, map[string]tenant.State) {
	states := map[string]tenant.State{"active.example": tenant.Active, "warning.example": tenant.Warning, "pending.example": tenant.Pending}
	var known []tenant.Standing
	var all []*tenant.Tenant
	for domain, state := range states {
		m := tenant.Mechanism{State: state, Of: ourIPs, Since: time.Now(), Checked: time.Now()}
		known = append(known, tenant.Standing{Domain: dom(t, domain), SPF: m, DMARC: tenant.DMARC{Policy: tenant.DMARCReject, Checked: time.Now()}})
		all = append(all, ofTown(t, strings.TrimSuffix(domain, ".example"), domain))
	}
	states["unknown.example"] = tenant.Unknown
	all = append(all, ofTown(t, "unknown", "unknown.example"))
	n.setAll(Unanswered)
	return tableOf(t, all...), known, states
}

// TestDayOfSilence is a day without DNS, with a restart at noon.
func TestDayOfSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		store := StoreIn(t.TempDir())
		table, known, states := inEveryState(t, n)
		for range 2 {
			w := watchIn(t, n, n.generation(table, nil), known...)
			w.Save = store.Save
			w.run()
			after(12 * time.Hour)
			for domain, want := range states {
				s := w.standing(domain)
				if s.SPF.State != want || s.SPF.Error == "" || want != tenant.Unknown && (s.DMARC.Policy != tenant.DMARCReject || time.Since(s.SPF.Since) < 12*time.Hour) {
					t.Errorf("%s after a silent half day: %+v", domain, s)
				}
			}
			w.stop()
			if lines := w.log.with("msg=authorization"); len(lines) > 0 {
				t.Errorf("silence was an event: %q", lines)
			}
			if lines := w.log.with("no answer from DNS"); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "remedy=") {
				t.Errorf("silence was told as %q", lines)
			}
			table = tableOf(t, table.Tenants()...)
			var err error
			if known, _, err = store.Load(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestOutage stops the resolver for an hour.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const domains = 200
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.setAll(Unanswered)
		n.forget()
		after(10 * time.Minute) // ten looks fall into five minutes or so
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		before := n.count()
		after(time.Hour)
		if probes := n.count() - before; probes < 115 || probes > 121 {
			t.Errorf("%d probes in an hour, want one each 30 s", probes)
		}
		n.setAll(There)
		n.forget()
		after(31 * time.Second)
		if w.stopped() || len(n.at(crowdDomain(0))) > 3 {
			t.Error("DNS is back, and the round does not go on")
		}
		after(66 * time.Minute)
		for i := range domains {
			if len(n.at(crowdDomain(i))) == 0 {
				t.Errorf("domain %d was forgotten in the outage", i)
			}
		}
		w.stop()
		for _, text := range []string{"no answer from DNS", "DNS answers again"} {
			if lines := w.log.with(text); len(lines) != 1 {
				t.Errorf("the log says: %q", lines)
			}
		}
		if len(w.log.with("after=warning")) > 0 {
			t.Error("an outage was held against someone")
		}
	})
}

func (w *watch) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outage.stopped() && !w.outage.until.IsZero()
}

// TestOutageAtFirst finds no resolver at all, and little to ask about.
func TestOutageAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.setAll(Unanswered)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 3)...), nil)).run()
		after(12 * time.Minute)
		if lines := w.log.with("no answer from DNS"); len(lines) != 1 {
			t.Errorf("the log says: %q", lines)
		}
		n.setAll(There)
		after(31 * time.Second)
		for i := range 3 {
			if state := w.spf(crowdDomain(i)); state != tenant.Active {
				t.Errorf("domain %d is %q", i, state)
			}
		}
		w.stop()
	})
}

// TestReloadInOutage probes at once: the servers may have been exchanged.
func TestReloadInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.setAll(Unanswered)
		n.takes = 15 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 40)...), nil)).run()
		after(2 * time.Minute)
		if !w.stopped() {
			t.Fatal("the round goes on")
		}
		other := newTown()
		if err := w.Adopt(other.generation(tableOf(t, crowd(t, 40)...), nil)); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		for i := range 40 {
			if w.spf(crowdDomain(i)) != tenant.Active {
				t.Errorf("domain %d is not active", i)
			}
		}
		after(time.Minute) // looks of the old servers end
		if w.stopped() {
			t.Error("the silence of the old servers stops the round")
		}
		w.stop()
	})
}

// TestDeadDomains has 100 tenants whose name servers are dead among 60 others.
func TestDeadDomains(t *testing.T) {
	t.Parallel()
	const dead, healthy = 100, 60
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = Missing
		for i := range dead {
			n.set(crowdDomain(i), Unanswered)
			n.slow[crowdDomain(i)] = 20 * time.Second
		}
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, dead+healthy)...), nil)).run()
		for range 12 * 12 {
			w.Seen(dom(t, crowdDomain(0))) // mail is no reason to ask the dead again
			after(5 * time.Minute)
		}
		w.stop()
		w.onTime(dead, healthy, time.Minute)
		if looks := len(n.at(crowdDomain(0))); looks < 14 || looks > 20 {
			t.Errorf("%d looks at a dead domain in 12 hours, want some at first and then one an hour", looks)
		}
		if lines := w.log.with("no answer from DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
	})
}

// onTime tells whether pending domains of a crowd are looked at every five minutes, but
// for a delay.
func (w *watch) onTime(from, n int, late time.Duration) {
	w.t.Helper()
	worst := time.Duration(0)
	for i := range n {
		at := w.town.at(crowdDomain(from + i))
		if len(at) < 10 {
			w.t.Fatalf("domain %d had only %d looks", from+i, len(at))
		}
		worst = max(worst, slices.Max(gaps(at))-5*time.Minute-30*time.Second)
	}
	if worst > late {
		w.t.Errorf("a healthy domain was looked at %s too late", worst)
	}
}

// TestDeadTenant has mail come from 1000 names of one tenant whose name servers are
// dead. They are at the head of the queue, and the others go on all the same.
func TestDeadTenant(t *testing.T) {
	t.Parallel()
	const healthy, dead = 100, 1000
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = Missing
		for i := range dead {
			d := fmt.Sprintf("n%d.dead.example", i)
			n.verdict[d] = Unanswered
			n.slow[d] = time.Minute
		}
		w := watchIn(t, n, n.generation(tableOf(t, append(crowd(t, healthy), ofTown(t, "dead", "*.dead.example"))...), nil)).run()
		after(20 * time.Minute)
		n.most = 0
		for range 3 * 12 {
			for i := range dead {
				w.Seen(dom(t, fmt.Sprintf("n%d.dead.example", i)))
			}
			after(5 * time.Minute)
		}
		w.stop()
		w.onTime(0, healthy, time.Second)
		if lines := w.log.with("no answer from DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
		if n.most > maxLooks/maxShare+20 {
			t.Errorf("%d looks at the same time", n.most)
		}
	})
}

// TestOneDeadDomain is alone with the platform: ten looks at it in a row are not the
// resolver's fault.
func TestOneDeadDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.set(crowdDomain(0), Unanswered)
		n.slow[crowdDomain(0)] = 20 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil)).run()
		for range 100 {
			n.forget()
			after(66 * time.Minute)
			if len(n.at("courseware.nl")) == 0 {
				t.Error("one dead domain stops the looks at another")
			}
		}
		w.stop()
		if lines := w.log.with("DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
	})
}

// TestDeadAfterRestart finds only dead domains due at first. Those that answered before
// the restart tell that it is not the resolver.
func TestDeadAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const healthy = 5
		n := newTown()
		known := longAgo(t, healthy, time.Now().Add(5*time.Hour))
		w := watchIn(t, n, n.generation(tableOf(t, append(crowd(t, healthy), ofTown(t, "dead", "*.dead.example"))...), nil), known...)
		for i := range 40 {
			d := dom(t, fmt.Sprintf("n%d.dead.example", i))
			n.verdict[d.String()], n.slow[d.String()] = Unanswered, 20*time.Second
			w.Seen(d)
		}
		for _, d := range []string{"courseware.nl", "bounces.courseware.nl", "dead.example"} {
			n.slow[d] = time.Minute // lest one of these tells
		}
		w.run()
		after(50 * time.Second)
		w.stop()
		if lines := w.log.with("no answer from DNS"); len(lines) > 0 {
			t.Errorf("the resolver is blamed: %q", lines)
		}
	})
}

// TestPanic looks at a domain that a library chokes on.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := new(keys.Ring)
		n := newTown()
		table := tableOf(t, append(crowd(t, 20), signing(t, ofTown(t, "bad", "bad.example"), ring, "bad.example", "cw1"))...)
		gen := n.generation(table, ring)
		gen.Look = func(ctx context.Context, s Subject) Report {
			if r := n.look(ctx, s); s.Tenant != "bad" {
				return r
			}
			panic("index out of range")
		}
		w := watchIn(t, n, gen).run()
		after(24 * time.Hour)
		w.stop()
		if s := w.standing("bad.example"); s.SPF.State != tenant.Unknown || s.SPF.Error == "" || s.DKIM[0].Error == "" {
			t.Errorf("%+v", s)
		}
		if lines := w.log.with("domain=bad.example panic="); len(lines) == 0 || len(n.at(crowdDomain(0))) < 20 {
			t.Errorf("logged: %q", lines)
		}
	})
}

// TestRestart puts the looks of a crowd where they were, and spreads those that
// should have been while nobody looked.
func TestRestart(t *testing.T) {
	t.Parallel()
	const domains = 300
	synctest.Test(t, func(t *testing.T) {
		for _, stop := range []time.Duration{0, 10 * time.Minute, 100 * time.Hour} {
			n := newTown()
			store := StoreIn(t.TempDir())
			w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil))
			w.Save = store.Save
			w.run()
			after(3 * time.Hour)
			w.stop()
			after(stop)
			known, _, err := store.Load()
			if err != nil {
				t.Fatal(err)
			}
			before := make(map[string]time.Time)
			for i := range domains {
				before[crowdDomain(i)] = slices.MaxFunc(n.at(crowdDomain(i)), time.Time.Compare)
			}
			n.forget()
			start := time.Now()
			w = watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil), known...).run()
			after(67 * time.Minute)
			w.stop()
			minutes := make([]int, 68)
			for i := range domains {
				d := crowdDomain(i)
				at := n.at(d)
				if len(at) == 0 {
					t.Fatalf("%s is not looked at after a restart", d)
				}
				if due := before[d].Add(time.Hour); due.After(start) && at[0].Sub(due).Abs() > time.Minute {
					t.Errorf("after a stop of %s the look of %s comes at %s", stop, due, at[0])
				}
				minutes[int(at[0].Sub(start).Minutes())]++
			}
			if most := slices.Max(minutes); most > 25 {
				t.Errorf("after a stop of %s there are %d looks in one minute", stop, most)
			}
		}
	})
}

// TestManyReloads reloads so often that no interval ever passes between two.
func TestManyReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 50
		n := newTown()
		n.set(crowdDomain(1), Unanswered)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.set(crowdDomain(2), Unanswered) // is active
		n.forget()
		for range 100 {
			after(7 * time.Minute)
			if err := w.Adopt(n.generation(tableOf(t, crowd(t, domains)...), nil)); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		for i := range domains {
			looks := len(n.at(crowdDomain(i)))
			if looks < 10 || looks > 13 {
				t.Errorf("%d looks at domain %d in 700 minutes", looks, i)
			}
		}
	})
}

// TestShorterIntervals take hold with the reload.
func TestShorterIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 20)...), nil)).run()
		after(2 * time.Hour)
		gen := n.generation(tableOf(t, crowd(t, 20)...), nil)
		gen.Rules.ActiveEvery = time.Minute
		n.forget()
		if err := w.Adopt(gen); err != nil {
			t.Fatal(err)
		}
		after(67 * time.Second)
		w.stop()
		for i := range 20 {
			if len(n.at(crowdDomain(i))) == 0 {
				t.Errorf("domain %d waits for the old interval", i)
			}
		}
	})
}

// TestSeen has mail come from domains that nothing is known of.
func TestSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.limit = rate.NewLimiter(1, 1) // the first round takes long
		others := crowd(t, 1000)
		told := ofTown(t, "told", "*.told.example")
		told.Authorization = tenant.Authorized
		gen := n.generation(tableOf(t, append(others, ofTown(t, "wild", "*.wild.example"), told)...), nil)
		w := watchIn(t, n, gen).run()
		after(10 * time.Second)
		w.Seen(dom(t, "once.wild.example"))
		for range 5000 { // a flood
			w.Seen(dom(t, "new.wild.example"))
			w.Seen(dom(t, "customer999.example"))
		}
		w.Seen(dom(t, "new.told.example"))
		w.Seen(dom(t, "nobody.example"))
		w.Seen(dom(t, "wild.example"))
		after(80 * time.Second) // those that wait for their turn already are before them
		for _, d := range []string{"new.wild.example", "once.wild.example", "customer999.example"} {
			if looks := len(n.at(d)); looks != 1 {
				t.Errorf("%d looks at %s", looks, d)
			}
		}
		if s := w.standing("new.wild.example"); s.SPF.State != tenant.Active || s.Seen.IsZero() {
			t.Errorf("%+v", s)
		}
		w.mu.Lock()
		if w.items[dom(t, "new.wild.example")].urgent {
			t.Error("it is still urgent after the look")
		}
		w.mu.Unlock()
		if s := w.standing("customer999.example"); !s.Seen.IsZero() {
			t.Errorf("a domain with a name of its own: %+v", s)
		}
		after(time.Hour)
		for _, d := range []string{"new.told.example", "nobody.example"} {
			if len(n.at(d)) > 0 || !w.standing(d).DMARC.Checked.IsZero() {
				t.Errorf("%s is looked at", d)
			}
		}
		w.stop()
	})
}

// TestSeenWaitsForNothing holds the lock that a reload of many domains holds for long.
func TestSeenWaitsForNothing(t *testing.T) {
	n := newTown()
	w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 1)...), nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 2 * maxSeen { // and nobody takes note
		w.Seen(dom(t, crowdDomain(0)))
	}
	new(Watcher).Seen(dom(t, crowdDomain(0))) // nothing was adopted yet
}

// TestManyBelow bounds what one tenant's mail can make us watch.
func TestManyBelow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		name := func(i int) message.Domain { return dom(t, fmt.Sprintf("n%d.wild.example", i)) }
		n := newTown()
		gen := n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example"), ofTown(t, "other", "*.other.example")), nil)
		gen.Rules.ActiveEvery = 4 * 24 * time.Hour // lest the test takes long
		w := watchIn(t, n, gen).run()
		flood := func(from, to int) {
			for i := from; i < to; i++ {
				w.Seen(name(i))
				if i%500 == 0 {
					after(time.Second)
				}
			}
			after(time.Minute)
		}
		watched := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.items) - len(w.named())
		}
		flood(0, 3000)
		if watched() != maxBelow || len(w.log.with("too many domains below a wildcard")) != 1 {
			t.Errorf("%d are watched, and the log says %q", watched(), w.log.with("too many"))
		}
		if err := w.Adopt(gen); err != nil { // which counts anew
			t.Fatal(err)
		}
		flood(3000, 3100)
		if watched() != maxBelow || len(w.log.with("too many domains below a wildcard")) != 2 {
			t.Errorf("after a reload %d are watched, and the log says %q", watched(), w.log.with("too many"))
		}
		w.Seen(dom(t, "a.other.example")) // another tenant's has room
		after(time.Minute)
		if watched() != maxBelow+1 {
			t.Errorf("%d are watched", watched())
		}
		after(29 * 24 * time.Hour)
		flood(0, 10) // these go on to have mail
		after(6 * 24 * time.Hour)
		if watched() != 10 {
			t.Errorf("after a month without mail %d are watched", watched())
		}
		if all, err := gen.Table.Standings(); err != nil || len(all) != 10+len(w.named()) {
			t.Errorf("%d standings are kept", len(all))
		}
		flood(3000, 6000) // what was forgotten has left room
		if watched() != maxBelow {
			t.Errorf("%d are watched", watched())
		}
		w.stop()
	})
}

// TestForgetOne leaves domains alone whose names begin with that of one forgotten.
func TestForgetOne(t *testing.T) {
	table := tableOf(t)
	for _, d := range []string{"example.co", "example.com", "example.co.uk"} {
		if err := table.SetStandings(tenant.Standing{Domain: dom(t, d), Seen: noon}); err != nil {
			t.Fatal(err)
		}
	}
	before := table.Snapshot()
	if err := table.Forget(dom(t, "example.co"), dom(t, "example.c")); err != nil {
		t.Fatal(err)
	}
	for d, kept := range map[string]bool{"example.co": false, "example.com": true, "example.co.uk": true} {
		if known := !table.Snapshot().Standing(dom(t, d)).Seen.IsZero(); known != kept {
			t.Errorf("%s is known: %v", d, known)
		}
		if before.Standing(dom(t, d)).Seen.IsZero() {
			t.Errorf("a message under way does not know %s any more", d)
		}
	}
}

// named gives the domains that the configuration names.
func (w *watch) named() []Subject {
	named, _ := w.gen.subjects(nil)
	return named
}

// TestNamedAtLast gives a domain that was found by its mail a place in the
// configuration: it is not forgotten any more.
func TestNamedAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil)).run()
		w.Seen(dom(t, "a.wild.example"))
		after(time.Minute)
		if err := w.Adopt(n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example", "a.wild.example")), nil)); err != nil {
			t.Fatal(err)
		}
		if s := w.standing("a.wild.example"); s.SPF.State != tenant.Active || !s.Seen.IsZero() {
			t.Errorf("%+v", s)
		}
		after(60 * 24 * time.Hour)
		n.forget()
		after(2 * time.Hour)
		if len(n.at("a.wild.example")) == 0 {
			t.Error("a domain with a name of its own was forgotten")
		}
		w.stop()
	})
}

// TestAdopt changes one thing of a tenant that has everything.
func TestAdopt(t *testing.T) {
	full := func(change func(*tenant.Tenant, *keys.Ring, *tenant.Platform)) (*tenant.Table, *keys.Ring) {
		one, ring, platform := ofTown(t, "one", "one.example", "*.one.example"), new(keys.Ring), platformOf(t)
		one.ReturnPath = dom(t, "bounce.one.example")
		change(one, ring, platform)
		table, err := tenant.NewTable(platform, []*tenant.Tenant{one, ofTown(t, "two", "two.example")})
		if err != nil {
			t.Fatal(err)
		}
		return table, ring
	}
	scratch := new(keys.Ring)
	signed := signing(t, ofTown(t, "scratch"), scratch, "one.example", "cw1")
	held, _ := scratch.Key(signed.Identities[0])
	withKey := func(one *tenant.Tenant, ring *keys.Ring) {
		one.Identities = signed.Identities
		if err := ring.Add(signed.Identities[0], held); err != nil {
			t.Fatal(err)
		}
	}
	const active, unknown = tenant.Active, tenant.Unknown
	tests := []struct {
		name            string
		change          func(*tenant.Tenant, *keys.Ring, *tenant.Platform)
		spf, dkim, path tenant.State // right after
		soon            bool         // a look
	}{
		{"nothing", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) { withKey(one, ring) }, active, active, active, false},
		{"key", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			signing(t, one, ring, "one.example", "cw1")
		}, active, unknown, active, true},
		{"return path", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.ReturnPath = dom(t, "bounces.one.example")
		}, active, active, unknown, true},
		{"addresses", func(one *tenant.Tenant, ring *keys.Ring, p *tenant.Platform) {
			withKey(one, ring)
			p.SendingIPs = append(p.SendingIPs, netip.MustParseAddr("2001:db8::1"))
		}, active, active, active, true},
		{"authorized", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.Authorization = tenant.Authorized
		}, unknown, unknown, unknown, false},
		{"unauthorized", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.Authorization = tenant.Unauthorized
		}, unknown, unknown, unknown, false},
		{"another domain", func(one *tenant.Tenant, _ *keys.Ring, _ *tenant.Platform) {
			one.Domains = ofTown(t, "x", "x.example").Domains
		}, unknown, unknown, unknown, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newTown()
				table, ring := full(func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) { withKey(one, ring) })
				w := watchIn(t, n, n.generation(table, ring)).run()
				after(3 * time.Hour)
				w.Seen(dom(t, "a.one.example"))
				after(time.Minute)
				before := w.standing("one.example")
				under := w.table.Load().Snapshot()
				n.forget()
				if err := w.Adopt(n.generation(full(test.change))); err != nil {
					t.Fatal(err)
				}
				s := w.standing("one.example")
				if s.SPF.State != test.spf || s.Key("cw1").State != test.dkim || s.ReturnPath.State != test.path {
					t.Errorf("right after: %+v", s)
				}
				if test.spf == active && (s.SPF.Since != before.SPF.Since || s.SPF.Checked != before.SPF.Checked) {
					t.Errorf("SPF was %+v and is %+v", before.SPF, s.SPF)
				}
				if !under.Standing(dom(t, "one.example")).Key("cw1").Holds() {
					t.Error("a message under way sees another table")
				}
				after(time.Second)
				if looks := len(n.at("one.example")); looks > 0 != test.soon {
					t.Errorf("%d looks at once", looks)
				}
				if gone := test.spf == unknown; gone != w.standing("a.one.example").Seen.IsZero() {
					t.Errorf("below: %+v", w.standing("a.one.example"))
				}
				after(3 * time.Hour)
				if looks := len(n.at("one.example")); looks == 0 != (test.spf == unknown) {
					t.Errorf("%d looks later on", looks)
				}
				if s := w.standing("one.example"); test.spf == active && (s.SPF.State != active || s.Key("cw1").State != active || s.ReturnPath.State != active) {
					t.Errorf("later on: %+v", s)
				}
				w.stop()
			})
		})
	}
}

// TestAdoptUnderWay reloads while a look is under way that the new key was not asked
// of.
func TestAdoptUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.takes = 30 * time.Second
		generation := func() Generation {
			ring := new(keys.Ring)
			return n.generation(tableOf(t, signing(t, ofTown(t, "one", "one.example"), ring, "one.example", "cw1")), ring)
		}
		w := watchIn(t, n, generation()).run()
		after(10 * time.Second)
		if err := w.Adopt(generation()); err != nil {
			t.Fatal(err)
		}
		after(21 * time.Second) // the old look has ended
		if state := w.standing("one.example").Key("cw1").State; state != tenant.Unknown {
			t.Fatalf("a look at the old key makes the new one %q", state)
		}
		after(20 * time.Second)
		if state := w.standing("one.example").Key("cw1").State; state != tenant.Active || len(n.at("one.example")) != 2 {
			t.Errorf("the new key is %q after %d looks", state, len(n.at("one.example")))
		}
		w.stop()
	})
}

// TestTwoTenantsOneApex gives a domain to one tenant, and all below it to another.
func TestTwoTenantsOneApex(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			ring := new(keys.Ring)
			both := []*tenant.Tenant{
				signing(t, ofTown(t, "town", "town.example"), ring, "town.example", "cw1"),
				signing(t, ofTown(t, "schools", "*.town.example"), ring, "town.example", "cw2"),
			}
			n := newTown()
			w := watchIn(t, n, n.generation(tableOf(t, both[order[0]], both[order[1]]), ring)).run()
			after(time.Minute)
			s := w.standing("town.example")
			if s.SPF.State != tenant.Active || !s.Key("cw1").Holds() || !s.Key("cw2").Holds() || len(n.at("town.example")) != 1 {
				t.Errorf("%+v after %d looks", s, len(n.at("town.example")))
			}
			w.stop()
		})
	}
}

// TestUrgentSurvivesReload keeps a domain with mail at the head.
func TestUrgentSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.takes = 10 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 2000)...), nil)).run()
		after(time.Second) // all places are taken
		w.Seen(dom(t, crowdDomain(1999)))
		after(time.Second)
		if err := w.Adopt(n.generation(tableOf(t, crowd(t, 2000)...), nil)); err != nil {
			t.Fatal(err)
		}
		after(19 * time.Second)
		if state := w.spf(crowdDomain(1999)); state != tenant.Active {
			t.Errorf("it is %q", state)
		}
		w.stop()
	})
}

// TestEvents keeps the last few.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 300)...), nil)).run()
		after(time.Minute)
		n.set(crowdDomain(7), Broken)
		after(67 * time.Minute)
		w.stop()
		if len(w.events) != maxEvents {
			t.Errorf("%d events", len(w.events))
		}
		last := w.events[len(w.events)-1]
		if got := last.String(); got != "customer7.example spf: active -> pending (it is broken)" || last.Subject.Tenant != "t7" || last.At.IsZero() {
			t.Errorf("the last event is %s", got)
		}
	})
}

// saver is a Watcher's Save.
type saver struct {
	mu    sync.Mutex
	err   error
	saves []time.Time
	last  []tenant.Standing
}

func (s *saver) save(all []tenant.Standing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves = append(s.saves, time.Now())
	if s.err == nil {
		s.last = all
	}
	return s.err
}

func (s *saver) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *saver) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.saves)
}

func (s *saver) knows(domain message.Domain) tenant.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.last {
		if one.Domain == domain {
			return one.SPF.State
		}
	}
	return tenant.Unknown
}

func TestSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 5)...), nil))
		w.Save = s.save
		w.run()
		after(3 * time.Second)
		if s.knows(dom(t, crowdDomain(0))) != tenant.Active {
			t.Error("a change was not saved soon")
		}
		few := s.count()
		after(9 * time.Hour)
		if more := s.count() - few; more < 50 || more > 60 {
			t.Errorf("%d saves in 9 hours without a change", more)
		}
		s.fail(errors.New("disk full"))
		n.set(crowdDomain(0), Broken)
		after(67 * time.Minute)
		if lines := w.log.with("standings cannot be saved"); len(lines) != 1 || !strings.Contains(lines[0], "disk full") {
			t.Errorf("logged: %q", lines)
		}
		tries := s.count()
		s.fail(nil)
		after(2 * time.Second)
		if s.count() == tries || s.knows(dom(t, crowdDomain(0))) != tenant.Pending || len(w.log.with("can be saved again")) != 1 {
			t.Error("it was not tried again")
		}
		w.stop()
	})
}

// TestLastSave ends at all kinds of moments: what was seen until then is saved.
func TestLastSave(t *testing.T) {
	for i := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n, s := newTown(), new(saver)
			w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 5)...), nil))
			w.Save = s.save
			w.run()
			time.Sleep(time.Second*time.Duration(i/4) + 200*time.Millisecond*time.Duration(i%4))
			want, err := w.table.Load().Standings()
			if err != nil {
				t.Fatal(err)
			}
			w.stop()
			if !reflect.DeepEqual(s.last, want) {
				t.Errorf("after %d: %d standings were saved", i, len(s.last))
			}
		})
	}
}

// TestStop ends looks that wait for silent servers, and draws nothing from them.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		n.usual = Missing
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 100)...), nil))
		w.Save = s.save
		w.run()
		after(10 * time.Minute)
		n.setAll(There)
		n.mu.Lock()
		n.takes = time.Minute
		n.mu.Unlock()
		after(40 * time.Second)
		n.mu.Lock()
		under, events := n.under, len(w.events)
		n.mu.Unlock()
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("the end took %s", took)
		}
		if under == 0 || n.under != 0 || len(w.events) != events || events != maxEvents {
			t.Errorf("of %d looks under way %d go on; %d events were %d", under, n.under, len(w.events), events)
		}
		for i := range 100 {
			if state := s.knows(dom(t, crowdDomain(i))); state != tenant.Pending {
				t.Errorf("domain %d is %q", i, state)
			}
		}
	})
}

// TestNoDNSHost watches nothing where no tenant's DNS decides.
func TestNoDNSHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := ofTown(t, "one", "one.example", "*.one.example")
		one.Authorization = tenant.Authorized
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, one), nil)).run()
		w.Seen(dom(t, "one.example"))
		w.Seen(dom(t, "a.one.example"))
		after(24 * time.Hour)
		w.stop()
		if n.count() > 0 {
			t.Errorf("%d looks", n.count())
		}
	})
}

// TestAllAtOnce is for the race detector: mail, reloads, and whoever asks for the
// status, in the time of the real clock.
func TestAllAtOnce(t *testing.T) {
	n := newTown()
	n.takes = 0
	tenants := append(crowd(t, 50), ofTown(t, "wild", "*.wild.example"))
	gen := func() Generation {
		g := n.generation(tableOf(t, tenants...), nil)
		g.Rules = Rules{PendingEvery: time.Millisecond, ActiveEvery: time.Millisecond}
		return g
	}
	w := watchIn(t, n, gen())
	w.Save = StoreIn(t.TempDir()).Save
	w.run()
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := range 200 {
				w.Seen(dom(t, fmt.Sprintf("n%d.wild.example", i)))
				w.Seen(dom(t, crowdDomain(i)))
				w.spf(crowdDomain(i % 50))
				if i%50 == k {
					if err := w.Adopt(gen()); err != nil {
						t.Error(err)
					}
				}
				if _, err := w.Status(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.stop()
}

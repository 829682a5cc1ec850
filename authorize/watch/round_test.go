package watch

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/tenant"
)

// TestBigRound is an hour of a big platform after a restart: at ROUND=100000 with the usual
// max_per_second, without it a tenth of both.
func TestBigRound(t *testing.T) {
	t.Parallel()
	domains := 10_000
	if text := os.Getenv("ROUND"); text != "" {
		var err error
		if domains, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
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
		gen.look = func(ctx context.Context, s authorize.Target) authorize.Report {
			if limit.Wait(ctx) != nil { // a look that asks one question
				return reportOf(s, authorize.Unanswered)
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
			return reportOf(s, authorize.There)
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
		if n.most > maxLookups {
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
		n.usual = authorize.Missing // looked at every five minutes, by a table that changes each time
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
		n.usual = authorize.Missing
		n.limit = rate.NewLimiter(perSecond, 1)
		gen := n.generation(tableOf(t, crowd(t, domains)...), nil)
		gen.maxPerSecond = perSecond
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
			gen.look = authorize.Observer{DNS: asker, Platform: gen.table.Platform()}.Look
			gen.maxPerSecond = perSecond
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

// TestDeadDomains has 100 tenants whose name servers are dead among 60 others.
func TestDeadDomains(t *testing.T) {
	t.Parallel()
	const dead, healthy = 100, 60
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.usual = authorize.Missing
		for i := range dead {
			n.set(crowdDomain(i), authorize.Unanswered)
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
		n.usual = authorize.Missing
		for i := range dead {
			d := fmt.Sprintf("n%d.dead.example", i)
			n.verdict[d] = authorize.Unanswered
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
		if n.most > maxLookups/maxShare+20 {
			t.Errorf("%d looks at the same time", n.most)
		}
	})
}

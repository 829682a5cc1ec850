package authorize_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// slowAsker answers from a zone, without a network: after some time in the queue of our own
// questions, and some that servers take.
type slowAsker struct {
	*server
	queue, took time.Duration
	noTurn      string // names of which nobody was asked
}

func (s slowAsker) Ask(ctx context.Context, name string, qtype uint16) (resolve.Answer, error) {
	answer := resolve.Answer{Chain: []string{name}, Took: s.took}
	if strings.Contains(s.noTurn, name) {
		return answer, &resolve.Error{Name: name, Cause: resolve.ErrNoTurn}
	}
	select {
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-time.After(s.queue + s.took):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := new(dns.Msg)
	s.answer(m, strings.ToLower(dns.Fqdn(name)), qtype)
	for _, rr := range m.Answer {
		if cname, isAlias := rr.(*dns.CNAME); isAlias && qtype != dns.TypeCNAME {
			answer.Chain = append(answer.Chain, strings.TrimSuffix(cname.Target, "."))
		} else {
			answer.Records = append(answer.Records, rr)
		}
	}
	answer.NoName = m.Rcode == dns.RcodeNameError
	return answer, nil
}

// longZone has a legal SPF record of some fifty questions, which passes.
const longZone = `customer.nl TXT "v=spf1 mx:m0.nl mx:m1.nl mx:m2.nl mx:m3.nl mx:m4.nl ip4:80.84.235.70 -all"
$GENERATE 0-4 m$.nl MX 10 h0.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h1.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h2.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h3.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h4.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h5.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h6.m$.nl.
$GENERATE 0-4 m$.nl MX 10 h7.m$.nl.
$GENERATE 0-4 h0.m$.nl A 192.0.2.1
$GENERATE 0-4 h1.m$.nl A 192.0.2.1
`

// TestLookTime: a look waits for its turn to ask as long as that takes, and about a minute for
// servers.
func TestLookTime(t *testing.T) {
	for name, row := range map[string]struct {
		queue, took time.Duration
		verdict     authorize.Verdict
		text        string
		least, most time.Duration
	}{
		"prompt":        {0, 10 * time.Millisecond, authorize.There, "passes", 0, time.Second},
		"a queue":       {10 * time.Second, 10 * time.Millisecond, authorize.There, "passes", 5 * time.Minute, 10 * time.Minute},
		"slow servers":  {0, 5 * time.Second, authorize.Unanswered, "not asked, because other questions took 1m0s", time.Minute, time.Minute},
		"both":          {10 * time.Second, 5 * time.Second, authorize.Unanswered, "took 1m0s", 3 * time.Minute, 3 * time.Minute},
		"one, and long": {0, 90 * time.Second, authorize.Unanswered, "took 1m0s", 90 * time.Second, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				zone := new(server)
				zone.publish()
				zone.read(t, longZone)
				start := time.Now()
				spf := look(t, slowAsker{zone, row.queue, row.took, ""}, authorize.Target{Domain: domain(t, "customer.nl"), SPF: true}).SPF
				if lasted := time.Since(start); spf.Verdict != row.verdict || !strings.Contains(spf.Text, row.text) || lasted < row.least || lasted > row.most {
					t.Errorf("%v: %s: %s", lasted, spf.Verdict, spf)
				}
			})
		})
	}
}

// TestLookEnds: a look in the queue ends with its context.
func TestLookEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		target := authorize.Target{Domain: domain(t, "customer.nl"), SPF: true}
		o, err := authorize.Observe(ctx, slowAsker{new(server), time.Hour, 0, ""}, us(t), []authorize.Target{target})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r := authorize.Judge(o, us(t), target)
		if lasted := time.Since(start); r.SPF.Verdict != authorize.Unanswered || r.Answered || lasted != time.Second {
			t.Errorf("%v: %s: %s", lasted, r.SPF.Verdict, r.SPF)
		}
	})
}

// TestNoTurnIsNoSilence: names that nobody was asked for do not keep us from asking for
// others of the organization.
func TestNoTurnIsNoSilence(t *testing.T) {
	zone := new(server)
	zone.publish()
	zone.read(t, `bounce.customer.nl MX 10 elsewhere.nl.`)
	r := look(t, slowAsker{zone, 0, 0, "customer.nl _dmarc.customer.nl s1._domainkey.customer.nl s2._domainkey.customer.nl"}, authorize.Target{
		Domain: domain(t, "customer.nl"), SPF: true, ReturnPath: domain(t, "bounce.customer.nl"),
		Keys: []authorize.WantedKey{
			{Identity: tenant.Identity{SDID: domain(t, "customer.nl"), Selector: "s1"}, Public: pairs()["rsa"].Public()},
			{Identity: tenant.Identity{SDID: domain(t, "customer.nl"), Selector: "s2"}, Public: pairs()["rsa"].Public()},
		},
	})
	for _, f := range []authorize.Finding{r.SPF, r.Policy, r.Keys[0], r.Keys[1]} {
		if f.Verdict != authorize.Unanswered || !strings.Contains(f.Text, "dns.max_per_second") {
			t.Errorf("%s: %s", f.Verdict, f)
		}
	}
	if r.ReturnPath.Reason != authorize.PathElsewhere {
		t.Errorf("%s: %s", r.ReturnPath.Verdict, r.ReturnPath)
	}
}

// us are the platform that looks.
func us(t *testing.T) *tenant.Platform {
	return &tenant.Platform{Bounce: domain(t, "bounces.courseware.nl"), SendingIPs: ourAddresses[:1]}
}

// look is a look of ours.
func look(t *testing.T, dns resolve.Asker, target authorize.Target) authorize.Report {
	return authorize.Observer{DNS: dns, Platform: us(t)}.Look(t.Context(), target)
}

// TestManyTargets: targets that are observed together have all their questions each. Where an
// observation is bounded, to be at its end is not the fault of who is looked at.
func TestManyTargets(t *testing.T) {
	zone := new(server)
	zone.publish()
	zone.read(t, strings.ReplaceAll(longZone, "customer.nl", "*.customer.nl"))
	var targets []authorize.Target
	for i := range 100 {
		targets = append(targets, authorize.Target{Domain: domain(t, fmt.Sprintf("d%d.customer.nl", i)), SPF: true})
	}
	o, err := authorize.Observe(t.Context(), slowAsker{server: zone}, us(t), targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, target := range targets {
		if spf := authorize.Judge(o, us(t), target).SPF; spf.Verdict != authorize.There {
			t.Fatalf("%d: %s: %s", i, spf.Verdict, spf)
		}
	}
	bounded := resolve.Bound(resolve.NewRecorder(t.Context(), slowAsker{server: zone}), 5)
	if spf := authorize.Judge(bounded, us(t), targets[1]).SPF; spf.Verdict != authorize.Unanswered {
		t.Errorf("%s: %s", spf.Verdict, spf)
	}
}

// TestHostileAtOnce has sixteen looks at what takes the most memory: ten mx terms of ten hosts,
// each of which has thousands of addresses, or as many as are read. It runs alone.
func TestHostileAtOnce(t *testing.T) {
	const looks, most = 16, 64 << 20
	for _, addresses := range []int{4000, 200} {
		addr := serveHosts(t, addresses)
		client, err := resolve.New(resolve.Options{Servers: []string{addr}, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		before := peak(func() {})
		highest := peak(func() {
			var looking sync.WaitGroup
			for i := range looks {
				looking.Go(func() {
					spf := look(t, client, authorize.Target{Domain: domain(t, fmt.Sprintf("d%d.evil.nl", i)), SPF: true}).SPF
					if spf.Reason != authorize.SPFTooLarge && spf.Reason != authorize.SPFTooManyLookup {
						t.Errorf("%s: %s", spf.Reason, spf)
					}
				})
			}
			looking.Wait()
		})
		t.Logf("%d addresses: %.1f MiB, garbage and the server's in it", addresses, float64(highest-before)/(1<<20))
		if highest-before > most {
			t.Errorf("%d addresses: more than %d MiB", addresses, most>>20)
		}
	}
}

// serveHosts has SPF and hosts at every name, and many addresses.
func serveHosts(t *testing.T, addresses int) string {
	// That points at the name in the question (RFC 1035 section 4.1.4), for less work than the
	// library makes of it.
	const address = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xcb\x00\x71\x01"
	all := strings.Repeat(address, addresses)
	return serveBy(t, dns.HandlerFunc(func(w dns.ResponseWriter, request *dns.Msg) {
		m := new(dns.Msg).SetReply(request)
		switch q := request.Question[0]; {
		case q.Qtype == dns.TypeTXT && !strings.HasPrefix(q.Name, "_"):
			m.Answer = []dns.RR{textRecord(q.Name, "v=spf1 "+fill("{mx:m#."+strings.TrimSuffix(q.Name, ".")+" *10}")+"-all")}
		case q.Qtype == dns.TypeMX:
			for i := range 10 {
				m.Answer = append(m.Answer, &dns.MX{Hdr: header(q.Name, dns.TypeMX), Mx: fmt.Sprintf("h%d.%s", i, q.Name)})
			}
		case q.Qtype == dns.TypeA && w.LocalAddr().Network() == "udp":
			m.Truncated = true
		case q.Qtype == dns.TypeA:
			packet, _ := m.Pack()
			binary.BigEndian.PutUint16(packet[6:], uint16(addresses))
			w.Write(append(packet, all...))
			return
		}
		w.WriteMsg(m)
	}))
}

// peak gives the most octets of the heap while something is done.
func peak(do func()) (most int64) {
	runtime.GC()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, int64(m.HeapAlloc))
		select {
		case <-done:
			return most
		case <-time.After(time.Millisecond):
		}
	}
}

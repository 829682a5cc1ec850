package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// TestDefinitive holds what a server says against what may be concluded about the
// name. Only those rows without an error say that something does not exist.
func TestDefinitive(t *testing.T) {
	t.Parallel()
	soa := rrs("nl SOA ns.nl hostmaster.nl 1 2 3 4 5")
	delegation := rrs("nl NS ns.nl")
	for name, row := range map[string]struct {
		handler dns.HandlerFunc
		want    resolve.Answer // Chain: x.nl if nil
		texts   string         // joined by |
		err     string         // part of it
	}{
		"record":           {handler: says(0, `x.nl TXT a`), texts: "a"},
		"records":          {handler: says(0, `x.nl TXT a`, `x.nl TXT b`), texts: "a|b"},
		"upper case":       {handler: says(0, `X.nL TXT a`), texts: "a"},
		"NXDOMAIN":         {handler: says(dns.RcodeNameError), want: resolve.Answer{NoName: true}},
		"no data":          {handler: says(0)},
		"no data, SOA":     {handler: reply(func(m *dns.Msg) { m.Ns = append(soa, delegation...) })},
		"records, NS":      {handler: reply(func(m *dns.Msg) { m.Answer, m.Ns = rrs("x.nl TXT a"), delegation }), texts: "a"},
		"referral":         {handler: reply(func(m *dns.Msg) { m.Ns = delegation }), err: "only refers to other servers"},
		"another type":     {handler: says(0, `x.nl A 192.0.2.1`)},
		"another name":     {handler: says(0, `y.nl TXT a`, `a.x.nl TXT a`, `nl TXT a`)},
		"another class":    {handler: says(0, `x.nl CH TXT a`, `x.nl HS CNAME y.nl`, `y.nl TXT a`)},
		"other section":    {handler: reply(func(m *dns.Msg) { m.Ns, m.Extra = rrs("x.nl TXT a"), rrs("x.nl TXT b") })},
		"SERVFAIL":         {handler: says(dns.RcodeServerFailure), err: "SERVFAIL"},
		"SERVFAIL, text":   {handler: says(dns.RcodeServerFailure, "x.nl TXT a"), err: "SERVFAIL"},
		"REFUSED":          {handler: says(dns.RcodeRefused), err: "REFUSED"},
		"FORMERR":          {handler: says(dns.RcodeFormatError), err: "FORMERR"},
		"NOTIMP":           {handler: says(dns.RcodeNotImplemented), err: "NOTIMP"},
		"bare FORMERR":     {handler: reply(func(m *dns.Msg) { m.Rcode, m.Question = dns.RcodeFormatError, nil }), err: "FORMERR"},
		"unknown code":     {handler: says(14), err: "RCODE 14"},
		"extended code":    {handler: reply(func(m *dns.Msg) { m.SetEdns0(512, false); m.Rcode = dns.RcodeBadCookie }), err: "BADCOOKIE"},
		"TCP":              {handler: onTCP(says(0, `x.nl TXT a`)), texts: "a"},
		"TCP, NXDOMAIN":    {handler: onTCP(says(dns.RcodeNameError)), want: resolve.Answer{NoName: true}},
		"TCP, SERVFAIL":    {handler: onTCP(says(dns.RcodeServerFailure)), err: "SERVFAIL"},
		"TCP, hangs up":    {handler: onTCP(func(w dns.ResponseWriter, _ *dns.Msg) { w.Close() }), err: "EOF"},
		"TCP, cut off":     {handler: onTCP(reply(func(m *dns.Msg) { m.Truncated, m.Answer = true, rrs("x.nl TXT a") })), err: "cut off"},
		"half, then TCP":   {handler: halved, texts: "whole"},
		"larger than fits": {handler: says(0, "x.nl TXT "+strings.Repeat(strings.Repeat("a", 255)+" ", 6)), err: "overflow"},
		"garbled":          {handler: garbled, err: "buffer size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.want.Chain == nil {
				row.want.Chain = []string{"x.nl"}
			}
			got, err := ask(client(t, serve(t, row.handler).Addr), "x.nl")
			check(t, got, err, row.want, row.texts, row.err)
		})
	}
}

// halved gives half of the records over UDP.
func halved(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Answer = rrs("x.nl TXT whole")
	if !isTCP(w) {
		m.Truncated, m.Answer = true, rrs("x.nl TXT half")
	}
	w.WriteMsg(m)
}

// garbled repeats the question, and cannot be read behind it.
func garbled(w dns.ResponseWriter, q *dns.Msg) {
	packet, _ := new(dns.Msg).SetReply(q).Pack()
	packet[7] = 1 // an answer that is not there
	w.Write(append(packet, 0xc0))
}

func check(t *testing.T, got resolve.Answer, err error, want resolve.Answer, texts, fault string) {
	t.Helper()
	var unanswered *resolve.Error
	switch {
	case fault == "" && err != nil, fault != "" && (err == nil || !strings.Contains(err.Error(), fault)):
		t.Fatalf("error %v, not %q", err, fault)
	case err != nil && !errors.As(err, &unanswered):
		t.Fatalf("%T is no *Error", err)
	case err != nil:
		return
	}
	if g := strings.Join(got.Texts(), "|"); g != texts {
		t.Errorf("texts %q, not %q", g, texts)
	}
	if !reflect.DeepEqual(got.Chain, want.Chain) || got.NoName != want.NoName {
		t.Errorf("%+v\nnot %+v", got, want)
	}
}

// TestContradiction: a server that says that a name does not exist, and gives a record of it, has
// not answered. Aliases on the way to a name that does not exist are no such records.
func TestContradiction(t *testing.T) {
	t.Parallel()
	const fault = "has records of it"
	for name, row := range map[string]struct {
		records []string
		want    resolve.Answer
		err     string
	}{
		"of the type":       {records: []string{"x.nl TXT a"}, err: fault},
		"in another case":   {records: []string{"X.NL TXT a"}, err: fault},
		"of another type":   {records: []string{"x.nl A 192.0.2.1"}, err: fault},
		"behind an alias":   {records: []string{"x.nl CNAME y.nl", "y.nl TXT a"}, err: fault},
		"beside an alias":   {records: []string{"x.nl CNAME y.nl", "x.nl TXT a"}, err: fault},
		"an alias":          {records: []string{"x.nl CNAME y.nl"}, want: resolve.Answer{Chain: []string{"x.nl", "y.nl"}, NoName: true}},
		"of another name":   {records: []string{"z.nl TXT a"}, want: resolve.Answer{Chain: []string{"x.nl"}, NoName: true}},
		"of the name above": {records: []string{"nl TXT a"}, want: resolve.Answer{Chain: []string{"x.nl"}, NoName: true}},
		"of another class":  {records: []string{"x.nl CH TXT a"}, want: resolve.Answer{Chain: []string{"x.nl"}, NoName: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			liar := says(dns.RcodeNameError, row.records...)
			for over, handler := range map[string]dns.HandlerFunc{"UDP": liar, "TCP": onTCP(liar)} {
				got, err := ask(client(t, serve(t, handler).Addr), "x.nl")
				if err == nil != (row.err == "") {
					t.Errorf("over %s: %+v, %v", over, got, err)
				}
				check(t, got, err, row.want, "", row.err)
			}
			if row.err == "" {
				return
			}
			honest := serve(t, says(0, "x.nl TXT b"))
			got, err := ask(client(t, serve(t, liar).Addr, honest.Addr), "x.nl")
			check(t, got, err, resolve.Answer{Chain: []string{"x.nl"}}, "b", "")
		})
	}
	got, err := client(t, serve(t, says(dns.RcodeNameError, "x.nl CNAME y.nl")).Addr).Ask(t.Context(), "x.nl", dns.TypeCNAME)
	check(t, got, err, resolve.Answer{}, "", fault)
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		addr, err string
	}{
		"silent":     {serve(t, silent).Addr, "no answer in time"},
		"TCP silent": {serve(t, onTCP(silent)).Addr, "no answer in time"},
		"nobody":     {nobody(t), "connection refused"},
	} {
		c := clientOf(t, resolve.Options{Servers: []string{row.addr}, Timeout: haste})
		got, err := ask(c, "x.nl")
		check(t, got, err, resolve.Answer{}, "", row.err)
		if want := "x.nl TXT: " + row.addr + ": "; err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %q does not begin with %q", name, err, want)
		}
	}
}

// chain gives CNAMEs from c0.nl to c<n>.nl.
func chain(n int) []string {
	var records []string
	for i := range n {
		records = append(records, fmt.Sprintf("c%d.nl CNAME C%d.nl", i, i+1))
	}
	return records
}

func names(n int) []string {
	var all []string
	for i := range n + 1 {
		all = append(all, fmt.Sprintf("c%d.nl", i))
	}
	return all
}

// TestChain has each chain in one answer, as from a server that follows it, and
// over several, as from one that does not.
func TestChain(t *testing.T) {
	t.Parallel()
	reversed := func(records []string) []string { return append([]string{records[1], records[0]}, records[2:]...) }
	for name, row := range map[string]struct {
		records []string
		follows bool // only where the server does
		rcode   int  // where it does
		want    resolve.Answer
		texts   string
		err     string
	}{
		"one":            {records: append(chain(1), "c1.nl TXT a"), want: resolve.Answer{Chain: names(1)}, texts: "a"},
		"any order":      {records: reversed(append(chain(2), "c2.nl TXT a")), want: resolve.Answer{Chain: names(2)}, texts: "a"},
		"longest":        {records: append(chain(8), "c8.nl TXT a"), want: resolve.Answer{Chain: names(8)}, texts: "a"},
		"too long":       {records: append(chain(9), "c9.nl TXT a"), err: "more than 8 CNAMEs"},
		"much too long":  {records: append(chain(200), "c200.nl TXT a"), follows: true, err: "more than 8 CNAMEs"},
		"to itself":      {records: []string{"c0.nl CNAME c0.nl"}, follows: true, err: "more than 8 CNAMEs"},
		"loop":           {records: []string{"c0.nl CNAME c1.nl", "c1.nl CNAME c0.nl"}, err: "more than 8 CNAMEs"},
		"into a loop":    {records: append(chain(2), "c2.nl CNAME c1.nl"), err: "more than 8 CNAMEs"},
		"NXDOMAIN":       {records: chain(2), rcode: dns.RcodeNameError, want: resolve.Answer{Chain: names(2), NoName: true}},
		"no data":        {records: append(chain(2), "c2.nl A 192.0.2.1"), want: resolve.Answer{Chain: names(2)}},
		"to the root":    {records: []string{"c0.nl CNAME ."}, want: resolve.Answer{Chain: names(0)}}, // nowhere
		"record beside":  {records: []string{"c0.nl CNAME c1.nl", "c0.nl TXT own", "c1.nl TXT other"}, want: resolve.Answer{Chain: names(0)}, texts: "own"},
		"records beside": {records: []string{"c0.nl TXT own", "c0.nl CNAME c1.nl", "c1.nl TXT other"}, want: resolve.Answer{Chain: names(0)}, texts: "own"},
		"not ours":       {records: []string{"y.nl CNAME c1.nl", "c0.nl A 192.0.2.1", "c1.nl TXT a"}, want: resolve.Answer{Chain: names(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(client(t, serve(t, onTCP(says(row.rcode, row.records...))).Addr), "c0.nl")
			check(t, got, err, row.want, row.texts, row.err)
			if row.follows {
				return
			}
			s := serve(t, zone(row.records...))
			got, err = ask(client(t, s.Addr), "c0.nl")
			check(t, got, err, row.want, row.texts, row.err)
			if n := s.asked.Load(); n > 9 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// TestTypeCNAME asks for what is otherwise followed.
func TestTypeCNAME(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t, zone(chain(2)...)).Addr)
	got, err := c.Ask(context.Background(), "c0.nl", dns.TypeCNAME)
	if err != nil || len(got.Records) != 1 || got.Target() != "c0.nl" {
		t.Error(got, err)
	}
}

// TestFailover has a second server answer. That it is asked first from then on shows
// in the questions that the first one gets.
func TestFailover(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]dns.HandlerFunc{
		"silent": silent, "REFUSED": says(dns.RcodeRefused), "TCP hangs up": onTCP(func(w dns.ResponseWriter, _ *dns.Msg) { w.Close() }),
		"garbled": garbled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := serve(t, bad), serve(t, says(0, "x.nl TXT a"))
			c := clientOf(t, resolve.Options{Servers: []string{first.Addr, second.Addr}, Timeout: haste * 10})
			if _, err := ask(c, "x.nl"); err != nil {
				t.Fatal(err)
			}
			before := first.asked.Load()
			for range 10 {
				if got, err := ask(c, "x.nl"); err != nil || len(got.Records) != 1 {
					t.Error(got, err)
				}
			}
			if n := first.asked.Load(); before == 0 || n != before {
				t.Errorf("the first server got %d questions, then %d", before, n-before)
			}
		})
	}
}

// TestRetry has the one server lose the first packet.
func TestRetry(t *testing.T) {
	t.Parallel()
	var once sync.Once
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		lost := false
		if once.Do(func() { lost = true }); !lost {
			says(0, "x.nl TXT a")(w, q)
		}
	})
	c := clientOf(t, resolve.Options{Servers: []string{s.Addr}, Timeout: haste * 10})
	got, err := ask(c, "x.nl")
	check(t, got, err, resolve.Answer{Chain: []string{"x.nl"}}, "a", "")
}

// TestAttempts counts what one question without an answer sends, and sees to it that the
// next begins where it ended.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for servers, most := range map[int]int64{1: 2, 2: 2, 3: 3, 5: 3} {
		var all []*server
		var addrs []string
		for i := range servers {
			handler := says(dns.RcodeRefused)
			if i == 4 {
				handler = says(0, "x.nl TXT a")
			}
			all = append(all, serve(t, handler))
			addrs = append(addrs, all[i].Addr)
		}
		c := client(t, addrs...)
		_, err := ask(c, "x.nl")
		var asked int64
		for _, s := range all {
			asked += s.asked.Load()
		}
		if err == nil || asked != most {
			t.Errorf("%d servers: %d packets: %v", servers, asked, err)
		}
		for _, addr := range addrs[:min(servers, 3)] {
			if err != nil && !strings.Contains(err.Error(), addr+": REFUSED") {
				t.Errorf("%v does not tell of %s", err, addr)
			}
		}
		if _, err := ask(c, "x.nl"); (err == nil) != (servers == 5) {
			t.Errorf("%d servers, second question: %v", servers, err)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]func(dns.HandlerFunc) dns.HandlerFunc{
		"UDP": func(h dns.HandlerFunc) dns.HandlerFunc { return h },
		"TCP": onTCP,
	} {
		ctx, cancel := context.WithCancel(context.Background())
		s := serve(t, over(func(dns.ResponseWriter, *dns.Msg) { cancel() }))
		start := time.Now()
		_, err := client(t, s.Addr).Ask(ctx, "x.nl", dns.TypeTXT)
		if !errors.Is(err, context.Canceled) || time.Since(start) > patience/2 {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
		before := s.asked.Load()
		_, err = client(t, s.Addr).Ask(ctx, "x.nl", dns.TypeTXT)
		if !errors.Is(err, context.Canceled) || s.asked.Load() != before {
			t.Errorf("%s: %v, and was asked", name, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), haste)
	defer cancel()
	_, err := client(t, serve(t, silent).Addr).Ask(ctx, "x.nl", dns.TypeTXT)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestMaxPerSecond counts what arrives, over UDP and TCP, for questions of many at once.
func TestMaxPerSecond(t *testing.T) {
	t.Parallel()
	const most = 50
	s := serve(t, onTCP(says(dns.RcodeServerFailure)))
	c := clientOf(t, resolve.Options{Servers: []string{s.Addr}, Timeout: patience, MaxPerSecond: most})
	start := time.Now()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for time.Since(start) < time.Second {
				ask(c, "x.nl")
			}
		})
	}
	asking.Wait()
	seconds := time.Since(start).Seconds()
	if n := float64(s.asked.Load()); n > 1+most*seconds {
		t.Errorf("%v questions in %.3f s", n, seconds)
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	bad, good := serve(t, says(dns.RcodeRefused)), serve(t, zone("x.nl TXT a"))
	c := client(t, bad.Addr, good.Addr)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 25 {
				if got, err := ask(c, "x.nl"); err != nil || len(got.Records) != 1 {
					t.Error(got, err)
				}
				if got, err := ask(c, "y.nl"); err != nil || !got.NoName {
					t.Error(got, err)
				}
			}
		})
	}
	asking.Wait()
}

// TestLeak asks many questions that fail in all ways, and finds nothing left of them. It runs
// alone, for the goroutines and files of other tests would be counted, too, and without a garbage
// collector, which closes what was forgotten.
func TestLeak(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var turn atomic.Int64
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		[]dns.HandlerFunc{
			says(dns.RcodeServerFailure),
			onTCP(func(w dns.ResponseWriter, _ *dns.Msg) { w.Close() }),
			garbled,
		}[turn.Add(1)%3](w, q)
	})
	c := client(t, s.Addr, nobody(t))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 500 {
		if _, err := ask(c, "x.nl"); err == nil {
			t.Fatal("an answer")
		}
		if _, err := c.Ask(cancelled, "x.nl", dns.TypeTXT); err == nil {
			t.Fatal("an answer")
		}
	}
	for start := time.Now(); runtime.NumGoroutine() > goroutines || openFiles(t) > files; time.Sleep(haste) {
		if time.Since(start) > patience {
			t.Fatalf("%d goroutines, then %d; %d files, then %d", goroutines, runtime.NumGoroutine(), files, openFiles(t))
		}
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func TestNew(t *testing.T) {
	t.Parallel()
	want := []string{"192.0.2.1:53", "[2001:db8::1]:5353"}
	if got := clientOf(t, resolve.Options{Servers: want}).Servers(); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	switch c, err := resolve.New(resolve.Options{}); {
	case err != nil && !strings.HasSuffix(err.Error(), "name the DNS servers in dns.servers"):
		t.Error(err)
	case err == nil:
		for _, addr := range c.Servers() {
			if _, _, err := net.SplitHostPort(addr); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestNoTimeout has a client without one wait, and give up all the same.
func TestNoTimeout(t *testing.T) {
	t.Parallel()
	good := clientOf(t, resolve.Options{Servers: []string{serve(t, says(0, "x.nl TXT a")).Addr}})
	if got, err := ask(good, "x.nl"); err != nil || len(got.Records) != 1 {
		t.Error(got, err)
	}
	c := clientOf(t, resolve.Options{Servers: []string{nobody(t), serve(t, silent).Addr}})
	if _, err := ask(c, "x.nl"); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Error(err)
	}
}

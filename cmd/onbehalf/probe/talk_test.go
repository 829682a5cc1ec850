package probe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// script is a server that answers each command, by its first word, with the next line that stands
// for it; "" is the greeting. What is not in it gets 250. "hang" is no answer, "close" the end.
type script map[string]string

// serve runs a script for all connections, and returns where, and what was said to it.
func serve(t *testing.T, s script) (netip.AddrPort, func() []string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go s.talk(conn, lines)
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return netip.MustParseAddrPort(listener.Addr().String()), func() (all []string) {
		for len(lines) > 0 {
			all = append(all, <-lines)
		}
		return all
	}
}

func (s script) talk(conn net.Conn, lines chan<- string) {
	in := bufio.NewReader(conn)
	for verb, line := "", ""; ; {
		reply, found := s[verb]
		if !found {
			reply = map[string]string{"": "220 mx.university.example ESMTP", "EHLO": "250-mx.university.example\r\n250 8BITMIME"}[verb]
		}
		switch reply {
		case "close":
			conn.Close()
			return
		case "hang":
			return
		case "":
			reply = "250 2.0.0 Ok"
		}
		fmt.Fprint(conn, reply+"\r\n")
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
		lines <- strings.TrimSpace(line)
		verb, _, _ = strings.Cut(strings.TrimSpace(line), " ")
	}
}

func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// prober is a probe of university.example with a bounce address as sender.
func prober(t testing.TB, level tenant.TLS) *Probe {
	t.Helper()
	d := domain(t, "university.example")
	return &Probe{
		Self:     Self{Caller: Caller{Hello: "mail.courseware.nl", SendingIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}},
		Tenant:   &tenant.Tenant{ID: "university", Direct: tenant.Direct{NextHop: tenant.NextHop{Name: domain(t, "mx.university.example"), Port: 25}}},
		TLS:      level,
		domain:   d,
		uses:     BounceSender,
		patience: 300 * time.Millisecond,
		secret:   regexp.MustCompile(`(?i)SRS0=x=y=university\.example=postmaster`),
		senders: map[Sender]message.Path{
			BounceSender: message.ParsePath("SRS0=x=y=university.example=postmaster@bounces.courseware.nl"),
			AuthorSender: message.PathOf(postmaster(d)),
		},
	}
}

// probe returns what is found at a server.
func probe(t *testing.T, p *Probe, at ...netip.AddrPort) Result {
	t.Helper()
	s := Sight{Tenant: p.Tenant.ID, NextHop: p.Tenant.Direct.NextHop, Domain: p.domain, TLS: p.TLS,
		Envelope: tenant.DirectEnvelope(p.uses), Bounce: domain(t, "bounces.courseware.nl"), Caller: p.Caller}
	for _, addr := range at {
		s.Hosts = append(s.Hosts, p.visit(context.Background(), Address{domain(t, "mx.university.example"), addr}))
	}
	return Judge(s, time.Now())
}

func kinds(r Result) string {
	var all []string
	for _, f := range r.Findings {
		if f.Level != OK {
			all = append(all, fmt.Sprintf("%s %s", f.Level, f.Kind))
		}
	}
	return strings.Join(all, ", ")
}

func TestOrderOfCommands(t *testing.T) {
	addr, said := serve(t, script{})
	r := probe(t, prober(t, tenant.TLSMay), addr)
	if !r.Accepted || kinds(r) != "warning starttls-missing" {
		t.Errorf("accepted %v, %s", r.Accepted, kinds(r))
	}
	want := []string{
		"EHLO mail.courseware.nl",
		"MAIL FROM:<SRS0=x=y=university.example=postmaster@bounces.courseware.nl>", "RCPT TO:<postmaster@university.example>", "RSET",
		"MAIL FROM:<postmaster@university.example>", "QUIT",
	}
	time.Sleep(10 * time.Millisecond) // the server reads QUIT after it has been written
	if got := said(); !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestServersThatMisbehave(t *testing.T) {
	const plain = "warning starttls-missing, "
	tests := []struct {
		name   string
		script script
		kinds  string
	}{
		{"no greeting", script{"": "hang"}, "error time-out"},
		{"half a greeting", script{"": "220-mx.university.example"}, "error time-out"},
		{"closes at once", script{"": "close"}, "error closed"},
		{"another protocol", script{"": "SSH-2.0-OpenSSH_9.2"}, "error no-smtp"},
		{"refuses to talk", script{"": "554 5.7.1 <x[127.0.0.1]>: Client host rejected: Access denied"}, "error not-our-ip"},
		{"talks too much", script{"": strings.Repeat("220-x\r\n", 200) + "220 x"}, "error no-smtp"},
		{"hangs at EHLO", script{"EHLO": "hang"}, "error time-out"},
		{"closes at EHLO", script{"EHLO": "close"}, "error closed"},
		{"refuses EHLO and HELO", script{"EHLO": "502 no", "HELO": "550 no"}, "error reply-unknown"},
		{"hangs at MAIL", script{"MAIL": "hang"}, plain + "error time-out"},
		{"closes at MAIL", script{"MAIL": "421 4.7.0 too many"}, plain + "error reply-unknown"},
		{"hangs at RCPT", script{"RCPT": "hang"}, plain + "error time-out"},
		{"closes at RCPT", script{"RCPT": "close"}, plain + "error closed"},
		{"greylists", script{"RCPT": "451 4.7.1 Greylisting in action"}, plain + "warning greylisting"},
		{"wants another name", script{"RCPT": "450 4.7.1 <mail.courseware.nl>: Helo command rejected: Host not found"}, plain + "error reply-reputation"},
		{"has no sender", script{"MAIL": "553 5.1.8 sender"}, plain + "error reply-unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr, _ := serve(t, test.script)
			begin := time.Now()
			r := probe(t, prober(t, tenant.TLSMay), addr)
			if r.Accepted || kinds(r) != test.kinds {
				t.Errorf("accepted %v, %s; want %s", r.Accepted, kinds(r), test.kinds)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestHELOWhereEHLOIsUnknown(t *testing.T) {
	addr, _ := serve(t, script{"EHLO": "502 5.5.1 not here"})
	if r := probe(t, prober(t, tenant.TLSMay), addr); !r.Accepted {
		t.Errorf("%+v", r.Findings)
	}
	addr, said := serve(t, script{"EHLO": "502 5.5.1 not here"})
	r := probe(t, prober(t, tenant.TLSEncrypt), addr)
	if r.Accepted || kinds(r) != "error starttls-missing" || slices.ContainsFunc(said(), func(s string) bool { return strings.HasPrefix(s, "MAIL") }) {
		t.Errorf("%s", kinds(r))
	}
}

// TestFailedTLS: under may Postfix goes on in plain text; else it says no more.
func TestFailedTLS(t *testing.T) {
	offers := "250-mx.university.example\r\n250 STARTTLS"
	for name, s := range map[string]script{
		"refused":      {"EHLO": offers, "STARTTLS": "454 4.7.0 no certificate"},
		"no handshake": {"EHLO": offers, "STARTTLS": "220 go on\r\n"}, // and goes on in plain text
		"closes":       {"EHLO": offers, "STARTTLS": "close"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, said := serve(t, s)
			r := probe(t, prober(t, tenant.TLSMay), addr)
			if !r.Accepted || kinds(r) != "warning tls-failed" || !r.Hosts[0].Session.Plain {
				t.Errorf("accepted %v, %s", r.Accepted, kinds(r))
			}
			said()
			r = probe(t, prober(t, tenant.TLSEncrypt), addr)
			if r.Accepted || kinds(r) != "error tls-failed" || slices.ContainsFunc(said(), func(s string) bool { return strings.HasPrefix(s, "MAIL") }) {
				t.Errorf("encrypt: accepted %v, %s", r.Accepted, kinds(r))
			}
		})
	}
}

// TestPostmasterIsAskedForOnce: also where there are several servers.
func TestPostmasterIsAskedForOnce(t *testing.T) {
	first, said1 := serve(t, script{"RCPT": "451 4.3.0 later"})
	second, said2 := serve(t, script{})
	r := probe(t, prober(t, tenant.TLSMay), first, second)
	if asked := strings.Count(strings.Join(append(said1(), said2()...), "\n"), "RCPT"); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if r.Accepted {
		t.Error("nobody has accepted it")
	}
	first, _ = serve(t, script{"MAIL": "451 4.3.0 later"})
	second, _ = serve(t, script{})
	if r := probe(t, prober(t, tenant.TLSMay), first, second); !r.Accepted || strings.Contains(kinds(r), "error") {
		t.Errorf("the second server takes it: %s", kinds(r))
	}
	first, _ = serve(t, script{"MAIL": "550 5.7.1 no"})
	second, _ = serve(t, script{})
	if r := probe(t, prober(t, tenant.TLSMay), first, second); r.Accepted {
		t.Error("Postfix does not ask the second server when the first has refused")
	}
}

func TestBounceAddressIsNotShown(t *testing.T) {
	addr, _ := serve(t, script{"RCPT": "550 5.7.1 <srs0=X=Y=university.example=postmaster@bounces.courseware.nl>: no \x1b[2J\u202e"})
	r := probe(t, prober(t, tenant.TLSMay), addr)
	var out strings.Builder
	r.Print(&out)
	if strings.Contains(strings.ToLower(out.String()), "srs0=") || !strings.Contains(out.String(), "(bounce address)") {
		t.Errorf("%s", out.String())
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e") {
		t.Errorf("%q", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}

// TestLastMinute: what there is no time for is said to be not tried.
func TestLastMinute(t *testing.T) {
	addr, _ := serve(t, script{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := prober(t, tenant.TLSMay).visit(ctx, Address{Addr: addr})
	if h.Steps[0].Trouble.Kind != TimedOut || !strings.Contains(h.Steps[0].Trouble.Text, "not tried") {
		t.Errorf("%+v", h.Steps)
	}
}

// TestComesFromWherePostfixDoes: by the address that Postfix binds to. One that this host does not
// have is none.
func TestComesFromWherePostfixDoes(t *testing.T) {
	addr, _ := serve(t, script{})
	for bound, want := range map[string]string{"127.0.0.9": "127.0.0.9", "192.0.2.77": "127.0.0.1", "2001:db8::77": "127.0.0.1"} {
		p := prober(t, tenant.TLSMay)
		p.from = []netip.Addr{netip.MustParseAddr(bound)}
		if got := p.visit(context.Background(), Address{Addr: addr}).Local.String(); got != want {
			t.Errorf("bound to %s, it comes from %s, want %s", bound, got, want)
		}
	}
}

package milter

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"onbehalf/milter/mta"
	"onbehalf/test/cases"
)

// TestMessagesOnOneConnection: each is handled as if it were alone.
func TestMessagesOnOneConnection(t *testing.T) {
	h := open(t)
	client := h.client(good())
	for i, step := range []struct {
		mail  mta.Mail
		reply string // how it starts
	}{
		{good(), ""}, {refusable(), "550 5.7.1 "}, {good(), ""}, {rewritten(), ""}, {refusable(), "550 5.7.1 "},
		{refusable(), "550 5.7.1 "}, {rewritten(), ""}, {good(), ""},
	} {
		got := h.send(client, step.mail)
		if step.reply == "" {
			h.wantSigned(step.mail, got)
		} else if !strings.HasPrefix(got.Reply, step.reply) {
			t.Errorf("message %d: reply is %q", i+1, got.Reply)
		}
	}
	if lines := h.book.lines(t, "message"); len(lines) != 8 {
		t.Errorf("%d lines in the log, want 8", len(lines))
	}
}

// TestAbort: RSET ends a message at each stage, EHLO in mid-session too (H, then
// A), and what is known of the connection stays.
func TestAbort(t *testing.T) {
	h := open(t)
	for name, ending := range map[string][]string{"RSET": {"A"}, "twice": {"A", "A"}, "EHLO": {"Hclient.example\x00", "A"}} {
		client := h.client(good())
		for n := 2; n < len(stages); n++ {
			for _, one := range append(stages[2:n:n], ending...) {
				answered := strings.Contains("RHN", one[:1])
				must(t, client.Write(one[0], []byte(one[1:])))
				if !answered {
					continue
				}
				if code, _, err := client.Read(); code != 'c' || err != nil {
					t.Fatalf("%s after %d frames: %q is answered %q, %v", name, n, one, code, err)
				}
			}
			m := good()
			h.wantSigned(m, h.send(client, m))
		}
	}
	if n := h.Counts.Kept.Load(); int(n) != len(h.book.lines(t, "message")) {
		t.Errorf("%d messages, %d lines", n, len(h.book.lines(t, "message")))
	}
}

// club is a message that may only be sent with the login lms-club.
func club(login string) mta.Mail { return from("team@club.example", login) }

// TestLoginIsOfOneMessage: the next message on the connection does not have it,
// however the message before ended.
func TestLoginIsOfOneMessage(t *testing.T) {
	h := open(t)
	client := h.client(good())
	for range 2 {
		if got := h.send(client, club("lms-club")); got.Reply != "" {
			t.Errorf("with the login: %s", got.Reply)
		}
		if got := h.send(client, club("")); !strings.HasPrefix(got.Reply, "550 5.7.1") {
			t.Error("the login of one message served another")
		}
	}
}

// TestLoginLeaks: not even a mail server that sends no macros when it has none, nor
// aborts, hands a login on.
func TestLoginLeaks(t *testing.T) {
	h := open(t)
	mail, rcpt := stages[2], stages[3]
	login := "DM{auth_authen}\x00lms-club\x00"
	content := []string{"LFrom\x00 team@club.example\x00", "N"}
	for name, first := range map[string][]string{
		"MAIL again":       {login, mail},
		"MAIL after RCPT":  {login, mail, rcpt},
		"MAIL after abort": {login, mail, "A"},
		"after a message":  append([]string{login, mail, rcpt}, append(content, "E")...),
		"for another step": {strings.Replace(login, "DM", "DR", 1)},
	} {
		conn := h.dial()
		conn.Write(frames(append(stages[:2:2], first...)...))
		conn.Write(frames(append([]string{mail, rcpt}, content...)...))
		conn.Write(frames("Q"))
		wantClosed(t, conn)
		if all := h.book.lines(t, "message"); all[len(all)-1]["row"] != "10 forbidden" || all[len(all)-1]["login"] != "" {
			t.Errorf("%s: %v", name, all[len(all)-1])
		}
	}
}

// TestNothingIsLeft: what was said of a message that is over, at the end of its header
// or of its body, is not said of the next, whether or not the mail server aborts.
func TestNothingIsLeft(t *testing.T) {
	h := open(t)
	mail, rcpt := stages[2], stages[3]
	for name, first := range map[string][]string{
		"passed":  {"M<a@shadow.example>\x00", rcpt, "LFrom\x00 a@shadow.example\x00", "DNi\x00Q1\x00", "N"},
		"refused": {mail, rcpt, "LFrom\x00 <\x00", "DNi\x00Q1\x00", "N"},
		"done":    {mail, rcpt, stages[4], "N", "DEi\x00Q1\x00", "E"},
	} {
		conn := h.dial()
		conn.Write(frames(append(append(stages[:2:2], first...), mail, rcpt, stages[4], "N", "E", "Q")...))
		wantClosed(t, conn)
		all := h.book.lines(t, "message")
		if one, two := all[len(all)-2], all[len(all)-1]; one["queue_id"] != "Q1" || two["queue_id"] != "" || two["row"] != "2 key-spf" {
			t.Errorf("%s: %v, then %v", name, one, two)
		}
	}
}

// TestConnectionFacts: who the client is decides about each message of the
// connection, and only of that one.
func TestConnectionFacts(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		client  string
		local   bool
		login   string
		trusted bool
	}{
		"network":            {"192.0.2.10", false, "", true},
		"IPv6":               {"::1", false, "", true},
		"stranger":           {"203.0.113.5", false, "", false},
		"IPv6 stranger":      {"2001:db8::25", false, "", false},
		"logged in":          {"203.0.113.5", false, "somebody", true},
		"IPv6, logged in":    {"2001:db8::25", false, "somebody", true},
		"sendmail":           {"127.0.0.1", true, "", true},
		"port 0 from abroad": {"203.0.113.5", true, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := good()
			m.Client, m.Local, m.Login = netip.MustParseAddr(c.client), c.local, c.login
			client := h.client(m)
			for range 3 {
				got := h.send(client, m)
				if signed := got.Header[0].Is("DKIM-Signature"); signed != c.trusted || got.Reply != "" {
					t.Errorf("signed: %v, reply %q", signed, got.Reply)
				}
			}
		})
	}
}

// TestLocalIsPortZero: a program on the host that speaks SMTP is no local submission.
func TestLocalIsPortZero(t *testing.T) {
	h := open(t)
	cast := cases.NewCast(t)
	h.state.Store(&cases.Generation{Tenants: cast.Table(t, "ONBEHALF_TRUST_NETWORKS=192.0.2.0/24"), Keys: cast.Keys})
	for _, local := range []bool{true, false} {
		m := good()
		m.Client, m.Local = netip.MustParseAddr("127.0.0.1"), local
		if got := h.send(h.client(m), m); got.Header[0].Is("DKIM-Signature") != local {
			t.Errorf("port 0: %v; header is\n%s", local, got.Header)
		}
	}
}

// TestUnreadableClient: a client whose address cannot be read is a stranger, also
// where a trusted one came before.
func TestUnreadableClient(t *testing.T) {
	h := open(t)
	for name, connect := range map[string]string{
		"unknown family":  "Cmx\x00U",
		"unix socket":     "Cmx\x00L\x00\x00/run/x\x00",
		"letter Z":        "Cmx\x00Z",
		"no address":      "Cmx\x004\x00\x19\x00",
		"IPv6: in front":  "Cmx\x006\x00\x19IPv6:::1\x00",
		"name as address": "Cmx\x004\x00\x19localhost\x00",
	} {
		client := h.client(good())
		if code, _, err := client.Ask(connect[0], strings.TrimSuffix(connect[1:], "\x00")); code != 'c' || err != nil {
			t.Fatalf("%s: answered %q, %v", name, code, err)
		}
		client.Ask('M', "<courses@university.example>")
		client.Ask('R', "<student@receiver.example>")
		client.Ask('L', "From", " courses@university.example")
		if code, _, err := client.Ask('N'); code != 'a' || err != nil {
			t.Errorf("%s: the header is answered %q, %v; want a stranger's", name, code, err)
		}
	}
}

// TestPeerGoesAway: whatever a connection was about, nothing of it is left.
func TestPeerGoesAway(t *testing.T) {
	h := open(t)
	h.lives()
	wait(t, "no connection", func() bool { return h.connections() <= 1 })
	before := runtime.NumGoroutine()
	for n := 0; n <= len(stages); n++ {
		for i := range 15 {
			conn := h.dial()
			_, err := conn.Write(frames(stages[:n]...))
			must(t, err)
			if i%3 == 0 && n < len(stages) {
				conn.Write(frames(stages[n])[:3]) // in the middle of a frame
			}
			if i%2 == 0 && n > 0 {
				conn.Read(make([]byte, 5)) // not before it was looked at
			}
			conn.Close()
		}
	}
	wantGoroutines(t, before)
	h.lives()
}

// TestStateAtMail: a message is decided and signed by what was current at its MAIL,
// whatever is reloaded meanwhile.
func TestStateAtMail(t *testing.T) {
	h := open(t)
	m := good()
	cast := cases.NewCast(t)
	strict := cases.Generation{Tenants: cast.Table(t, "ONBEHALF_POLICY_KEEP_ENVELOPE=false", "ONBEHALF_POLICY_UNKNOWN_DOMAIN=reject"), Keys: cast.Keys}
	now := *h.state.Load()
	nobody := from("x@nobody.example", "")
	client := h.client(m)
	for _, c := range []struct {
		atMail, later cases.Generation
		want          string
	}{{now, strict, ""}, {strict, now, "550 5.7.1 "}, {now, cases.Generation{}, ""}} {
		h.state.Store(&c.atMail)
		must(t, client.Macros('M'))
		client.Ask('M', nobody.Sender)
		settle(t, client)
		h.state.Store(&c.later)
		client.Ask('R', nobody.Recipients[0])
		for _, field := range nobody.Header {
			client.Ask('L', field.Name, strings.ReplaceAll(field.Value, "\r\n", "\n"))
		}
		last, data, err := client.Ask('N')
		must(t, err)
		if last == 'c' {
			must(t, client.Write('E', nil))
			last, data = readReply(t, client)
		}
		if refused := last == 'y'; refused != (c.want != "") || !strings.HasPrefix(string(data), c.want) {
			t.Errorf("answered %q %q, want %q", last, data, c.want)
		}
	}
}

// readReply passes over the edits.
func readReply(t *testing.T, c *mta.Client) (code byte, data []byte) {
	t.Helper()
	for {
		code, data, err := c.Read()
		must(t, err)
		if !isEdit(code) {
			return code, data
		}
	}
}

// TestPanicEndsOneConnection: the daemon and the other connections live on.
func TestPanicEndsOneConnection(t *testing.T) {
	h := open(t)
	bystander := h.client(good())
	before := runtime.NumGoroutine()
	now := h.state.Swap(&cases.Generation{}) // no table
	conn := h.dial()
	conn.Write(frames(stages...))
	wantClosed(t, conn)
	h.state.Store(now)
	wantGoroutines(t, before)
	h.wantSigned(good(), h.send(bystander, good()))
	h.lives()
}

// TestLimits: what is too large is refused, unless it is not ours, and the next
// message is handled.
func TestLimits(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits = Limits{Header: 4000, Recipients: 3} })
	client := h.client(good())
	long := func(n int) mta.Mail {
		m := good()
		for range n {
			m.Header = append(m.Header, m.Header[2])
		}
		m.Header[len(m.Header)-1].Name = strings.Repeat("X", 100)
		return m
	}
	many := good()
	many.Recipients = []string{"<a@b.example>", "<c@b.example>", "<d@b.example>", "<e@b.example>"}
	vast := good()
	vast.Recipients = []string{"<" + strings.Repeat("a", 3*maxPath) + "@b.example>"}
	shadow := from("a@shadow.example", "")
	shadow.Header = append(shadow.Header, long(400).Header[1:]...)
	from := func(client string, m mta.Mail) mta.Mail {
		m.Client = netip.MustParseAddr(client)
		return m
	}
	returned := long(400)
	returned.Recipients = []string{h.bounceTo("academy@yourorganisationname.nl")}
	for name, c := range map[string]struct {
		mail  mta.Mail
		reply string
	}{
		"header":           {long(400), "552 5.3.4 header longer than 4000 bytes"},
		"endless header":   {long(4000), "552 5.3.4 header longer than 4000 bytes"},
		"recipients":       {many, "552 5.3.4 more than 3 recipients"},
		"long recipients":  {vast, "552 5.3.4 more than 3 recipients"},
		"header in shadow": {shadow, ""},

		"stranger's header":             {from("203.0.113.5", long(400)), ""},
		"stranger's endless header":     {from("203.0.113.5", long(4000)), ""},
		"stranger's recipients":         {from("203.0.113.5", many), ""},
		"header of a stranger's bounce": {from("203.0.113.5", returned), "552 5.3.4 header longer than 4000 bytes"},
	} {
		one := client
		if c.mail.Client != good().Client {
			one = h.client(c.mail)
		}
		for range 2 {
			got := h.send(one, c.mail)
			if got.Reply != c.reply || len(got.Recipients) != len(c.mail.Recipients) || len(got.Header) != len(c.mail.Header) {
				t.Errorf("%s: reply is %q, want %q", name, got.Reply, c.reply)
			}
		}
		m := good()
		h.wantSigned(m, h.send(client, m))
	}
	for _, l := range h.book.lines(t, "message") {
		if l["result"] == "refused" && (l["action"] != "refuse" || l["reason"] != "message is too large" || l["problem"] == nil) {
			t.Errorf("log line is %v", l)
		}
	}
}

// TestParallel keeps many connections busy at once, and shuts down behind them.
func TestParallel(t *testing.T) {
	h := open(t)
	errs := make(chan error)
	for range 20 {
		go func() { errs <- sendMany(h, 20) }()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	must(t, h.Shutdown(context.Background())) // and with that, every line is written
	if kept, rewritten, refused := h.Counts.Kept.Load(), h.Counts.Rewritten.Load(), h.Counts.Refused.Load(); kept != 140 || rewritten != 140 || refused != 120 {
		t.Errorf("%d kept, %d rewritten, %d refused", kept, rewritten, refused)
	}
	if n := len(h.book.lines(t, "message")); n != 400 {
		t.Errorf("%d lines for 400 messages", n)
	}
}

func sendMany(h *harness, n int) error {
	client, err := mta.Dial(h.network, h.address)
	if err != nil {
		return err
	}
	defer client.Close()
	mails := []mta.Mail{good(), rewritten(), refusable()}
	if err := client.Connect(mails[0]); err != nil {
		return err
	}
	for i := range n {
		m := mails[i%len(mails)]
		got, err := client.Send(m)
		if err != nil {
			return err
		}
		if refused := got.Reply != ""; refused != (i%len(mails) == 2) {
			return fmt.Errorf("message %d: reply is %q", i, got.Reply)
		}
	}
	return nil
}

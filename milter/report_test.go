package milter

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// TestLogLine: one for each message, with what a postmaster looks for.
func TestLogLine(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		mail mta.Mail
		want line
	}{
		"kept": {good(), line{"level": "INFO", "result": "done", "row": "2 key-spf", "action": "keep", "tenant": "university", "rewrote": "",
			"signed": "cw1._domainkey.university.example, cw2._domainkey.university.example", "from": "Courses <courses@university.example>",
			"sender": "courses@university.example", "client": "192.0.2.10", "login": "", "recipients": 1.0, "security": nil, "fragile": nil, "mode": nil}},
		"rewritten": {rewritten(), line{"level": "INFO", "result": "done", "row": "6 on-behalf", "action": "rewrite", "tenant": "yourorg",
			"rewrote": "sender, change From, add X-Original-From, add Reply-To", "signed": "cw1._domainkey.courseware.nl, cw2._domainkey.courseware.nl",
			"new_sender": "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl"}},
		"refused": {refusable(), line{"level": "WARN", "result": "refused", "row": "10 forbidden", "action": "refuse", "tenant": "club", "security": true, "login": "somebody", "signed": ""}},
		"shadow": {from("a@shadow.example", ""), line{"level": "INFO", "result": "passed", "row": "6 on-behalf", "action": "rewrite", "tenant": "shadow", "mode": "shadow", "rewrote": nil, "signed": nil,
			"would_rewrite": "sender, change From, add X-Original-From, add Reply-To", "would_sign": "cw1._domainkey.courseware.nl, cw2._domainkey.courseware.nl",
			"new_sender": nil, "would_new_sender": "SRS0=ntr47kj2=D5=shadow.example=a@bounces.courseware.nl"}},
		"stranger":        {stranger(), line{"level": "INFO", "result": "passed", "row": "untrusted", "action": "pass", "tenant": "", "client": "203.0.113.5", "forwarded": nil, "dsn": nil}},
		"8-bit":           {bodied("größer\r\n"), line{"result": "done", "fragile": "8bit"}},
		"long line":       {bodied(strings.Repeat("x", 999) + "\r\n"), line{"result": "done", "fragile": "long-line"}},
		"both":            {bodied(strings.Repeat("ö", 500)), line{"result": "done", "fragile": "8bit, long-line"}},
		"bare CR":         {bodied("a\rb\r\n"), line{"level": "WARN", "result": "refused", "rewrote": "", "signed": ""}},
		"repeated fields": {repeating(), line{"level": "INFO", "result": "refused", "row": "too-many", "rewrote": "", "signed": ""}},
		"some repeated":   {repeated(20), line{"result": "done", "rewrote": "sender, delete X-Original-From (20), change From, add X-Original-From, add Reply-To"}},
		"cut field":       {addressed(strings.Repeat("student@receiver.example,\r\n\t", 2300)), line{"result": "done", "fragile": "cut-field"}},
		"long text field": {noted(strings.Repeat("words and words\r\n\t", 4000)), line{"result": "done", "fragile": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.book.lines(t, "message"))
			h.send(h.client(c.mail), c.mail)
			lines := h.book.lines(t, "message")[before:]
			if len(lines) != 1 {
				t.Fatalf("%d lines: %v", len(lines), lines)
			}
			if _, found := c.want["queue_id"]; !found {
				c.want["queue_id"] = c.mail.QueueID
			}
			for _, key := range slices.Sorted(maps.Keys(c.want)) {
				if got := lines[0][key]; got != c.want[key] {
					t.Errorf("%s is %v, want %v", key, got, c.want[key])
				}
			}
			if took, _ := lines[0]["duration"].(float64); took <= 0 || lines[0]["reason"] == "" {
				t.Errorf("duration or reason is missing: %v", lines[0])
			}
		})
	}
	c := &h.Counts
	got := [6]int64{c.Kept.Load(), c.Rewritten.Load(), c.Passed.Load(), c.Refused.Load(), c.Deferred.Load(), c.Fragile.Load()}
	if want := [6]int64{6, 2, 2, 3, 0, 4}; got != want {
		t.Errorf("counts are %v, want %v", got, want)
	}
}

// repeated is a message with a field that has to go, some times.
func repeated(times int) mta.Mail {
	m := rewritten()
	for range times {
		m.Header = append(m.Header, message.Field{Name: "X-Original-From", Value: " x"})
	}
	return m
}

// repeating has it too often.
func repeating() mta.Mail { return repeated(200) }

func addressed(to string) mta.Mail {
	m := good()
	m.Header = append(m.Header, message.Field{Name: "Cc", Value: " " + to + "student@receiver.example"})
	return m
}

func noted(text string) mta.Mail {
	m := good()
	m.Header = append(m.Header, message.Field{Name: "X-Note", Value: " " + text + "words"})
	return m
}

// TestForbiddenIsNamed: whose account sends as somebody else is in the log, whatever
// log.addresses says.
func TestForbiddenIsNamed(t *testing.T) {
	h := open(t)
	state := *h.state.Load()
	state.Addresses = false
	h.state.Store(&state)
	m := from("a@museum.example", "lms-club")
	h.send(h.client(m), m)
	lines := h.book.lines(t, "message")
	if len(lines) != 1 || lines[0]["login"] != "lms-club" || lines[0]["client"] != "192.0.2.10" || lines[0]["bound"] != "club" {
		t.Errorf("log is %v", lines)
	}
}

// stranger is a message of a client that is not trusted.
func stranger() mta.Mail {
	m := good()
	m.Client = netip.MustParseAddr("203.0.113.5")
	return m
}

func bodied(body string) mta.Mail {
	m := good()
	m.Body = []byte(body)
	return m
}

// TestLogWithoutAddresses: with addresses off, no line names a person, a client or
// the author's domain in an address.
func TestLogWithoutAddresses(t *testing.T) {
	h := open(t)
	state := *h.state.Load()
	state.Addresses = false
	h.state.Store(&state)
	named := from("jane.doe@museum.example", "jane.login")
	named.Header[0].Value = " Jane Doe <jane.doe@museum.example>"
	unreadable := good()
	unreadable.Header[0].Value = " jane.doe@museum.example, <jane.doe"
	unreadable.Login = "jane.login"
	two := from("jane.doe@museum.example", "jane.login")
	two.Header = append(two.Header, two.Header[0])
	unknown := from("jane.doe@nobody.example", "jane.login")
	bare := from("jane.doe@museum.example", "jane.login")
	bare.Body = []byte("jane.doe\rjane.doe")
	shadow := from("jane.doe@shadow.example", "jane.login")
	mails := []mta.Mail{named, unreadable, two, unknown, bare, shadow, from("jane.doe@yourorganisationname.nl", "jane.login")}
	for _, m := range mails {
		m.Recipients = []string{"<jane.doe@receiver.example>"}
		h.send(h.client(m), m)
	}
	stray := stranger()
	stray.Sender = "<jane.doe@receiver.example>"
	h.send(h.client(stray), stray)
	if n := len(h.book.lines(t, "message")); n != len(mails)+1 {
		t.Errorf("%d lines for %d messages", n, len(mails)+1)
	}
	for _, secret := range []string{"@", "jane", "Jane", "doe", "192.0.2.10", "203.0.113.5", "receiver.example"} {
		if strings.Contains(h.book.String(), secret) {
			t.Errorf("log holds %q:\n%s", secret, h.book)
		}
	}
}

// TestLogInjection: nothing in a message makes a second line of one.
func TestLogInjection(t *testing.T) {
	h := open(t)
	for _, value := range []string{
		" a@nobody.example\r\n {\"msg\":\"message\",\"row\":\"1\"}", " a@nobody.example\n\n{\"msg\":\"message\"}", " \"a\\\nb\" <a@nobody.example>",
		" a@nobody.example\r{\"msg\":\"message\"}", " =?utf-8?q?a=0A=0Db?= <a@nobody.example>", " \xff\xfe\x1b[31m <a@nobody.example>", "",
	} {
		before := strings.Count(h.book.String(), "\n")
		m := good()
		m.Header[0].Value = value
		m.Login = "a\nb"
		h.send(h.client(m), m)
		if n := strings.Count(h.book.String(), "\n") - before; n != 1 {
			t.Errorf("%q makes %d lines", value, n)
		}
	}
	h.book.lines(t, "message") // each is well-formed
}

// TestLogKeepsSecrets: neither a key nor a secret is in it, whatever goes wrong.
func TestLogKeepsSecrets(t *testing.T) {
	h := open(t)
	for _, m := range []mta.Mail{good(), rewritten(), refusable(), bodied("a\rb")} {
		h.send(h.client(m), m)
	}
	for _, secret := range []string{"PRIVATE", "a secret for the cases only"} {
		if strings.Contains(h.book.String(), secret) {
			t.Errorf("log holds %q", secret)
		}
	}
}

// TestShadow: decided and logged, and nothing else.
func TestShadow(t *testing.T) {
	h := open(t)
	client := h.client(good())
	must(t, client.WriteRaw(frames("M<a@shadow.example>\x00", stages[3], "LFrom\x00 a@shadow.example\x00", "N")))
	for _, want := range []byte{'c', 'a'} {
		if code, data, err := client.Read(); code != want || err != nil {
			t.Fatalf("answered %q %q, %v; want %q", code, data, err, want)
		}
	}
	m := good()
	h.wantSigned(m, h.send(client, m)) // and no abort before it
}

// TestRefusal: a text that quotes anything becomes one line that Postfix takes.
func TestRefusal(t *testing.T) {
	for text, want := range map[string]string{
		"100% %s":                "100%% %%s",
		"a\r\nb\x00c\x7f\x1b":    "a??b?c??",
		"jö\xff":                 "j??",
		strings.Repeat("x", 401): strings.Repeat("x", 400) + "...",
		strings.Repeat("%", 401): strings.Repeat("%%", 400) + "...",
	} {
		if got := string(answerWith("550 5.7.1 " + text).Response().Data); got != "550 5.7.1 "+want+"\x00" {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// TestReplies: whatever a message holds, the reply is one line that Postfix takes.
func TestReplies(t *testing.T) {
	h := open(t)
	for name, value := range map[string]string{
		"control characters": " a\x01\x1b\x7f <b", "line ends": " a\r\n b <c", "8-bit": " jö\xff <c", "percent": " 100%s%n <c", "long": " " + strings.Repeat("% ", 3000) + "<c",
	} {
		client := h.client(good())
		must(t, client.WriteRaw(frames(stages[2], stages[3], "LFrom\x00"+value+"\x00", "N")))
		client.Read() // RCPT's
		code, data, err := client.Read()
		must(t, err)
		text, end := strings.CutSuffix(string(data), "\x00")
		if code != 'y' || !end || !strings.HasPrefix(text, "550 5.6.0 ") {
			t.Fatalf("%s: answered %q %q", name, code, data)
		}
		sent := strings.ReplaceAll(text, "%%", "")
		if strings.Contains(sent, "%") || len(strings.ReplaceAll(text, "%%", "%")) > 510 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: reply is %q", name, text)
		}
	}
}

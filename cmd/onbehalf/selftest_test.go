package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/term"
)

// mailbox is an SMTP server that keeps what it takes, and can refuse at one command
// of the second message. Real refusals of a Postfix cannot be had at will.
type mailbox struct {
	addr    string
	refuses string // a command's first word; "." is the end of a message
	with    string // the reply; empty: it hangs up
	said    []string
	mail    []string
	done    chan struct{} // the client is gone
}

func openMailbox(t *testing.T, refuses, with string) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	m := &mailbox{addr: listener.Addr().String(), refuses: refuses, with: with, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		m.serve(textproto.NewConn(conn))
	}()
	return m
}

func (m *mailbox) serve(c *textproto.Conn) {
	c.PrintfLine("220 mail.courseware.nl ESMTP")
	seen := make(map[string]int)
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		m.said = append(m.said, line)
		verb, _, _ := strings.Cut(line, " ")
		seen[verb]++
		switch {
		case verb == m.refuses && m.with == "" && seen[verb] == 2:
			return
		case verb == m.refuses && (seen[verb] == 2 || verb == "EHLO"):
			c.PrintfLine("%s", m.with)
		case verb == "EHLO":
			c.PrintfLine("250-mail.courseware.nl\r\n250 8BITMIME")
		case verb == "DATA":
			c.PrintfLine("354 go on")
			octets, _ := c.ReadDotBytes()
			m.take(c, string(octets))
		default:
			c.PrintfLine("250 2.0.0 Ok")
		}
	}
}

func (m *mailbox) take(c *textproto.Conn, mail string) {
	if m.refuses == "." && len(m.mail) == 1 {
		c.PrintfLine("%s", m.with)
		return
	}
	m.mail = append(m.mail, mail)
	c.PrintfLine("250 2.0.0 Ok: queued as 4cB%dXyz", len(m.mail))
}

// try runs selftest against the mailbox and waits until it has hung up.
func (m *mailbox) try(t *testing.T, args ...string) (output, talk string, status int) {
	t.Helper()
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"selftest", "--config", folder + "/onbehalf.yaml", "--to", "student@receiver.example", "--smtp", m.addr}, args...)
	var out, err bytes.Buffer
	status = run(args, strings.NewReader(""), &out, &err)
	<-m.done
	return out.String(), err.String(), status
}

func (m *mailbox) dialogue(verb string) []string {
	var lines []string
	for _, line := range m.said {
		if strings.HasPrefix(line, verb) {
			lines = append(lines, line)
		}
	}
	return lines
}

// selftestJSON is the part of selftest --json that scripts rely on.
type selftestJSON struct {
	Token    string
	Messages []struct {
		As, From, Reply, Error string
		QueueID                string `json:"queue_id"`
		Expected               struct{ Row, Verdict string }
	}
}

func TestSelftestSends(t *testing.T) {
	m := openMailbox(t, "", "")
	output, talk, status := m.try(t, "--json", "--tenant", "university")
	if status != exitFine || talk != "" {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	var got selftestJSON
	if err := json.Unmarshal([]byte(output), &got); err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprint(m.dialogue("MAIL"), m.dialogue("RCPT"))
	if want := "[MAIL FROM:<postmaster@courseware.nl> BODY=8BITMIME MAIL FROM:<postmaster@university.example> BODY=8BITMIME] " +
		"[RCPT TO:<student@receiver.example> RCPT TO:<student@receiver.example>]"; said != want {
		t.Errorf("said %s, want %s", said, want)
	}
	for i, row := range []string{"7 platform", "2 key-spf"} {
		one := got.Messages[i]
		if one.Expected.Row != row || one.QueueID != fmt.Sprintf("4cB%dXyz", i+1) || one.Error != "" {
			t.Errorf("message %d: %+v", i+1, one)
		}
		marked(t, m.mail[i], got.Token)
	}
}

// marked looks at a message of the self-test as a person and as a program would.
func marked(t *testing.T, mail, token string) {
	t.Helper()
	header, err := message.ReadHeader(message.NewReader(strings.NewReader(mail)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Subject", "X-Onbehalf-Selftest"} {
		if field, _ := header.Get(name); len(token) != 6 || !strings.Contains(field.Text(), token) {
			t.Errorf("%s %q is not marked with %q", name, field.Text(), token)
		}
	}
	for _, name := range []string{"From", "To", "Date", "Message-ID"} {
		if !header.Has(name) {
			t.Errorf("%s is missing", name)
		}
	}
	if _, body, _ := strings.Cut(mail, "\n\n"); !strings.Contains(body, token) {
		t.Errorf("the body does not tell what this is:\n%s", body)
	}
}

// TestSelftestRefused: the second message is refused at each point in turn; the first
// has gone out all the same.
func TestSelftestRefused(t *testing.T) {
	for _, c := range []struct{ at, reply, remedy string }{
		{"MAIL", "451 4.7.1 Service unavailable - try again later", "is onbehalf running"},
		{"RCPT", "554 5.7.1 <student@receiver.example>: Relay access denied", "mynetworks"},
		{"RCPT", "450 4.1.1 unverified", "asks to try again later"},
		{".", "550 5.7.1 no such mail here", "refuses the message"},
	} {
		t.Run(c.at+" "+c.reply[:3], func(t *testing.T) {
			m := openMailbox(t, c.at, c.reply)
			output, _, status := m.try(t)
			if status != exitNo || len(m.mail) != 1 {
				t.Errorf("exit status %d and %d messages, want 1 and 1", status, len(m.mail))
			}
			for _, want := range []string{"  1  250 2.0.0 Ok: queued as 4cB1Xyz\n", "  2  " + c.reply + "\n", c.remedy} {
				if !strings.Contains(output, want) {
					t.Errorf("%q is missing:\n%s", want, output)
				}
			}
			if strings.Contains(output, "Look for") {
				t.Error("the guide speaks of a message that was not sent")
			}
		})
	}
}

func TestSelftestRefusedAsJSON(t *testing.T) {
	m := openMailbox(t, ".", "550 5.7.1 no")
	output, _, status := m.try(t, "--json")
	var got selftestJSON
	if err := json.Unmarshal([]byte(output), &got); err != nil || status != exitNo {
		t.Fatalf("exit status %d, %v", status, err)
	}
	if one, two := got.Messages[0], got.Messages[1]; one.Error != "" || two.Error == "" || two.Reply != "550 5.7.1 no" || two.QueueID != "" {
		t.Errorf("%+v", got.Messages)
	}
}

// TestSelftestCutOff: when the connection breaks, what became of the first message is
// still said.
func TestSelftestCutOff(t *testing.T) {
	m := openMailbox(t, "RCPT", "")
	output, talk, status := m.try(t)
	if status != exitNo || !strings.Contains(output, "  1  250 2.0.0 Ok: queued as 4cB1Xyz\n  2  nothing\n") || !strings.Contains(talk, "EOF; Postfix's log says why") {
		t.Errorf("exit status %d\n%s%s", status, output, talk)
	}
}

// TestSelftestGreeting: a server that wants nothing from us gets nothing.
func TestSelftestGreeting(t *testing.T) {
	m := openMailbox(t, "EHLO", "554 5.7.1 go away")
	_, talk, status := m.try(t)
	if status != exitNo || !strings.Contains(talk, "554 5.7.1 go away") || len(m.dialogue("MAIL")) > 0 {
		t.Errorf("exit status %d: %s", status, talk)
	}
}

// TestSelftestSays: expectation and advice follow the row, and fit a terminal.
func TestSelftestSays(t *testing.T) {
	for _, c := range []struct {
		name, tenant, environment string
		says                      []string
	}{
		{"rewritten", "yourorg", "", []string{
			"Expected: row 6 on-behalf, rewrite", `"Your Organisation via Courseware" <noreply@courseware.nl>`,
			"spf=pass (bounces.courseware.nl)", "dkim=pass (courseware.nl)", "dmarc=pass (courseware.nl)",
			"is still from postmaster@yourorganisationname.nl", "journalctl -g '4cB1Xyz|4cB2Xyz'", "80.84.235.70"}},
		{"own", "university", "", []string{
			"Expected: row 2 key-spf, keep", "dkim=pass (university.example)", "dmarc=pass (university.example)", "/onbehalf.yaml university", "relies on"}},
		{"kept", "yourorg", "ONBEHALF_POLICY_REWRITE_FROM=never", []string{
			"Expected: row 6 on-behalf, keep", "dmarc=fail or none (yourorganisationname.nl)", "rewrite_from lets From stay"}},
		{"shadow", "yourorg", "ONBEHALF_POLICY_MODE=shadow", []string{
			"Return-Path     <postmaster@yourorganisationname.nl>", "none of ours", "those of mail without onbehalf", "remove mode: shadow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if name, value, found := strings.Cut(c.environment, "="); found {
				t.Setenv(name, value)
			}
			output, talk, status := openMailbox(t, "", "").try(t, "--tenant", c.tenant)
			if status != exitFine {
				t.Fatalf("exit status %d: %s", status, talk)
			}
			for _, want := range c.says {
				if !strings.Contains(strings.Join(strings.Fields(output), " "), strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%q is missing", want)
				}
			}
			fits(t, output)
		})
	}
}

// fits holds the output against a terminal of 80 columns, and a screen and a half of
// 40 lines.
func fits(t *testing.T, output string) {
	t.Helper()
	lines := strings.Split(output, "\n")
	for _, line := range lines {
		if term.Width(line) > term.Columns && len(strings.Fields(line)) > 1 {
			t.Errorf("too long: %s", line)
		}
	}
	if len(lines) > 60 {
		t.Errorf("%d lines are too many", len(lines))
	}
	if t.Failed() {
		t.Log("\n" + output)
	}
}

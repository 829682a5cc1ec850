package test

import (
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
	"onbehalf/test/postfix"
)

// TestCases sends every case of the decision table through a real Postfix. What
// arrives is what Plan.Apply foretold, and its signatures verify.
func TestCases(t *testing.T) {
	h := buildServing(t, "", postfix.Options{}, milter.Limits{Letters: 1000}) // all are of one network
	for _, c := range cases.All(t, "../rewrite/testdata") {
		if c.Message.Submitter.Local {
			continue // see TestSendmail and TestPostfixBounce
		}
		t.Run(c.Name, func(t *testing.T) {
			h.play(c)
			client := h.dial(t, c.Message)
			reply := send(client, c.Message, c.Octets())
			plan := c.Decide()
			if plan.Action == rewrite.Refuse {
				if reply.Code/10 != 55 {
					t.Errorf("answered %s, want a 55x: %s", reply, plan.Reason)
				}
				return
			}
			if !reply.OK() {
				t.Fatalf("answered %s", reply)
			}
			h.compare(t, take(t, h.sink.Wait(t, 1)[0]), c.Message, c.Body)
		})
	}
}

// find gives one case by name.
func find(t testing.TB, name string) cases.Case {
	t.Helper()
	for _, c := range cases.All(t, "../rewrite/testdata") {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no case %s", name)
	return cases.Case{}
}

// TestOneConnection passes several messages through one SMTP session: good ones, a
// refused one, one given up, one with a recipient that Postfix refuses.
func TestOneConnection(t *testing.T) {
	h := build(t)
	c := find(t, "row06")
	h.play(c)
	client := h.dial(t, c.Message)

	check := func(what string, m message.Message) {
		t.Helper()
		if reply := send(client, m, append([]byte(m.Header.String()+"\r\n"), c.Body...)); !reply.OK() {
			t.Fatalf("%s: %s", what, reply)
		}
		h.compare(t, take(t, h.sink.Wait(t, 1)[0]), m, c.Body)
	}
	check("first message", c.Message)

	unreadable := c.Message
	unreadable.Header = message.Header{{Name: "From", Value: " nobody"}, {Name: "Subject", Value: " x"}}
	if reply := send(client, unreadable, []byte(unreadable.Header.String()+"\r\n")); reply.Code != 550 || !strings.Contains(reply.Text, "5.6.0") {
		t.Errorf("unreadable From: %s, want 550 5.6.0", reply)
	}
	check("after a refusal", c.Message)

	client.Do("MAIL FROM:<x@museum.example>")
	client.Do("RCPT TO:<y@receiver.example>")
	client.Do("RSET")
	check("after RSET", c.Message)

	client.Do("MAIL FROM:<x@museum.example>")
	client.Do("EHLO again.example")
	check("after EHLO", c.Message)

	client.Do("FOO bar")
	several := c.Message
	several.Envelope.ForwardPaths = []message.Path{
		message.ParsePath("<a@receiver.example>"), message.ParsePath("<B.C@Receiver.Example>"), message.ParsePath(`<"d e"@other.example>`),
	}
	check("several recipients", several)
}

// TestRefusedRecipient: a recipient that Postfix refuses costs the others nothing.
func TestRefusedRecipient(t *testing.T) {
	h := build(t)
	c := find(t, "row06")
	h.play(c)
	client := h.dial(t, c.Message)
	client.Do("MAIL FROM:" + c.Message.Envelope.ReversePath.String())
	for _, step := range []struct {
		to   string
		code int
	}{{"good@receiver.example", 250}, {"x@sub.bounces.courseware.nl", 550}, {"better@receiver.example", 250}} {
		if reply := client.Do("RCPT TO:<" + step.to + ">"); reply.Code != step.code {
			t.Fatalf("RCPT %s: %s, want %d", step.to, reply, step.code)
		}
	}
	if reply := client.Data(c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	c.Message.Envelope.ForwardPaths = []message.Path{message.ParsePath("good@receiver.example"), message.ParsePath("better@receiver.example")}
	h.compare(t, take(t, h.sink.Wait(t, 1)[0]), c.Message, c.Body)
}

// TestSendmail: mail of local programs passes the milter by non_smtpd_milters.
// Postfix completes its header before we see it.
func TestSendmail(t *testing.T) {
	h := build(t)
	c := find(t, "row06")
	h.play(c)
	octets := strings.ReplaceAll(string(c.Octets()), "\r\n", "\n")
	h.postfix.Sendmail(t, []byte(octets), "-f", "academy@yourorganisationname.nl", "-t")
	m := c.Message
	m.Submitter.Local = true
	h.compare(t, take(t, h.sink.Wait(t, 1)[0]), m, c.Body)
}

// TestPostfixBounce: a bounce that our Postfix makes stays what it is, and is signed.
func TestPostfixBounce(t *testing.T) {
	h := build(t)
	c := find(t, "row07")
	h.play(c)
	h.sink.Refuse("student@receiver.example")
	c.Message.Envelope.ReversePath = message.ParsePath("<lms@courseware.nl>")
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	got := take(t, h.sink.Wait(t, 1)[0])
	if strings.Trim(got.ReversePath, "<>") != "" || !strings.Contains(strings.Join(got.ForwardPaths, ""), "lms@courseware.nl") {
		t.Errorf("bounce from %q to %q", got.ReversePath, got.ForwardPaths)
	}
	if from, _ := got.header.Get("From"); !strings.Contains(from.Text(), "MAILER-DAEMON@mail.courseware.nl") {
		t.Errorf("From %s", from.Text())
	}
	h.verify(t, got.Data, c.Decide().Sign)
}

// TestMilterDown: while onbehalf is away Postfix defers, and lets nothing pass.
func TestMilterDown(t *testing.T) {
	sink := postfix.StartSink(t)
	in := postfix.Start(t, postfix.Options{NextHop: sink.Addr, Main: mainCF(t)})
	c := find(t, "row06")
	client := postfix.Dial(t, in.SMTPAddr)
	if reply := send(client, c.Message, c.Octets()); reply.Code != 451 {
		t.Errorf("answered %s, want a 451", reply)
	}
}

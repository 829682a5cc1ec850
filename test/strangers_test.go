package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
	"onbehalf/test/postfix"
)

// What strangers try, against a real Postfix that relays for nobody. SECURITY.md names these
// tests.

const (
	author   = "rector@yourorganisationname.nl"
	operator = "academy@yourorganisationname.nl" // bounces_to of the tenant
	victim   = "victim@receiver.example"
)

// ours returns the bounce address that leads to a mailbox.
func (h *house) ours(mailbox string) string {
	platform := h.state.Load().Tenants.Snapshot().Platform()
	return rewrite.NewCodec(platform.SRS, cases.Now).Bounce(message.ParsePath(mailbox), "yourorg", platform.Bounce, true).String()
}

// stranger opens a session of a client that nobody knows.
func (h *house) stranger(t *testing.T, addr string) *postfix.Client {
	t.Helper()
	client := postfix.Dial(t, h.postfix.SMTPAddr)
	client.XClient("ADDR=" + addr)
	return client
}

func letterFrom(sender string) []byte {
	return []byte("From: " + sender + "\r\nDate: Mon, 01 Jun 2026 09:00:00 +0200\r\nMessage-ID: <1@evil.example>\r\nSubject: x\r\n\r\nBuy.\r\n")
}

// TestNoAddressIsMinted: a stranger who has one address that leads to his own mailbox names a
// victim as the sender, reads what we made of it in his Return-Path, and writes there. It
// leads to the operator.
func TestNoAddressIsMinted(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	for _, claimed := range []string{victim, "SRS0=HHH=TT=receiver.example=victim@forwarder.example", "ceo@courseware.nl", h.ours(victim)} {
		if reply := h.stranger(t, "203.0.113.9").Send(claimed, []string{h.ours(author)}, letterFrom("a@evil.example")); !reply.OK() {
			t.Fatalf("%s: %s", claimed, reply)
		}
		minted := h.sink.Wait(t, 1)[0].ReversePath
		for _, sender := range []string{"", "spammer@evil.example"} {
			if reply := h.stranger(t, "198.51.100.9").Send(sender, []string{minted}, letterFrom("a@evil.example")); !reply.OK() {
				t.Fatalf("to %s: %s", minted, reply)
			}
			if got := h.sink.Wait(t, 1)[0]; strings.Join(got.ForwardPaths, " ") != operator {
				t.Errorf("MAIL FROM:<%s> gave %s, which leads to %q", claimed, minted, got.ForwardPaths)
			}
		}
	}
}

// TestNoBackscatter: the author's mailbox is gone. What Postfix says of a message from a
// forged sender goes to the operator, not to whom the stranger named.
func TestNoBackscatter(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	h.sink.Refuse(author)
	if reply := h.stranger(t, "203.0.113.9").Send(victim, []string{h.ours(author)}, letterFrom(victim)); !reply.OK() {
		t.Fatal(reply)
	}
	got := h.sink.Wait(t, 1)[0]
	if got.ReversePath != "" || strings.Join(got.ForwardPaths, " ") != operator || !bytes.Contains(got.Data, []byte("message/delivery-status")) {
		t.Errorf("from <%s> to %q:\n%s", got.ReversePath, got.ForwardPaths, got.Data)
	}
	h.quiet(t)
}

// quiet waits until Postfix has nothing more to deliver, and fails if something arrives.
func (h *house) quiet(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); h.postfix.Queue(t) != ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("still in the queue: %s", h.postfix.Queue(t))
			break
		}
	}
	for _, more := range h.sink.Arrived() {
		t.Errorf("one more from <%s> to %q:\n%s", more.ReversePath, more.ForwardPaths, more.Data)
	}
}

// TestFewLetters: a bounce address takes few messages that are no bounces, from one network
// to one mailbox, however many connections they come by. Bounces go on.
func TestFewLetters(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	for n := range 10 {
		if reply := h.stranger(t, fmt.Sprintf("203.0.113.%d", n+1)).Send(victim, []string{h.ours(author)}, letterFrom(victim)); !reply.OK() {
			t.Fatalf("letter %d: %s", n+1, reply)
		}
	}
	if reply := h.stranger(t, "203.0.113.200").Send(victim, []string{h.ours(author)}, letterFrom(victim)); reply.Code != 450 {
		t.Errorf("one more: %s, want 450", reply)
	}
	for sender, addr := range map[string]string{"": "203.0.113.200", victim: "198.51.100.1"} {
		if reply := h.stranger(t, addr).Send(sender, []string{h.ours(author)}, letterFrom(victim)); !reply.OK() {
			t.Errorf("from <%s> at %s: %s", sender, addr, reply)
		}
	}
	h.sink.Wait(t, 12)
}

// TestFewGuesses: refusals are counted for a network, not for a connection.
func TestFewGuesses(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	code := 0
	for n := 0; n < 120 && code != 450; {
		client := h.stranger(t, fmt.Sprintf("203.0.113.%d", n%250+1))
		client.Do("MAIL FROM:<>")
		for range 9 { // from the tenth error of a session on, Postfix answers a second late
			code = client.Do(fmt.Sprintf("RCPT TO:<SRS0=aa%02d=D5=victim.example=x%d@bounces.courseware.nl>", n%100, n)).Code
			if n++; code != 550 {
				break
			}
		}
		if client.Do("QUIT"); code == 450 && n != 101 {
			t.Errorf("450 at guess %d, want 101", n)
		}
	}
	if code != 450 {
		t.Errorf("never limited: %d", code)
	}
	if reply := h.stranger(t, "203.0.113.77").Send("", []string{h.ours(author)}, letterFrom(victim)); reply.Code != 450 {
		t.Errorf("a right guess stands out: %s", reply)
	}
	if reply := h.stranger(t, "198.51.100.1").Send("", []string{h.ours(author)}, letterFrom(victim)); !reply.OK() {
		t.Errorf("a bounce from another network: %s", reply)
	}
	h.sink.Wait(t, 1)
}

// TestLookAlikes: no spelling of the platform's name in From passes a bounce address.
func TestLookAlikes(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	for _, name := range cases.LookAlikes() {
		client := h.stranger(t, "203.0.113.9")
		client.Do("MAIL FROM:<> SMTPUTF8")
		client.Do("RCPT TO:<" + h.ours(author) + ">")
		if reply := client.Data(letterFrom("CEO <ceo@" + name + ">")); !reply.OK() {
			t.Fatalf("%+q: %s", name, reply)
		}
		from, _ := take(t, h.sink.Wait(t, 1)[0]).header.Get("From")
		if want := `"CEO via Courseware" <noreply@courseware.nl>`; from.Text() != want && from.Text() != `"Courseware" <noreply@courseware.nl>` {
			t.Errorf("%+q arrives as %+q", name, from.Text())
		}
	}
}

// TestNullSenderIsNoPassport: a local program does not send as the platform because it names
// nobody as the sender.
func TestNullSenderIsNoPassport(t *testing.T) {
	h := build(t)
	c := find(t, "row07")
	c.Table = cases.NewCast(t).Table(t, "ONBEHALF_PLATFORM_SUBMITTERS_LOGINS=root")
	h.play(c)
	h.postfix.Sendmail(t, []byte("From: CEO <ceo@courseware.nl>\nSubject: x\n\nPay.\n"), "-f", "", "student@receiver.example")
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(h.log.String(), "row=\"10 forbidden\""); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it was never decided about")
		}
	}
	h.quiet(t)
}

// TestPostfixBounceArrives: a bounce that Postfix makes, and its copy for the postmaster,
// arrive and are signed where a tenant is bound to loopback and only some may send as the
// platform.
func TestPostfixBounceArrives(t *testing.T) {
	h := buildWith(t, func(string) string {
		return "notify_classes = bounce\nbounce_notice_recipient = postmaster@courseware.nl\n"
	})
	c := find(t, "row07")
	c.Table = cases.NewCast(t).AtLoopback(t)
	h.play(c)
	h.sink.Refuse("student@receiver.example")
	c.Message.Submitter.Login = "root"
	c.Message.Envelope.ReversePath = message.ParsePath("<lms@courseware.nl>")
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	seen := make(map[string]string)
	for _, got := range h.sink.Wait(t, 2) {
		one := take(t, got)
		from, _ := one.header.Get("From")
		if len(one.signatures) == 0 || !strings.Contains(from.Text(), "MAILER-DAEMON@mail.courseware.nl") {
			t.Errorf("From %s, %d signatures", from.Text(), len(one.signatures))
		}
		h.verifySigned(t, got.Data)
		seen[strings.Join(got.ForwardPaths, " ")] = got.ReversePath
	}
	if sender, found := seen["lms@courseware.nl"]; !found || sender != "" {
		t.Errorf("the bounce: %v", seen)
	}
	if sender, found := seen["postmaster@courseware.nl"]; !found || !strings.HasPrefix(sender, "double-bounce@") {
		t.Errorf("the copy: %v", seen)
	}
}

// TestLocalMailArrivesOnce: local mail to a bounce address goes out as it was addressed, in
// whatever spelling: to our own MX, which leads it home or refuses it.
func TestLocalMailArrivesOnce(t *testing.T) {
	h := build(t)
	h.play(find(t, "row06"))
	local, _, _ := strings.Cut(h.ours(author), "@")
	for _, to := range []string{local + "@bounces.courseware.nl", local + "@Bounces.Courseware.NL", `"` + local + `"@bounces.courseware.nl`, "@x.example:" + local + "@bounces.courseware.nl"} {
		h.postfix.Sendmail(t, []byte("From: academy@yourorganisationname.nl\nSubject: x\n\nText.\n"), "-f", "academy@yourorganisationname.nl", to)
		got := h.sink.Wait(t, 1)[0]
		if len(got.ForwardPaths) != 1 || !strings.HasSuffix(strings.ToLower(got.ForwardPaths[0]), "@bounces.courseware.nl") {
			t.Errorf("%s: to %q", to, got.ForwardPaths)
		}
		h.quiet(t)
	}
}

// TestFoldedLocalParts: Postfix tells us a recipient folded by case; ß is ss then, and the
// address is the one that was given all the same.
func TestFoldedLocalParts(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	for _, local := range []string{"straße", "STRAẞE", "ſ", "\u212aelvin", "İstanbul", "ﬁnance", "ΣΑΣ", "ŉ", "Ꭴ", "Ǆ", "jürgen", "JÜRGEN"} {
		client := h.stranger(t, "203.0.113.9")
		client.Do("MAIL FROM:<> SMTPUTF8")
		if reply := client.Do("RCPT TO:<" + h.ours(local+"@yourorganisationname.nl") + ">"); !reply.OK() {
			t.Errorf("%s (%+q): %s", local, local, reply)
			continue
		}
		if reply := client.Data(letterFrom("MAILER-DAEMON@mx.receiver.example")); !reply.OK() {
			t.Fatal(reply)
		}
		if got := h.sink.Wait(t, 1)[0]; strings.Join(got.ForwardPaths, " ") != local+"@yourorganisationname.nl" {
			t.Errorf("%+q leads to %+q", local, got.ForwardPaths)
		}
	}
}

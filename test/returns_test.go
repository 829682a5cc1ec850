package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/test/cases"
	"onbehalf/test/postfix"
)

// far is a receiver's Postfix behind the house: mail to receiver.example goes there,
// and what it sends to the platform's domains comes back to the house. Its own next
// hop refuses student@receiver.example, so that it must make a bounce.
func (h *house) far(t *testing.T) *postfix.Sink {
	t.Helper()
	sink := postfix.StartSink(t)
	sink.Refuse("student@receiver.example")
	postfix.Start(t, postfix.Options{NextHop: sink.Addr, Addr: h.farAddr, Main: strings.Join([]string{
		"myhostname = mx.receiver.example",
		"mynetworks = 0.0.0.0/0",
		fmt.Sprintf("transport_maps = inline:{ {bounces.courseware.nl = smtp:%[1]s} {reply.courseware.nl = smtp:%[1]s} }", bracketPort(h.postfix.SMTPAddr)),
	}, "\n") + "\n"})
	return sink
}

func bracketPort(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "[" + host + "]:" + port
}

// TestBounceComesHome: a message to a dead recipient is refused behind a second
// Postfix, which bounces it to our bounce address; the bounce lands in the author's
// mailbox at a third address.
func TestBounceComesHome(t *testing.T) {
	h := buildWith(t, func(far string) string {
		return "transport_maps = inline:{ {receiver.example = smtp:" + bracketPort(far) + "} }\n"
	})
	h.far(t)
	c := find(t, "row06")
	// The far Postfix connects from 127.0.0.1, and is a stranger all the same.
	c.Table = cases.NewCast(t).Table(t, "ONBEHALF_TRUST_NETWORKS=192.0.2.0/24")
	h.play(c)
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	bounce := h.sink.Wait(t, 1)[0]
	if bounce.ReversePath != "" || strings.Join(bounce.ForwardPaths, " ") != "academy@yourorganisationname.nl" {
		t.Errorf("bounce from %q to %q, want one from the null sender to the author", bounce.ReversePath, bounce.ForwardPaths)
	}
	if !bytes.Contains(bounce.Data, []byte("message/delivery-status")) || !bytes.Contains(bounce.Data, []byte("X-Onbehalf-Hop: bounces.courseware.nl")) {
		t.Errorf("this is no bounce that came through us:\n%s", bounce.Data)
	}
	for _, words := range []string{"row=return", `dsn="failed 5.1.1 for student@receiver.example"`, "tenant=yourorg"} {
		if !strings.Contains(h.log.String(), words) {
			t.Errorf("the log does not say %s", words)
		}
	}
}

// TestReplyComesHome: a mail program that ignores Reply-To answers the From that we
// made; the answer reaches the author.
func TestReplyComesHome(t *testing.T) {
	h := build(t)
	c := find(t, "row06-reply-from")
	h.play(c)
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	sent := take(t, h.sink.Wait(t, 1)[0])
	field, _ := sent.header.Get("From")
	author, err := message.ParseFrom(field.Value)
	if err != nil {
		t.Fatal(err)
	}
	answer := postfix.Dial(t, h.postfix.SMTPAddr)
	answer.XClient("ADDR=203.0.113.9")
	reply := answer.Send("student@receiver.example", []string{author.Mailboxes[0].Address.String()}, []byte("From: student@receiver.example\r\nSubject: Re: Your course\r\n\r\nThank you.\r\n"))
	if !reply.OK() {
		t.Fatal(reply)
	}
	got := h.sink.Wait(t, 1)[0]
	if strings.Join(got.ForwardPaths, " ") != "academy@yourorganisationname.nl" {
		t.Errorf("the answer goes to %q", got.ForwardPaths)
	}
	if !strings.HasPrefix(got.ReversePath, "bounces+yourorg=") || !strings.HasSuffix(got.ReversePath, "@bounces.courseware.nl") {
		t.Errorf("the answer comes from %q: SPF of the student's domain does not know us, and no address is made for whom a stranger names", got.ReversePath)
	}
	if bytes.Contains(got.Data, []byte("DKIM-Signature")) {
		t.Error("the answer is signed")
	}
}

// TestNoOpenRelay tries, as a stranger, to have mail relayed by way of the bounce
// domain. Nothing reaches anybody but whom an address of ours leads to.
func TestNoOpenRelay(t *testing.T) {
	h := buildStrict(t)
	c := find(t, "return-bounce")
	h.play(c)
	const good = "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy"
	for _, to := range []string{
		// other people's addresses under our form
		"SRS0=cx6zzieh=D5=yourorganisationname.nl=rector@bounces.courseware.nl",
		"SRS0=cx6zzieh=D5=victim.example=academy@bounces.courseware.nl",
		"SRS0=cx6zzieh=D6=yourorganisationname.nl=academy@bounces.courseware.nl",
		"SRS0=aaaaaaaa=D5=victim.example=x@bounces.courseware.nl",
		"SRS0==D5=victim.example=x@bounces.courseware.nl",
		"SRS0===victim.example=x@bounces.courseware.nl",
		"SRS1=aaaaaaaa=victim.example==HHH=TT=orig.example=x@bounces.courseware.nl",
		"bounces+yourorg=aaaaaaaa=D5@bounces.courseware.nl",
		"reply=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl",
		// routing inside the local part
		"x%victim.example@bounces.courseware.nl",
		`"x@victim.example"@bounces.courseware.nl`,
		"victim.example!x@bounces.courseware.nl",
		good + "%victim.example@bounces.courseware.nl",
		`"` + good + `@victim.example"@bounces.courseware.nl`,
		// source routes
		"@bounces.courseware.nl:x@victim.example",
		"@victim.example:" + good + "x@bounces.courseware.nl",
		// nested
		"SRS0=cx6zzieh=D5=bounces.courseware.nl=" + good + "@bounces.courseware.nl",
		// other domains
		good + "@victim.example",
		good + "@courseware.nl.victim.example",
		good + "@sub.bounces.courseware.nl",
		good + "@bounces.courseware.nl.",
		// spellings that Postfix reads and we do not, around a good address
		"@victim.example:" + good + "@bounces.courseware.nl",
		"@a.example,@b.example:" + good + "@bounces.courseware.nl",
		good + "@bounces.courseware.nl (c)",
		good + "(c)@bounces.courseware.nl",
		good + "@bounces.courseware.nl ",
		good + "@ bounces.courseware.nl",
		`"` + good + `"@bounces.courseware.nl`,
		strings.Repeat("x", 600) + "@bounces.courseware.nl",
		"x(y)@bounces.courseware.nl",
		// look-alikes
		"ſRS0=cx6zzieh=D5=victim.example=x@bounces.courseware.nl",
		"SRS0=cx6zzieh=D5=yourorganisationname.nl=аcademy@bounces.courseware.nl",
		good + "@bounces。courseware。nl",
	} {
		client := postfix.Dial(t, h.postfix.SMTPAddr)
		client.XClient("ADDR=203.0.113.9")
		client.Do("MAIL FROM:<spammer@evil.example> SMTPUTF8")
		if reply := client.Do("RCPT TO:<" + to + ">"); reply.OK() {
			client.Data([]byte("From: spammer@evil.example\r\n\r\nBuy.\r\n"))
			got := h.sink.Wait(t, 1)[0]
			if strings.Join(got.ForwardPaths, " ") != "academy@yourorganisationname.nl" {
				t.Errorf("RCPT %s was relayed to %q", to, got.ForwardPaths)
			}
		}
		client.Do("QUIT")
	}
	if late := h.postfix.Queue(t); late != "" {
		t.Errorf("something is in the queue: %s", late)
	}
}

// TestGuessing: who tries many addresses is cut off.
func TestGuessing(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "return-bounce"))
	client := postfix.Dial(t, h.postfix.SMTPAddr)
	client.XClient("ADDR=203.0.113.9")
	client.Do("MAIL FROM:<>")
	for i := range 25 {
		reply := client.Do(fmt.Sprintf("RCPT TO:<SRS0=aaaaaa%02d=D5=victim.example=x@bounces.courseware.nl>", i))
		switch {
		case i < 19 && reply.Code != 550:
			t.Fatalf("guess %d: %s, want 550", i+1, reply)
		case reply.Code == 421:
			if i != 20 {
				t.Errorf("cut off at guess %d, want 21", i+1)
			}
			return
		}
	}
	t.Error("never cut off")
}

// buildStrict is build with a Postfix that relays for nobody, as a real one does.
func buildStrict(t *testing.T) *house {
	t.Helper()
	return buildWith(t, func(string) string { return "mynetworks = 127.0.0.0/8\n" })
}

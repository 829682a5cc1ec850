package test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"onbehalf/test/cases"
	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// filtered is a house with a content filter: what comes by SMTP goes to the filter, which
// hands it back to a second SMTP server or to sendmail(1).
type filtered struct {
	*house
	filter *postfix.Sink
	second string // host:port
	local  bool   // by sendmail
	above  string // a Received field that the filter adds
}

func buildFiltered(t *testing.T, local, milters bool) *filtered {
	t.Helper()
	f := &filtered{filter: postfix.StartSink(t, "8BITMIME"), second: peer.FreeAddr(t), local: local}
	port := f.filter.Addr[strings.LastIndexByte(f.filter.Addr, ':'):]
	options := postfix.Options{
		SMTPD:  "-o content_filter=smtp:[127.0.0.1]" + port,
		Master: f.second + " inet n - y - - smtpd",
	}
	if !milters {
		options.Master += " -o receive_override_options=no_milters"
		options.Main = "non_smtpd_milters =\n"
	}
	options.Master += "\n"
	f.house = buildBehind(t, peer.FreeAddr(t), options)
	return f
}

// pass takes one message from the filter's side, hands it back, and gives what arrives.
func (f *filtered) pass(t *testing.T) postfix.Delivery {
	t.Helper()
	d := f.filter.Wait(t, 1)[0]
	data := append([]byte(f.above), d.Data...)
	if f.local {
		f.postfix.Sendmail(t, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), append([]string{"-i", "-f", d.ReversePath}, d.ForwardPaths...)...)
	} else {
		client := postfix.Dial(t, f.second)
		if reply := client.Send(d.ReversePath, d.ForwardPaths, data); !reply.OK() {
			t.Fatalf("handed back: %s", reply)
		}
	}
	return f.sink.Wait(t, 1)[0]
}

const amavis = "Received: from mail.courseware.nl ([127.0.0.1])\r\n\tby localhost (mail.courseware.nl [127.0.0.1]) (amavis, port 10024)\r\n\twith ESMTP id x; Mon, 1 Jun 2026 09:00:00 +0200\r\n"

// TestReinjected: a content filter hands back what it got. A stranger's forgery stays
// untouched, a tenant's message is decided about once and signed once.
func TestReinjected(t *testing.T) {
	forged := "Received: from lms (lms [192.0.2.7])\r\n\tby mail.courseware.nl (Postfix) with ESMTPSA id 4Y\r\n\tfor <a@b.example>; Mon,  1 Jun 2026 09:00:00 +0200 (CEST)\r\n"
	unauthorized, authorized := find(t, "row06"), find(t, "row02")
	for _, local := range []bool{false, true} {
		for _, milters := range []bool{true, false} {
			f := buildFiltered(t, local, milters)
			for _, test := range []struct {
				name, who string
				c         cases.Case
				from      string // and envelope sender
				before    string // the header
				above     string
				signed    bool
			}{
				{"stranger", "ADDR=203.0.113.5", authorized, "courses@university.example", "", "", false},
				{"stranger, forged below", "ADDR=203.0.113.5", authorized, "courses@university.example", forged, "", false},
				{"stranger, filter above", "ADDR=203.0.113.5", authorized, "courses@university.example", forged, amavis, false},
				{"stranger in the platform's name", "ADDR=203.0.113.5", authorized, "ceo@courseware.nl", "", amavis, false},
				{"tenant bound to a login", "ADDR=203.0.113.7 LOGIN=lms-club", unauthorized, "chess@club.example", "", "", true},
				{"tenant bound to a network", "ADDR=192.0.2.70", unauthorized, "chess@club.example", "", amavis, true},
				{"tenant by a login", "ADDR=203.0.113.7 LOGIN=somebody", authorized, "courses@university.example", "", amavis, true},
				{"tenant by a network", "ADDR=192.0.2.10", authorized, "courses@university.example", forged, "", true},
				{"tenant, rewritten", "ADDR=192.0.2.10", unauthorized, "academy@yourorganisationname.nl", "", "", true},
				{"platform", "ADDR=192.0.2.10", authorized, "lms@courseware.nl", "", "", true},
			} {
				name := fmt.Sprintf("%s/sendmail %v/milters %v", test.name, local, milters)
				f.play(test.c)
				f.above = test.above
				before := len(f.log.String())
				client := postfix.Dial(t, f.postfix.SMTPAddr)
				client.XClient(test.who)
				text := test.before + "From: Academy <" + test.from + ">\r\nTo: student@receiver.example\r\nSubject: x\r\nDate: Mon, 01 Jun 2026 09:00:00 +0200\r\nMessage-ID: <1@x>\r\n\r\nHello.\r\n"
				if reply := client.Send(test.from, []string{"student@receiver.example"}, []byte(text)); !reply.OK() {
					t.Errorf("%s: %s", name, reply)
					continue
				}
				got := f.pass(t)
				log := f.log.String()[before:]
				signatures, done := bytes.Count(got.Data, []byte("DKIM-Signature:")), strings.Count(log, "result=done")
				if !test.signed {
					if signatures > 0 || done > 0 || got.ReversePath != test.from || !bytes.Contains(got.Data, []byte("From: Academy <"+test.from+">\r\n")) {
						t.Errorf("%s: touched, from %s:\n%s\n%s", name, got.ReversePath, got.Data, log)
					}
					continue
				}
				if done != 1 || signatures < 1 || signatures > 2 || bytes.Count(got.Data, []byte("\nX-Original-From:")) > 1 || strings.Contains(log, "security") {
					t.Errorf("%s: decided %d times, %d signatures:\n%s\n%s", name, done, signatures, got.Data, log)
				}
				f.verifySigned(t, got.Data)
			}
		}
	}
}

// TestReinjectedTrusted: a list manager may send strangers' posts on, if the platform says so.
func TestReinjectedTrusted(t *testing.T) {
	f := buildFiltered(t, true, true)
	c := find(t, "row06")
	c.Table = cases.NewCast(t).Table(t, "ONBEHALF_TRUST_REINJECTED=trusted")
	f.play(c)
	client := postfix.Dial(t, f.postfix.SMTPAddr)
	client.XClient("ADDR=203.0.113.5")
	if reply := client.Send("jane@elsewhere.example", []string{"student@receiver.example"}, []byte("From: Jane <jane@elsewhere.example>\r\n\r\nHello.\r\n")); !reply.OK() {
		t.Fatal(reply)
	}
	got := f.pass(t)
	if !bytes.Contains(got.Data, []byte(`From: "Jane via Courseware" <noreply@courseware.nl>`)) {
		t.Errorf("a trusted list's post arrives as\n%s", got.Data)
	}
	f.verifySigned(t, got.Data)
}

// TestProxyFilter: behind smtpd_proxy_filter the outer SMTP server shows milters no
// message. The log says so.
func TestProxyFilter(t *testing.T) {
	far := peer.FreeAddr(t)
	_, port, _ := net.SplitHostPort(far)
	h := buildBehind(t, far, postfix.Options{
		SMTPD:  "-o smtpd_proxy_filter=127.0.0.1:" + port,
		Master: far + " inet n - y - - smtpd -o smtpd_authorized_xforward_hosts=127.0.0.0/8\n",
	})
	h.play(find(t, "row02"))
	for range 6 {
		client := postfix.Dial(t, h.postfix.SMTPAddr)
		client.XClient("ADDR=203.0.113.7 LOGIN=somebody")
		if reply := client.Send("courses@university.example", []string{"student@receiver.example"}, []byte("From: courses@university.example\r\n\r\nHello.\r\n")); !reply.OK() {
			t.Fatal(reply)
		}
		got := h.sink.Wait(t, 1)[0]
		h.verifySigned(t, got.Data) // by the inner one: its Received field has the A of a login
		client.Do("QUIT")
	}
	if n := strings.Count(h.log.String(), "show no header"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

package test

import (
	"bytes"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/test/postfix"
)

// TestSendersComeHome: whatever the envelope sender of a tenant is, Postfix takes the
// bounce to the address that the message left with, from a stranger, and it comes home.
func TestSendersComeHome(t *testing.T) {
	h := buildStrict(t)
	h.play(find(t, "row06"))
	const overflow = "academy@yourorganisationname.nl" // bounces_to
	for sender, home := range map[string]string{
		`"john doe"@yourorganisationname.nl`: "", "prvs=1234567890=academy@yourorganisationname.nl": "", "user%host.example@yourorganisationname.nl": "",
		"else%2bsomething@yourorganisationname.nl": "", "news!jane@yourorganisationname.nl": "", `"a@b"@yourorganisationname.nl`: "", `"a%b!c@d#e"@yourorganisationname.nl`: "",
		"a#25b@yourorganisationname.nl": "", "a/b=c@yourorganisationname.nl": "", `"a,b;c<d>e(f):[g]"@yourorganisationname.nl`: "", "root@my_host.yourorganisationname.nl": "",
		"list-bounces+jane=rcpt.example@yourorg.example": "", "o'brien@yourorg.example": "", "{a}|b~c^d`e?f*g&h$i@yourorg.example": "", `"a\"b\\c"@yourorg.example`: "",
		"a..b@yourorganisationname.nl": `"a..b"@yourorganisationname.nl`, "academy@yourorganisationname.nl.": "academy@yourorganisationname.nl",
		"SRS0=abcd=XY=foreign.example=user@forwarder.example": "", "srs0+abcd=xy=foreign.example=user@forwarder.example": "SRS0+abcd=xy=foreign.example=user@forwarder.example",
		"SRS0=abcd=XY=foreign.example=u%s@forwarder.example": "", "müller@yourorganisationname.nl": overflow,
		"firstname.lastname@a.department.of.some.university.yourorganisationname.nl": overflow,
	} {
		if home == "" {
			home = sender
		}
		client := postfix.Dial(t, h.postfix.SMTPAddr)
		client.XClient("ADDR=192.0.2.10 LOGIN=somebody")
		text := "From: Academy <academy@yourorganisationname.nl>\r\nDate: Mon, 01 Jun 2026 09:00:00 +0200\r\nMessage-ID: <1@x>\r\n\r\nHello.\r\n"
		if reply := client.Send(sender, []string{"student@receiver.example"}, []byte(text)); !reply.OK() {
			t.Errorf("%s is refused: %s", sender, reply)
			continue
		}
		left := h.sink.Wait(t, 1)[0].ReversePath
		if strings.ContainsAny(left[:strings.LastIndexByte(left, '@')], "%!@") || !strings.HasSuffix(left, "@bounces.courseware.nl") {
			t.Errorf("%s leaves as %s", sender, left)
		}
		stranger := postfix.Dial(t, h.postfix.SMTPAddr)
		stranger.XClient("ADDR=203.0.113.9")
		if reply := stranger.Send("", []string{left}, []byte("From: MAILER-DAEMON@mx.receiver.example\r\n\r\nNo.\r\n")); !reply.OK() {
			t.Errorf("the bounce of %s to %s is refused: %s", sender, left, reply)
			continue
		}
		if got := strings.Join(h.sink.Wait(t, 1)[0].ForwardPaths, " "); got != home {
			t.Errorf("the bounce of %s to %s comes to %s, want %s", sender, left, got, home)
		}
	}
}

// TestSendmailWithoutSender: a program that hands in mail by sendmail(1) and names no
// sender; the bounces go to the author, not to the program's account.
func TestSendmailWithoutSender(t *testing.T) {
	for _, origin := range []string{"mail.courseware.nl", "courseware.nl"} {
		h := buildWith(t, func(string) string { return "myorigin = " + origin + "\n" })
		for name, want := range map[string]string{
			"sendmail-row2": "courses@university.example",
			"sendmail-row3": "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl",
			"sendmail-row5": "academy@yourorganisationname.nl",
			"sendmail-row6": "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl",
		} {
			c := find(t, name)
			if origin == "courseware.nl" { // the platform's own domain: a sender there was chosen
				want = map[string]string{"sendmail-row2": "root@courseware.nl", "sendmail-row3": "root@courseware.nl",
					"sendmail-row5": want, "sendmail-row6": "root@courseware.nl"}[name]
			}
			h.play(c)
			h.postfix.Sendmail(t, bytes.ReplaceAll(c.Octets(), []byte("\r\n"), []byte("\n")), "-t")
			got := take(t, h.sink.Wait(t, 1)[0])
			if got.ReversePath != want {
				t.Errorf("%s with myorigin %s: the sender is %s, want %s", name, origin, got.ReversePath, want)
			}
			h.verify(t, got.Data, c.Decide().Sign)
		}
	}
}

// TestCompletedNames: Postfix completes the words of a name, and we read the name.
func TestCompletedNames(t *testing.T) {
	for _, origin := range []string{"mail.courseware.nl", "courseware.nl"} {
		h := buildWith(t, func(string) string {
			return "local_header_rewrite_clients = permit_mynetworks\nmyorigin = " + origin + "\n"
		})
		h.play(find(t, "row06"))
		client := postfix.Dial(t, h.postfix.SMTPAddr)
		for from, want := range map[string]string{
			"Jansen, Piet <p@yourorg.example>":          "Jansen, Piet",
			"van der Berg, Jan <p@yourorg.example>":     "van der Berg, Jan",
			"O'Brien, Siobhan <p@yourorg.example>":      "O'Brien, Siobhan",
			"HR: Piet <p@yourorg.example>":              "HR: Piet",
			"HR; Piet <p@yourorg.example>":              "HR; Piet",
			"A; B: C <p@yourorg.example>":               "A; B: C",
			"Learn@Work <p@yourorg.example>":            "Learn@Work",
			"Academy p@yourorg.example":                 "Academy",
			"Academy of Arts p@yourorg.example":         "Academy of Arts",
			"Jansen, Piet (HR, NL) <p@yourorg.example>": "Jansen, Piet (HR, NL)",
			"Academy < p@yourorg.example >":             "Academy",
			"Academy <mailto:p@yourorg.example>":        "Academy",
		} {
			text := "From: " + from + "\r\nTo: student@receiver.example\r\n\r\nHello.\r\n"
			if reply := client.Send("p@yourorg.example", []string{"student@receiver.example"}, []byte(text)); !reply.OK() {
				t.Errorf("%s is refused: %s", from, reply)
				continue
			}
			got := take(t, h.sink.Wait(t, 1)[0])
			field, _ := got.header.Get("From")
			author, err := message.ParseFrom(field.Value)
			if err != nil || author.Mailboxes[0].Name != want+" via Courseware" {
				t.Errorf("%s becomes %s (%v)", from, field.Text(), err)
			}
		}
	}
}

// TestNotificationsArrive: what a program of the platform's own organization says of a
// message arrives, and not in the platform's name; what a person claims is refused.
func TestNotificationsArrive(t *testing.T) {
	h := buildStrict(t)
	for name, arrives := range map[string]bool{"return-spoofed-report": true, "return-spoofed-bounce": true, "return-spoofed-vacation": true, "return-spoofed-platform": false} {
		c := find(t, name)
		h.play(c)
		reply := send(h.dial(t, c.Message), c.Message, c.Octets())
		if !arrives {
			if reply.Code != 550 || !strings.Contains(reply.Text, "courseware.nl") {
				t.Errorf("%s: %s", name, reply)
			}
			continue
		}
		if !reply.OK() {
			t.Errorf("%s is refused: %s", name, reply)
			continue
		}
		got := take(t, h.sink.Wait(t, 1)[0])
		from, _ := got.header.Get("From")
		if !strings.HasSuffix(from.Text(), "<noreply@courseware.nl>") || len(got.signatures) > 0 || got.header.Has("Reply-To") {
			t.Errorf("%s arrives as\n%s", name, got.Data)
		}
		if to := strings.Join(got.ForwardPaths, " "); to != "academy@yourorganisationname.nl" {
			t.Errorf("%s comes to %s", name, to)
		}
	}
}

// TestEarlierPassIsReplaced: with milters before and behind a relay of our own there is one
// set of signatures, the last.
func TestEarlierPassIsReplaced(t *testing.T) {
	h := build(t)
	c := find(t, "row02")
	h.play(c)
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	first := h.sink.Wait(t, 1)[0]
	client := postfix.Dial(t, h.postfix.SMTPAddr)
	client.XClient("ADDR=192.0.2.10")
	again := bytes.Replace(first.Data, []byte("Subject:"), []byte("Comments: on its way\r\nSubject:"), 1)
	if reply := client.Send(first.ReversePath, first.ForwardPaths, again); !reply.OK() {
		t.Fatal(reply)
	}
	got := h.sink.Wait(t, 1)[0]
	sign := c.Decide().Sign
	if n := bytes.Count(got.Data, []byte("DKIM-Signature:")); n != len(sign) {
		t.Errorf("%d signatures, want %d:\n%s", n, len(sign), got.Data)
	}
	h.verify(t, got.Data, sign)
}

// TestCutField: of a To that grows beyond 60,000 octets when Postfix completes it, milters
// see a part. The signature is bad, and the log says why.
func TestCutField(t *testing.T) {
	h := buildWith(t, func(string) string { return "local_header_rewrite_clients = permit_mynetworks\n" })
	h.play(find(t, "row06"))
	to := strings.TrimSuffix(strings.Repeat("student,\r\n\t", 2300), ",\r\n\t")
	text := "From: Academy <academy@yourorganisationname.nl>\r\nTo: " + to + "\r\n\r\nHello.\r\n"
	if reply := postfix.Dial(t, h.postfix.SMTPAddr).Send("academy@yourorganisationname.nl", []string{"student@receiver.example"}, []byte(text)); !reply.OK() {
		t.Fatal(reply)
	}
	h.sink.Wait(t, 1)
	if !strings.Contains(h.log.String(), "fragile=cut-field") {
		t.Error("the log does not say that To is cut")
	}
}

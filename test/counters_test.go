package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/counters"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

const countedTenants = `  - {id: university, domains: [university.example], dkim: [{selector: cw1, key: key.pem}]}
`

// countersOf asks the daemon.
func (p *premises) countersOf(id string) admin.Counters {
	p.t.Helper()
	var doc admin.Tenant
	out, talk, status := p.run("status", id, "--json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 {
		p.t.Fatalf("%d, %v: %s%s", status, err, out, talk)
	}
	return doc.Counters
}

// today is the last day of a tenant.
func (p *premises) today(id string) counters.Day {
	days := p.countersOf(id).Days
	return days[len(days)-1]
}

// notification is what a stranger makes up: that receivers of a name took mail for forged.
func (p *premises) notification(from, to string) {
	p.t.Helper()
	client := postfix.Dial(p.t, p.postfix.SMTPAddr)
	defer client.Do("QUIT")
	client.XClient("ADDR=" + from)
	text := strings.ReplaceAll(`From: MAILER-DAEMON@mx.receiver.example
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.google.com

Final-Recipient: rfc822; student@receiver.example
Action: failed
Status: 5.7.26
Remote-MTA: dns; mx.google.com
Diagnostic-Code: smtp; 550 5.7.26 the sender is unauthenticated - gsmtp

--b--
`, "\n", "\r\n")
	if reply := client.Send("", []string{to}, []byte(text)); !reply.OK() {
		p.t.Fatal(reply)
	}
}

// TestCountersAndDisagreement has a real Postfix send mail of a tenant whose key is in DNS to a
// receiver that takes it for forged. Postfix's notifications come back by the bounce address and
// are counted; the third is a finding. Those that a stranger makes up are one, however many they
// are. Whom strangers claim to be is not counted, and what was is there after the daemon was
// killed.
func TestCountersAndDisagreement(t *testing.T) {
	p := openPremises(t, countedTenants)
	p.publish(p.key("university.example"), nameserver.TXT("university.example", "v=spf1 -all"))
	p.await("the tenant to be in row 3", func() bool {
		out, _, _ := p.run("status", "university")
		return strings.Contains(out, "row 3")
	})
	const author = "exams@university.example"
	p.sink.RefuseBy("forged@receiver.example", "550 5.7.26 mail of an unauthenticated sender is not accepted, by dmarc policy")
	submit := func(from, to string) {
		t.Helper()
		client := postfix.Dial(t, p.postfix.SMTPAddr)
		defer client.Do("QUIT")
		if from != "" {
			client.XClient("ADDR=" + from)
		}
		message := fmt.Sprintf("From: %s\r\nSubject: Your course\r\nDate: %s\r\nMessage-ID: <%d@x>\r\n\r\nWelcome.\r\n",
			author, time.Now().Format(time.RFC1123Z), time.Now().UnixNano())
		if reply := client.Send(author, []string{to}, []byte(message)); !reply.OK() {
			t.Fatal(reply)
		}
	}
	back := func(n int64) {
		t.Helper()
		p.await(fmt.Sprintf("%d notifications", n), func() bool { return p.today("university").Returned[counters.Authentication] == n })
	}
	submit("", "student@receiver.example")
	submit("203.0.113.9", author) // to the tenant's own, through this host, by a stranger
	address, _, _ := p.run("bounce", "encode", author)
	for range 20 {
		p.notification("203.0.113.5", strings.TrimSpace(address))
	}
	back(20)
	submit("", "forged@receiver.example")
	back(21)
	if c := p.countersOf("university"); len(c.Disagreements) > 0 {
		t.Fatalf("strangers, and one receiver, make a finding: %+v", c.Disagreements)
	}
	submit("", "forged@receiver.example")
	back(22)
	submit("", "forged@receiver.example")
	p.await("a finding", func() bool { return len(p.countersOf("university").Disagreements) == 1 })
	day := p.today("university")
	if d := p.countersOf("university").Disagreements[0]; d.Receiver != "" || d.Count != 3 || d.Domain != "university.example" {
		t.Errorf("%+v", d)
	}
	if day.Own() != 4 || day.Messages["3 key"]["done"] != 4 || day.Last.IsZero() {
		t.Errorf("%+v", day)
	}
	if history, _, _ := p.run("history", "university"); !strings.Contains(history, "receivers disagree with DNS as this host sees it, about mail of university.example") {
		t.Errorf("history:\n%s", history)
	}
	p.logs(`msg="receivers disagree with DNS as this host sees it" tenant=university`)

	time.Sleep(3 * time.Second)
	p.daemon.Process.Kill()
	p.daemon.Wait()
	p.serve()
	if after := p.today("university"); after.Own() != day.Own() || after.CameBack() != 23 {
		t.Errorf("after a kill: %+v", after)
	}
	out, _, status := p.run("status", "university")
	text := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"warning: receivers disagree with DNS as this host sees it", "name servers of the domain that do not all answer alike", "23 authentication", "3 key: 4 done"} {
		if !strings.Contains(text, want) || status != 0 {
			t.Errorf("status does not say %q:\n%s", want, out)
		}
	}
	if out, _, status = p.run("status", counters.Unknown); status != 0 || !strings.Contains(out, "untrusted: 1 passed") {
		t.Errorf("%d: %s", status, out)
	}
}

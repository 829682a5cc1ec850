package test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"onbehalf/test/postfix"
)

const (
	wayTable = "socketmap:unix:onbehalf/socketmap.sock:transport"
	tlsTable = "socketmap:unix:onbehalf/socketmap.sock:tls_policy"
	rcptList = "socketmap:unix:onbehalf/socketmap.sock:recipients"
)

// TestSetupDirect: with a tenant whose mail is delivered directly, setup has Postfix ask our
// tables, beside those that were there, and touches nothing else; and mail goes where they say.
func TestSetupDirect(t *testing.T) {
	const own = "inline:{elsewhere.example=discard:own}"
	p := newcomer(t, "transport_maps = "+own+"\n")
	if output, talk, status := p.run(answers...); status != 0 {
		t.Fatalf("setup: %d\n%s%s", status, output, talk)
	}
	p.serve()
	p.settle()
	if output, talk, status := p.run("setup", "--apply"); status != 0 || p.setting("transport_maps") != own || strings.Contains(output, "socketmap") {
		t.Fatalf("without direct delivery: exit status %d, transport_maps = %s\n%s%s", status, p.setting("transport_maps"), output, talk)
	}
	p.tenants(directTenant)
	p.settle()
	before, _ := p.mainCF()
	output, talk, status := p.run("setup", "--apply")
	if status != 0 || !strings.Contains(talk, "ran postfix reload") || !strings.Contains(output, "# now: "+own+"\n") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	now, _ := p.mainCF()
	want := strings.Replace(before, "transport_maps = "+own, "transport_maps = "+wayTable+", "+own, 1) + "smtp_tls_policy_maps = " + tlsTable + "\n"
	if now != want {
		t.Errorf("main.cf is\n%s\nand should be\n%s", now, want)
	}
	p.settle()
	p.nothingLeft()

	p.discardSMTP()
	p.went("a direct domain", "u@university.example", "[mx.university.example]:25")
	p.went("a table behind ours", "u@elsewhere.example", "own")
	p.went("any other domain", "u@receiver.example", p.setting("relayhost"))
}

// TestDirectOrder: where relay_recipient_maps is not set yet, setup puts ours there, and Postfix
// refuses forged bounces by itself. Then what doctor says about lists of tables and classes of
// domains is held against what Postfix does.
func TestDirectOrder(t *testing.T) {
	p := newcomer(t, "")
	if output, talk, status := p.run(answers...); status != 0 {
		t.Fatalf("setup: %d\n%s%s", status, output, talk)
	}
	p.serve()
	p.tenants(directTenant)
	if output, talk, status := p.run("setup", "--apply"); status != 0 || p.setting("relay_recipient_maps") != rcptList {
		t.Fatalf("exit status %d, relay_recipient_maps = %s\n%s%s", status, p.setting("relay_recipient_maps"), output, talk)
	}
	p.discardSMTP()
	p.bouncesOnly()
	if !strings.Contains(p.postfix.Log(), "junk@bounces.courseware.nl>: Recipient address rejected: User unknown in relay recipient table") {
		t.Error("Postfix did not refuse a forged bounce by itself")
	}
	const to, direct = "u@university.example", "[mx.university.example]:25"
	for _, c := range []struct {
		what     string
		settings []string
		want     string // next hop, or what RCPT is answered with
	}{
		{"a table before ours that answers all", []string{"transport_maps = static:smtp:[hidden.example], " + wayTable}, "[hidden.example]"},
		{"behind ours", []string{"transport_maps = " + wayTable + ", static:smtp:[hidden.example]"}, direct},
		{"an entry for the domain before ours, and a default", []string{"transport_maps = inline:{{university.example=smtp:[a.example]}, {*=smtp:[b.example]}}, " + wayTable}, direct},
		{"a local domain", []string{"mydestination = university.example"}, "550 5.1.1"},
		{"a local domain with any recipient", []string{"local_recipient_maps ="}, direct},
		{"a domain of mailboxes", []string{"mydestination =", "virtual_mailbox_domains = university.example", "virtual_mailbox_maps = inline:{a@university.example=x}"}, "550 5.1.1"},
		{"a relayed domain", []string{"virtual_mailbox_domains =", "relay_domains = university.example"}, "550 5.1.1"},
		{"a relayed domain with any recipient", []string{"relay_recipient_maps = " + rcptList + ", inline:{@university.example=x}"}, direct},
		{"a domain of aliases", []string{"relay_domains =", "virtual_alias_domains = university.example", "virtual_alias_maps = inline:{" + to + "=" + to + "}"}, "User unknown in virtual alias table"},
	} {
		for _, setting := range c.settings {
			p.postconf(setting)
		}
		p.restartPostfix()
		if strings.HasPrefix(c.want, "550") {
			client := postfix.Dial(t, p.postfix.SMTPAddr)
			client.Do("MAIL FROM:<support@courseware.nl>")
			if reply := client.Do("RCPT TO:<" + to + ">").String(); !strings.HasPrefix(reply, c.want) {
				t.Errorf("%s: RCPT is answered %s", c.what, reply)
			}
			continue
		}
		p.went(c.what, to, c.want)
	}
}

// discardSMTP has what would leave by smtp(8) end here; the log says where it would have gone.
func (p *premises) discardSMTP() {
	p.t.Helper()
	if out, err := exec.Command("postconf", "-c", p.postfix.ConfigDir, "-M", "smtp/unix=smtp unix - - y - - discard").CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	p.settle()
	p.restartPostfix()
}

func (p *premises) restartPostfix() {
	p.t.Helper()
	for _, verb := range []string{"stop", "start"} {
		if out, err := exec.Command("postfix", "-c", p.postfix.ConfigDir, verb).CombinedOutput(); err != nil {
			p.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// went sends a message, and expects that it went to a next hop, or was bounced with a text.
func (p *premises) went(what, to, where string) {
	p.t.Helper()
	already := len(p.postfix.Log())
	reply := postfix.Dial(p.t, p.postfix.SMTPAddr).Send("support@courseware.nl", []string{to},
		[]byte("From: support@courseware.nl\r\nTo: "+to+"\r\nSubject: x\r\n\r\nx\r\n"))
	if !reply.OK() {
		p.t.Fatalf("%s: %s: %s", what, to, reply)
	}
	line := ""
	p.await("delivery to "+to, func() bool {
		for one := range strings.Lines(p.postfix.Log()[already:]) {
			if strings.Contains(one, "to=<"+to+">") && strings.Contains(one, "status=") {
				line = one
			}
		}
		return line != ""
	})
	if !strings.HasSuffix(line, fmt.Sprintf("(%s)\n", where)) {
		p.t.Errorf("%s: mail to %s should go to %s: %s", what, to, where, line)
	}
}

// TestExampleDirect: postfix.example.cf with its section on direct delivery in use is what setup
// wants for it.
func TestExampleDirect(t *testing.T) {
	_, section, _ := strings.Cut(mainCF(t), "\n### Direct delivery\n")
	section, _, _ = strings.Cut(section, "\n### ")
	var used []string
	for line := range strings.Lines(section) {
		if name, value, found := strings.Cut(strings.TrimPrefix(line, "#"), " = "); found && !strings.Contains(name, " ") && !strings.Contains(value, "_tlsrpt") {
			used = append(used, name+" = "+value)
		}
	}
	if len(used) != 5 {
		t.Fatalf("settings for direct delivery: %q", used)
	}
	p := newcomer(t, mainCF(t)+strings.Join(used, ""))
	if output, talk, status := p.run(answers...); status != 0 {
		t.Fatalf("setup: %d\n%s%s", status, output, talk)
	}
	p.serve()
	p.tenants(directTenant)
	if output, talk, status := p.run("setup"); status != 0 || !strings.Contains(output, "all is set already") {
		t.Errorf("exit status %d\n%s%s", status, output, talk)
	}
	d := p.doctor()
	d.finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock", "rewrite/unix, smtp/unix, relay/unix, "+p.postfix.SMTPAddr+"/inet", "is answered")
	for _, f := range d.errors() {
		if f.Part == "Postfix" || f.Part == "sockets" {
			t.Errorf("%+v", f)
		}
	}
}

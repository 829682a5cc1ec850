package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

// newcomer is a mail host on which onbehalf was installed a minute ago: a Postfix
// that does not call it, and a folder without a configuration.
func newcomer(t *testing.T, main string) *premises {
	t.Helper()
	p := &premises{t: t, sink: postfix.StartSink(t, "8BITMIME"), folder: shortDir(t)}
	p.postfix = postfix.Start(t, postfix.Options{NextHop: p.sink.Addr, Main: main})
	p.house = &house{nameserver: nameserver.Start(t)}
	p.takeProgram()
	p.config = filepath.Join(p.folder, "etc", "onbehalf.yaml")
	if err := os.Mkdir(filepath.Dir(p.config), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"MAIL_CONFIG":            p.postfix.ConfigDir, // never the Postfix of the machine
		"ONBEHALF_STATE_DIR":     p.folder,
		"ONBEHALF_ADMIN":         "",
		"ONBEHALF_DNS_SERVERS":   p.house.nameserver.Addr,
		"ONBEHALF_DNS_TIMEOUT":   "500ms",
		"ONBEHALF_POLICY_MODE":   "enforce", // what setup writes is for watching first
		"ONBEHALF_LOG_ADDRESSES": "true",
	} {
		t.Setenv(name, value)
	}
	t.Cleanup(p.stop)
	return p
}

var answers = []string{"setup", "--name", "Courseware", "--domain", "courseware.nl", "--sending-ip", "80.84.235.70"}

// mainCF reads main.cf as it is.
func (p *premises) mainCF() (text string, changed time.Time) {
	p.t.Helper()
	path := filepath.Join(p.postfix.ConfigDir, "main.cf")
	octets, err := os.ReadFile(path)
	info, failure := os.Stat(path)
	if err := errors.Join(err, failure); err != nil {
		p.t.Fatal(err)
	}
	return string(octets), info.ModTime()
}

// setting asks Postfix for one.
func (p *premises) setting(name string) string {
	p.t.Helper()
	out, err := exec.Command("postconf", "-c", p.postfix.ConfigDir, "-h", name).Output()
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestSetup goes the whole way of a new administrator, with a real Postfix and DNS server:
// setup, publish, start, apply; then mail of a stranger leaves in the platform's name with
// both keys, and only real bounces come in.
func TestSetup(t *testing.T) {
	p := newcomer(t, "")
	before, _ := p.mainCF()
	output, talk, status := p.run(answers...)
	if now, _ := p.mainCF(); status != 0 || now != before {
		t.Fatalf("exit status %d, or main.cf changed without --apply\n%s%s", status, output, talk)
	}
	p.publishAll()
	p.serve()

	output, talk, status = p.run("setup", "--apply")
	if status != 0 || !strings.Contains(talk, "ran postfix reload") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	for name, want := range map[string]string{
		"smtpd_milters":                "unix:onbehalf/milter.sock",
		"non_smtpd_milters":            "$smtpd_milters",
		"milter_default_action":        "tempfail",
		"internal_mail_filter_classes": "bounce",
		"relay_domains":                "bounces.courseware.nl",
		"relay_recipient_maps":         "inline:{ { @bounces.courseware.nl = OK } }",
		"smtp_line_length_limit":       "0",
	} {
		if got := p.setting(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	p.untouched(before)
	p.nothingLeft()
	p.mailFlows()
	p.bouncesOnly()
}

// mailHost is what DNS has of the mail host before anybody hears of onbehalf: its address, and the
// name of that.
const mailHost = "mail.courseware.nl A 80.84.235.70\n70.235.84.80.in-addr.arpa PTR mail.courseware.nl"

// publishAll does what setup says about DNS, by the zone file that dns makes of it.
func (p *premises) publishAll() {
	p.t.Helper()
	zone, talk, status := p.run("dns", "--zone", "--mail-host", "mail.courseware.nl")
	if status != 0 {
		p.t.Fatalf("exit status %d: %s", status, talk)
	}
	p.house.nameserver.Publish(p.t, zone, mailHost)
	if output, _, status := p.run("check"); status != 0 {
		p.t.Errorf("published as told, check ends with %d:\n%s", status, output)
	}
}

// untouched sees to it that every line that main.cf had is still there, in its place.
func (p *premises) untouched(before string) {
	p.t.Helper()
	now, _ := p.mainCF()
	rest := strings.Split(now, "\n")
	for _, line := range strings.Split(strings.TrimSuffix(before, "\n"), "\n") {
		i := slices.Index(rest, line)
		if i < 0 {
			p.t.Errorf("main.cf has lost, or moved: %s", line)
			continue
		}
		rest = rest[i+1:]
	}
	if added := len(strings.Split(now, "\n")) - len(strings.Split(before, "\n")); added != 7 {
		p.t.Errorf("main.cf has %d new lines, want 7:\n%s", added, now)
	}
}

// nothingLeft runs setup again: no file changes.
func (p *premises) nothingLeft() {
	p.t.Helper()
	text, changed := p.mainCF()
	info, err := os.Stat(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	output, talk, status := p.run(append(answers, "--apply")...)
	if status != 0 || strings.Contains(talk, "ran ") || !strings.Contains(output, "all is set already") {
		p.t.Errorf("the second time it ends with %d\n%s%s", status, output, talk)
	}
	textNow, changedNow := p.mainCF()
	infoNow, err := os.Stat(p.config)
	if textNow != text || changedNow != changed || err != nil || infoNow.ModTime() != info.ModTime() || !os.SameFile(info, infoNow) {
		p.t.Error("the second time files changed")
	}
}

func (p *premises) mailFlows() {
	p.t.Helper()
	reply := postfix.Dial(p.t, p.postfix.SMTPAddr).Send("academy@yourorganisationname.nl", []string{"student@receiver.example"},
		[]byte("From: "+own+"\r\nTo: student@receiver.example\r\nSubject: Grüße\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@lms.example>\r\n\r\n"+
			strings.Repeat("x", 1500)+"\r\n"))
	if !reply.OK() {
		p.t.Fatalf("%s\n%s", reply, p.postfix.Log())
	}
	got := take(p.t, p.sink.Wait(p.t, 1)[0])
	if from, _ := got.header.Get("From"); from.Text() != onBehalf || !strings.HasSuffix(got.ReversePath, bounce) {
		p.t.Errorf("it left from %s by %s", from.Text(), got.ReversePath)
	}
	domain, _ := message.ParseDomain("courseware.nl")
	p.house.verify(p.t, got.Data, []tenant.Identity{
		{SDID: domain, Selector: "ob1", Algorithm: tenant.RSA}, {SDID: domain, Selector: "ob2", Algorithm: tenant.Ed25519}})
}

// bouncesOnly: a stranger gets in what onbehalf made itself, and nothing else.
func (p *premises) bouncesOnly() {
	p.t.Helper()
	encoded, talk, status := p.run("bounce", "encode", "academy@yourorganisationname.nl")
	if status != 0 {
		p.t.Fatal(talk)
	}
	for to, want := range map[string]string{
		strings.TrimSpace(encoded):         "250",
		"junk@bounces.courseware.nl":       "550",
		"junk@below.bounces.courseware.nl": "550",
		"someone@elsewhere.example":        "554",
	} {
		client := postfix.Dial(p.t, p.postfix.SMTPAddr)
		client.XClient("ADDR=203.0.113.9")
		client.Do("MAIL FROM:<>")
		reply := client.Do("RCPT TO:<" + strings.Trim(to, "<>") + ">")
		if !strings.HasPrefix(reply.String(), want) {
			p.t.Errorf("RCPT TO %s: %s, want %s", to, reply, want)
		}
	}
}

// TestSetupMerges: what Postfix had stays beside what is added.
func TestSetupMerges(t *testing.T) {
	const main = "smtpd_milters =\n  { inet:127.0.0.1:11332, default_action=accept },\n  inet:127.0.0.1:11333\n" +
		"relay_domains = $mydomain\nrelay_recipient_maps = static:OK\n# the last word\nsmtp_line_length_limit = 0\n"
	p := newcomer(t, main)
	output, talk, status := p.run(append(answers, "--apply")...)
	if status != 0 || !strings.Contains(talk, "does not answer") || strings.Contains(talk, "ran postfix reload") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	for name, want := range map[string]string{
		"smtpd_milters":        "{ inet:127.0.0.1:11332, default_action=accept }, inet:127.0.0.1:11333, unix:onbehalf/milter.sock",
		"non_smtpd_milters":    "unix:onbehalf/milter.sock",
		"relay_domains":        "$mydomain, bounces.courseware.nl",
		"relay_recipient_maps": "static:OK, inline:{ { @bounces.courseware.nl = OK } }",
	} {
		if got := strings.Join(strings.Fields(p.setting(name)), " "); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	text, _ := p.mainCF()
	if output, _, status := p.run("setup", "--apply"); status != 0 || !strings.Contains(output, "all is set already") {
		t.Errorf("the second time it ends with %d\n%s", status, output)
	}
	if now, _ := p.mainCF(); now != text {
		t.Error("the second time main.cf changed")
	}
}

// TestSetupRemove: what --apply did is undone, in main.cf to the letter, and in a second instance
// too; milters of others stay where they are, and mail flows without us.
func TestSetupRemove(t *testing.T) {
	p := newcomer(t, "smtp_line_length_limit = 998\n")
	second := secondInstance(t, p)
	p.postconf("multi_instance_directories = " + second)
	before, _ := p.mainCF()
	if output, talk, status := p.run(append(answers, "--apply")...); status != 0 || !strings.Contains(talk, "saved "+p.postfix.ConfigDir+"/main.cf.onbehalf-") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	applied, _ := p.mainCF()

	output, talk, status := p.run("setup", "--remove")
	if now, _ := p.mainCF(); status != 0 || now != applied || !strings.Contains(talk, "Nothing was changed") {
		t.Fatalf("without agreement: exit status %d\n%s%s", status, output, talk)
	}
	for _, line := range []string{"postconf -c " + p.postfix.ConfigDir + " -X 'smtpd_milters'", "postconf -c " + p.postfix.ConfigDir + " -e 'smtp_line_length_limit = 998'",
		"postconf -c " + second + " -P 'smtp/inet/smtpd_milters=inet:127.0.0.1:2'"} {
		if !strings.Contains(output, "\n"+line+"\n") {
			t.Errorf("%q is not shown in\n%s", line, output)
		}
	}

	// The configuration may be gone by then.
	if err := os.Rename(p.config, p.config+".old"); err != nil {
		t.Fatal(err)
	}
	output, talk, status = p.run("setup", "--remove", "--yes")
	if status != 0 || !strings.Contains(talk, "ran postfix reload") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	if got := p.setting("smtpd_milters") + p.setting("non_smtpd_milters"); got != "" {
		t.Errorf("Postfix still calls %s", got)
	}
	if err := os.Rename(p.config+".old", p.config); err != nil {
		t.Fatal(err)
	}
	if output, talk, status = p.run("setup", "--remove", "--yes"); status != 0 {
		t.Fatalf("with the bounce domain known: exit status %d\n%s%s", status, output, talk)
	}
	if now, _ := p.mainCF(); now != before {
		t.Errorf("main.cf was\n%s\nand is\n%s", before, now)
	}
	if out, err := exec.Command("postconf", "-c", second, "-P", "smtp/inet/smtpd_milters").Output(); err != nil || strings.TrimSpace(string(out)) != "smtp/inet/smtpd_milters = inet:127.0.0.1:2" {
		t.Errorf("the second instance has %s (%v)", out, err)
	}
	output, talk, status = p.run("setup", "--remove", "--yes")
	if status != 0 || strings.Contains(talk, "ran ") || !strings.Contains(output, "nothing of onbehalf is in it") {
		t.Errorf("a second time: exit status %d\n%s%s", status, output, talk)
	}
	reply := postfix.Dial(t, p.postfix.SMTPAddr).Send("academy@yourorganisationname.nl", []string{"student@receiver.example"},
		[]byte("From: "+own+"\r\nTo: student@receiver.example\r\nSubject: x\r\n\r\nx\r\n"))
	if !reply.OK() {
		t.Fatalf("%s\n%s", reply, p.postfix.Log())
	}
	if from, _ := take(t, p.sink.Wait(t, 1)[0]).header.Get("From"); from.Text() != own {
		t.Errorf("it left from %s", from.Text())
	}
}

// secondInstance makes the configuration of another Postfix, which calls onbehalf beside another
// milter.
func secondInstance(t *testing.T, p *premises) (folder string) {
	t.Helper()
	folder = shortDir(t)
	for name, text := range map[string]string{
		"main.cf": "queue_directory = " + p.postfix.QueueDir + "\nmulti_instance_enable = yes\n",
		"master.cf": "smtp inet n - n - - smtpd\n  -o smtpd_milters=unix:onbehalf/milter.sock,inet:127.0.0.1:2\n" +
			"cleanup unix n - n - 0 cleanup\nsmtp unix - - n - - smtp\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

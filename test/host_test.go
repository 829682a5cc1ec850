package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// One name is a tenant's domain and, by Postfix, this host's: whoever knows the host by another
// name takes its mail for the tenant's.
const hostTenant = `  - id: school
    name: School
    domains: [mail.school.example]
`

// TestHostName holds that every command knows this host by the name that Postfix gives to the
// daemon: one message is the platform's own for all of them.
func TestHostName(t *testing.T) {
	p := openPremises(t, hostTenant)
	t.Setenv("MAIL_CONFIG", p.postfix.ConfigDir)
	p.postconf("myhostname = mail.school.example")
	p.postfixCommand(p.postfix, "reload")
	const own = "7 platform"
	mail := "From: postmaster@mail.school.example\nTo: someone@receiver.example\nSubject: one\n\ntext\n"
	file := filepath.Join(p.folder, "mail.eml")
	if err := os.WriteFile(file, []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	ask := func(name string, document any, args ...string) {
		t.Helper()
		output, talk, _ := p.run(args...)
		if err := json.Unmarshal([]byte(output), document); err != nil {
			t.Fatalf("%s: %v\n%s%s", name, err, output, talk)
		}
	}

	p.postfix.Sendmail(t, []byte(mail), "-f", "postmaster@mail.school.example", "someone@receiver.example")
	p.sink.Wait(t, 1)
	p.await("the log", func() bool { return strings.Contains(p.log.String(), " row=") })
	_, row, _ := strings.Cut(p.log.String(), " row=")
	row, err := strconv.QuotedPrefix(row)
	if err == nil {
		rows["daemon"], err = strconv.Unquote(row)
	}
	if err != nil {
		t.Fatalf("the log's row is not quoted: %v\n%s", err, p.log.String())
	}

	var explained struct{ Plan struct{ Row string } }
	ask("explain", &explained, "explain", "--json", file)
	rows["explain"] = explained.Plan.Row

	var tested struct {
		Messages []struct{ Expected struct{ Row string } }
	}
	ask("selftest", &tested, "selftest", "--json", "--to", "someone@receiver.example", "--tenant", "school",
		"--from", "postmaster@mail.school.example", "--smtp", p.postfix.SMTPAddr)
	rows["selftest"] = tested.Messages[1].Expected.Row

	var checked []struct {
		Domains []struct{ Today struct{ Row string } }
	}
	ask("check", &checked, "check", "--json", "school")
	rows["check"] = checked[0].Domains[0].Today.Row
	for name, got := range rows {
		if got != own {
			t.Errorf("for %s it is row %s, want %s", name, got, own)
		}
	}

	output, _, _ := p.run("dns", "--zone")
	if !strings.Contains(strings.Join(strings.Fields(output), " "), "MX 10 mail.school.example.") {
		t.Errorf("dns knows another host:\n%s", output)
	}
	p.doctor().finds(t, "ok", "a signature by cw1._domainkey.courseware.nl that verifies")

	ask("--host", &explained, "explain", "--json", "--host", "other.example", file)
	if explained.Plan.Row == own {
		t.Error("--host does not count")
	}
}

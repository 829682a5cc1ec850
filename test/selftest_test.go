package test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

const selftestTenants = `  - id: yourorg
    name: Your Organisation
    domains: [yourorganisationname.nl]
    authorization: unauthorized
    bounces_to: academy@yourorganisationname.nl
  - id: muenchen
    name: Stadt München
    domains: ["*.münchen.example"]
    authorization: authorized
    dkim: [{selector: cw1, key: key.pem}]
  - id: club
    domains: [club.example]
    submitters: {logins: [lms-club]}
`

// TestSelftest sends the two messages of onbehalf selftest through a real Postfix and
// the real daemon. Both arrive as the command predicts, marked alike and signed.
func TestSelftest(t *testing.T) {
	p := openPremises(t, selftestTenants)
	p.publish(p.key("xn--mnchen-3ya.example"))
	for _, c := range []struct{ tenant, from, domain string }{
		{"yourorg", `"Your Organisation via Courseware" <noreply@courseware.nl>`, "courseware.nl"},
		{"muenchen", `=?utf-8?B?U3RhZHQgTcO8bmNoZW4=?= <postmaster@mail.xn--mnchen-3ya.example>`, "xn--mnchen-3ya.example"},
	} {
		t.Run(c.tenant, func(t *testing.T) {
			output, talk, status := p.run("selftest", "--json", "--to", "student@receiver.example", "--smtp", p.postfix.SMTPAddr, "--tenant", c.tenant)
			if status != 0 {
				t.Fatalf("exit status %d\n%s%s", status, output, talk)
			}
			var said struct {
				Token    string
				Messages []struct {
					QueueID  string `json:"queue_id"`
					Expected struct{ Sign []tenant.Identity }
				}
			}
			if err := json.Unmarshal([]byte(output), &said); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			want := map[string]string{} // From by queue id
			want[said.Messages[0].QueueID] = `"Courseware" <postmaster@courseware.nl>`
			want[said.Messages[1].QueueID] = c.from
			if d := said.Messages[1].Expected.Sign[0].SDID.String(); d != c.domain {
				t.Errorf("2 is expected to be signed by %s, want %s", d, c.domain)
			}
			for _, delivery := range p.sink.Wait(t, 2) {
				got := take(t, delivery)
				p.marked(t, got, said.Token, want[got.queueID])
				sign := said.Messages[0].Expected.Sign
				if got.queueID == said.Messages[1].QueueID {
					sign = said.Messages[1].Expected.Sign
				}
				p.house.verify(t, got.Data, sign)
			}
		})
	}
}

// marked looks at one message of a self-test.
func (p *premises) marked(t *testing.T, got delivered, token, from string) {
	t.Helper()
	field := func(name string) string {
		f, _ := got.header.Get(name)
		return f.Text()
	}
	if mark := field("X-Onbehalf-Selftest"); mark != token || token == "" {
		t.Errorf("X-Onbehalf-Selftest %q, want %q", mark, token)
	}
	if !strings.Contains(field("Subject"), token) || !bytes.Contains(got.body, []byte(token)) {
		t.Errorf("%s is missing in Subject or body:\n%s", token, got.Data)
	}
	if field("From") != from {
		t.Errorf("From %s, want %s", field("From"), from)
	}
}

// TestSelftestAloud: what the command prints for people names what Postfix and the
// receiver then have.
func TestSelftestAloud(t *testing.T) {
	p := openPremises(t, selftestTenants)
	output, talk, status := p.run("selftest", "--to", "student@receiver.example", "--smtp", p.postfix.SMTPAddr)
	if status != 0 || !strings.Contains(talk, "tenant yourorg") {
		t.Fatalf("exit status %d\n%s%s", status, output, talk)
	}
	t.Logf("it says:\n%s", output)
	for _, delivery := range p.sink.Wait(t, 2) {
		got := take(t, delivery)
		for what, text := range map[string]string{
			"the queue id": "queued as " + got.queueID,
			"the sender":   message.ParsePath(got.ReversePath).String(),
		} {
			if !strings.Contains(output, text) {
				t.Errorf("%s is not foretold: %s", what, text)
			}
		}
	}
}

// TestSelftestUnfit: where the application's mail would be treated otherwise, or onbehalf is
// away, nothing is claimed to be fine.
func TestSelftestUnfit(t *testing.T) {
	p := openPremises(t, selftestTenants)
	args := []string{"selftest", "--to", "student@receiver.example", "--smtp", p.postfix.SMTPAddr}
	_, talk, status := p.run(append(args, "--tenant", "club")...)
	if status != 1 || !strings.Contains(talk, "explain --config "+p.config+" --login lms-club") {
		t.Errorf("exit status %d, want 1 with the way to test\n%s", status, talk)
	}
	if err := os.Remove(filepath.Join(p.postfix.QueueDir, "onbehalf", "milter.sock")); err != nil {
		t.Fatal(err)
	}
	output, _, status := p.run(args...)
	if status != 1 || !strings.Contains(output, "is onbehalf running") {
		t.Errorf("exit status %d, want 1 and the reason\n%s", status, output)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestCheckAll: of all tenants, the exit status says whether something is wrong on our side; a line
// each, and those alone that lack something, are for who has a thousand of them.
func TestCheckAll(t *testing.T) {
	server := serveZone(t, withKey(t, `courseware.nl TXT "v=spf1 ip4:80.84.235.70 -all"
cw1._domainkey.courseware.nl TXT "v=DKIM1; k=rsa; p=KEY"
_dmarc.courseware.nl TXT "v=DMARC1; p=none"
bounces.courseware.nl MX 10 mail.courseware.nl
mail.courseware.nl A 80.84.235.70
70.235.84.80.in-addr.arpa PTR mail.courseware.nl
bounces.courseware.nl TXT "v=spf1 ip4:80.84.235.70 -all"
university.example TXT "v=spf1 ip4:80.84.235.70 -all"
cw1._domainkey.university.example TXT "v=DKIM1; k=rsa; p=KEY"
_dmarc.university.example TXT "v=DMARC1; p=none"
yourorganisationname.nl TXT "v=spf1 -all"
_dmarc.yourorganisationname.nl TXT "v=DMARC1; p=none"
`))
	config := install(t, server, "", "")
	check := func(want int, args ...string) string {
		t.Helper()
		var o, e bytes.Buffer
		if status := run(append([]string{"check", "--config", config}, args...), nil, &o, &e); status != want {
			t.Errorf("%v: status %d, want %d\n%s%s", args, status, want, &o, &e)
		}
		return strings.Join(strings.Fields(o.String()), " ")
	}
	const summary = "tenants 2 all published 1 something missing 1 on our side nothing is wrong"
	const lacks = "yourorg yourorganisationname.nl: SPF NOT AUTHORIZED "
	for _, c := range []struct {
		args, says, not string
		status          int
	}{
		{"", summary, "", 0},
		{"--strict", summary, "", 1},
		{"--brief", "(platform) ok " + lacks + "university ok " + summary, "", 0},
		{"--brief --problems", lacks + summary, "university ok", 0},
		{"--problems", "NOT AUTHORIZED", "university", 0},
		{"yourorg", "NOT AUTHORIZED", "tenants 2", 1},
		{"university --brief", "university ok", "tenants 2", 0},
		{"--brief --json", "", "ok", 2},
	} {
		if out := check(c.status, strings.Fields(c.args)...); !strings.Contains(out, c.says) || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%s: %q is missing, or %q is in\n%s", c.args, c.says, c.not, out)
		}
	}
	var results []struct {
		Tenant     string
		Fine, Ours bool
	}
	if err := json.Unmarshal([]byte(check(0, "--json", "--problems")), &results); err != nil || len(results) != 1 || results[0].Tenant != "yourorg" || results[0].Ours {
		t.Errorf("%v: %+v", err, results)
	}

	// A key of ours that cannot be read, and a broken file, are our side's.
	key := strings.TrimSuffix(config, "onbehalf.yaml") + "keys/university.pem"
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if out := check(1, "--brief"); !strings.Contains(out, "university university.example: DKIM cw1 MISSING") || !strings.HasSuffix(out, "on our side something is wrong: university") {
		t.Error(out)
	}
	if err := writeKey(key); err != nil {
		t.Fatal(err)
	}
	check(0)
	if err := os.WriteFile(strings.TrimSuffix(config, "onbehalf.yaml")+"tenants.d/x.yaml", []byte("tenants: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	check(1)
}

// TestCheckWantsWhatDNSShows: what check misses of the platform, dns lists, name by name.
func TestCheckWantsWhatDNSShows(t *testing.T) {
	config := install(t, serveZone(t, "mail.courseware.nl A 80.84.235.70\n"), "", "")
	ask := func(document any, args ...string) {
		t.Helper()
		var o, e bytes.Buffer
		run(append(args, "--json", "--config", config), nil, &o, &e)
		if err := json.Unmarshal(o.Bytes(), document); err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, &o, &e)
		}
	}
	var results []struct {
		Domains []struct {
			Mechanisms []struct {
				Mechanism, Text string
				Wanted          []struct{ Name string }
			}
		}
	}
	var sheet struct{ Records []struct{ Name string } }
	ask(&results, "check")
	ask(&sheet, "dns")
	shown := make(map[string]bool)
	for _, r := range sheet.Records {
		shown[r.Name] = true
	}
	missed := 0
	for _, d := range results[0].Domains {
		for _, m := range d.Mechanisms {
			if m.Mechanism == "ptr" { // in the zone of whoever provides the address
				continue
			}
			missed++
			if len(m.Wanted) == 0 {
				t.Errorf("%s: %s: nothing is wanted", m.Mechanism, m.Text)
			}
			for _, r := range m.Wanted {
				if of, policy := strings.CutPrefix(r.Name, "_dmarc."); !shown[r.Name] || policy && !strings.HasPrefix(m.Text, of) {
					t.Errorf("%s: %s; %s is not shown by dns: %v", m.Mechanism, m.Text, r.Name, shown)
				}
			}
		}
	}
	if missed < 5 {
		t.Errorf("only %d are missing", missed)
	}
}

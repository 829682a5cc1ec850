package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFrom: what check --json has saved is judged without DNS, and comes to the same.
func TestCheckFrom(t *testing.T) {
	server := serveZone(t, withKey(t, `university.example TXT "v=spf1 mx ip4:80.84.235.70 -all"
university.example MX 10 mail.university.example
mail.university.example A 192.0.2.1
cw1._domainkey.university.example CNAME cw1.university.dkim.courseware.nl
_dmarc.university.example TXT "v=DMARC1; p=quarantine"
_dmarc.courseware.nl fails`))
	config := install(t, server, "", "")
	check := func(args ...string) (out, talk string, status int) {
		var o, e bytes.Buffer
		status = run(append([]string{"check", "--config", config}, args...), nil, &o, &e)
		return o.String(), e.String(), status
	}
	saved := filepath.Join(t.TempDir(), "check.json")
	all, _, _ := check("--json")
	if err := os.WriteFile(saved, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	live := make(map[string]string)
	for _, who := range []string{"", "university"} {
		out, _, status := check(strings.Fields(who)...)
		live[who] = out
		if status != 1 || !strings.Contains(out, "ok: SPF of university.example passes") {
			t.Errorf("%q: %d\n%s", who, status, out)
		}
	}
	dead := strings.ReplaceAll(string(text), server, "127.0.0.1:1")
	if dead == string(text) {
		t.Fatalf("no DNS server in\n%s", dead)
	}
	if err := os.WriteFile(config, []byte(dead), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"", "university"} {
		out, talk, status := check(append(strings.Fields(who), "--from", saved)...)
		if out != live[who] || status != 1 || !strings.Contains(talk, "by what DNS answered at 2") {
			t.Errorf("%q: %d, %s\n%s\nwant\n%s", who, status, talk, out, live[who])
		}
	}
	if again, _, _ := check("--json", "--from", saved); again != all {
		t.Errorf("saved again:\n%s\nwant\n%s", again, all)
	}
	for content, want := range map[string]string{
		`[]`:                        "has no observation of what is asked for",
		`[{"tenant":"university"}]`: "contains no observation",
		`{"tenant":"university"}`:   "is not the output of check --json",
		`[{"tenant":"","observation":{"answers":[{"name":"x.nl","type":"A","records":[{"data":"x"}]}]}}]`: `answer to "x.nl" "A"`,
	} {
		if err := os.WriteFile(saved, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, talk, status := check("university", "--from", saved); out != "" || status != 1 || !strings.Contains(talk, want) {
			t.Errorf("%s: %d, %s%s", content, status, talk, out)
		}
	}
	if _, talk, status := check("university", "--from", saved, "--probe"); status != 2 || !strings.Contains(talk, "exclude each other") {
		t.Errorf("%d, %s", status, talk)
	}
}

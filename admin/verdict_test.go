package admin_test

import (
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/tenant"
)

// TestJudge: what is warning and what is critical, as docs/status.md has it.
func TestJudge(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	tests := []struct {
		name   string
		change func(*admin.Status)
		onDisk string
		want   admin.Level
		text   string
	}{
		{"all is well", func(*admin.Status) {}, "", admin.Fine, "onbehalf 1.0, 2 tenants, 3 messages since the start"},
		{"reload accepted", func(s *admin.Status) { s.Reload = &admin.Reload{OK: true} }, "", admin.Fine, ""},
		{"reload refused", func(s *admin.Status) { s.Reload = &admin.Reload{} }, "broken", admin.Warning, "the last reload was refused: onbehalf check-config"},
		{"broken on disk", func(*admin.Status) {}, "onbehalf.yaml: is empty", admin.Warning, "the configuration on disk would be refused: onbehalf.yaml: is empty"},
		{"key left out", func(s *admin.Status) {
			s.Configuration.Findings = []admin.Finding{{Level: "fault"}, {Level: "warning"}}
		}, "", admin.Warning, "keys that are left out: 1"},
		{"restart needed", func(s *admin.Status) { s.Configuration.NeedRestart = []string{"listen"} }, "", admin.Fine, ""},
		{"no signature", func(s *admin.Status) { s.Signing.Failed = "no key" }, "", admin.Critical, "the platform's keys do not sign: no key"},
		{"OpenSSL wanted, Go signs", func(s *admin.Status) { s.Signing.Asked, s.Signing.Engine = "openssl", "go" }, "", admin.Warning, "OpenSSL does not sign"},
		{"OpenSSL not there", func(s *admin.Status) { s.Signing.Asked, s.Signing.Engine = "auto", "go" }, "", admin.Fine, ""},
		{"OpenSSL failed", func(s *admin.Status) { s.Signing.Fallbacks = 1 }, "", admin.Warning, "OpenSSL does not sign"},
		{"milter unreachable", socketGone("milter"), "", admin.Critical, "milter cannot be reached at unix:/x: removed"},
		{"socketmap unreachable", socketGone("socketmap"), "", admin.Critical, "socketmap cannot be reached"},
		{"metrics unreachable", socketGone("metrics"), "", admin.Warning, "metrics cannot be reached"},
		{"connections at 79 %", near(admin.LimitConnections, 79), "", admin.Fine, ""},
		{"connections at 80 %", near(admin.LimitConnections, 80), "", admin.Warning, "80 % of limits.connections: 80 of 100; beyond it, Postfix defers mail"},
		{"connections at 95 %", near(admin.LimitConnections, 95), "", admin.Critical, "95 % of limits.connections"},
		{"memory at 80 %", near(admin.LimitMemory, 80), "", admin.Warning, "80 % of limits.memory"},
		{"store at 100 %", near(admin.LimitStore, 100), "", admin.Critical, "100 % of what may wait to be saved"},
		{"DNS rate at 100 %", near(admin.LimitDNS, 100), "", admin.Fine, ""},
		{"a resolver hiccups", outage(5 * time.Minute), "", admin.Fine, ""},
		{"DNS out for 15 minutes", outage(15 * time.Minute), "", admin.Warning, "DNS does not answer since 2026-11-23 11:45 UTC"},
		{"DNS out for 6 hours", outage(6 * time.Hour), "", admin.Critical, "DNS does not answer since 2026-11-23 06:00 UTC"},
		{"DNS has never answered", func(s *admin.Status) {
			s.DNS = admin.DNS{Domains: 3, Unanswered: 3, UnansweredSince: ago(15 * time.Minute)}
		}, "", admin.Warning, "DNS does not answer since 2026-11-23 11:45 UTC"},
		{"DNS is being asked", func(s *admin.Status) { s.DNS = admin.DNS{Domains: 3} }, "", admin.Fine, ""},
		{"DNS lies", func(s *admin.Status) {
			s.DNS.Denied, s.DNS.UnansweredSince = domain(t, "courseware.nl"), ago(time.Hour)
		}, "", admin.Warning, "DNS is not believed"},
		{"one lookup is lost", func(s *admin.Status) { s.DNS.Unanswered, s.DNS.UnansweredSince = 1, ago(time.Hour) }, "", admin.Fine, ""},
		{"a little late", func(s *admin.Status) { s.DNS.Due, s.DNS.DueSince = 3, ago(10*time.Minute) }, "", admin.Fine, ""},
		{"lookups overdue", func(s *admin.Status) { s.DNS.Due, s.DNS.DueSince = 3, ago(time.Hour) }, "", admin.Warning, "overdue lookups: 3, the first by 1h0m0s; raise dns.max_per_second"},
		{"no DNS server", func(s *admin.Status) { s.DNS.NoServer, s.DNS.Domains = "resolv.conf is empty", 1 }, "", admin.Warning, "there is no DNS server to ask: resolv.conf is empty"},
		{"table torn", func(s *admin.Status) { s.DNS.Error = "torn" }, "", admin.Warning, "what DNS says is not known: torn"},
		{"platform loses a key", problem(t, "", tenant.Warning), "", admin.Critical, "dkim cw1 of the platform's one.example is gone"},
		{"platform lacks a key", problem(t, "", tenant.Pending), "", admin.Warning, "dkim cw1 of the platform's one.example is missing"},
		{"tenant loses a key", problem(t, "one", tenant.Warning), "", admin.Warning, "records of tenants that are gone, so that their mail is about to leave in another way: 1; "},
		{"tenant lacks a key", problem(t, "one", tenant.Pending), "", admin.Fine, ""},
		{"state unsaved", func(s *admin.Status) { s.DNS.Unsaved = "disk full" }, "", admin.Warning, "state is not saved: disk full"},
		{"log dropped just now", func(s *admin.Status) { s.Log = admin.Log{Dropped: 1, Last: ago(time.Minute), Problem: "broken pipe"} }, "", admin.Warning, "lines of the log are dropped: broken pipe"},
		{"log dropped yesterday", func(s *admin.Status) { s.Log = admin.Log{Dropped: 1, Last: ago(24 * time.Hour)} }, "", admin.Fine, ""},
		{"strangers", func(s *admin.Status) { s.Untrusted = admin.Untrusted{Messages: 9, Last: noon} }, "", admin.Fine, ""},
		{"the worst first", func(s *admin.Status) { s.DNS.Unsaved, s.Signing.Failed = "disk full", "no key" }, "", admin.Critical,
			"the platform's keys do not sign: no key; state is not saved: disk full"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := admin.Status{Daemon: admin.Daemon{Version: "1.0", Now: noon, Messages: admin.Messages{Kept: 2, Refused: 1}}, Tenants: admin.Tenants{Total: 2}}
			test.change(&s)
			got := admin.Judge(s, test.onDisk)
			if got.Level != test.want || !strings.HasPrefix(got.Text, test.text) || got.Text == "" {
				t.Errorf("%s: %s\nwant %s: %s", got.Level, got.Text, test.want, test.text)
			}
		})
	}
}

func socketGone(name string) func(*admin.Status) {
	return func(s *admin.Status) {
		s.Sockets = []admin.Socket{{Name: name, Address: "unix:/x", Problem: "removed"}}
	}
}

func near(name admin.LimitName, percent float64) func(*admin.Status) {
	return func(s *admin.Status) { s.Limits = []admin.Limit{{Name: name, Used: percent, Most: 100}} }
}

func outage(lasts time.Duration) func(*admin.Status) {
	return func(s *admin.Status) { s.DNS.PausedUntil, s.DNS.UnansweredSince = noon, noon.Add(-lasts) }
}

func problem(t *testing.T, id string, state tenant.State) func(*admin.Status) {
	return func(s *admin.Status) {
		s.Problems = []admin.Problem{{Tenant: id, Domain: domain(t, "one.example"), Mechanism: "dkim cw1", State: state}}
	}
}

package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/tenant"
)

// These hold that a load takes time in proportion to what is in the files. Bounds are generous:
// what was quadratic took minutes.
const longEnough = 2 * time.Minute

func loadMany(t *testing.T, main, tenants string) (*Config, Findings) {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "onbehalf.yaml"), []byte(main))
	put(t, filepath.Join(dir, "srs.secrets"), []byte("0123456789abcdef0123456789abcdef\n"))
	put(t, filepath.Join(dir, "tenants.d", "a.yaml"), []byte(tenants))
	began := time.Now()
	config, findings := Load(filepath.Join(dir, "onbehalf.yaml"), nil)
	took := time.Since(began)
	t.Log("took", took.Round(time.Millisecond))
	if took > longEnough {
		t.Errorf("it took %s", took)
	}
	if len(findings) > mostFindings+1 {
		t.Errorf("%d findings are kept", len(findings))
	}
	return config, findings
}

func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// wantMore checks the finding that stands for others.
func wantMore(t *testing.T, findings Findings, level Level, text string) {
	t.Helper()
	last := findings[len(findings)-1]
	if last.Level != level || !strings.Contains(last.String(), text) {
		t.Errorf("the last finding is %s: %s; want %s: %s", last.Level, last, level, text)
	}
}

func TestManyUnknownKeys(t *testing.T) {
	_, findings := loadMany(t, benchMain+lines(100_000, "key%d: 1\n"), "tenants:\n"+benchTenant(1)+lines(100_000, "    name%d: x\n"))
	wantMore(t, findings, Error, "and 199,900 more")
	if !strings.Contains(findings[0].String(), "there is no such key") {
		t.Error(findings[0])
	}
}

func TestManyTenantsBesideUnknownKeys(t *testing.T) {
	var tenants strings.Builder
	for i := range 20_000 {
		tenants.WriteString(benchTenant(i))
	}
	config, findings := loadMany(t, benchMain+lines(50_000, "key%d: 1\n")+"tenants:\n"+tenants.String(), "tenants: []\n")
	wantMore(t, findings, Error, "and 49,900 more")
	if len(config.Tenants) != 20_000 {
		t.Error(len(config.Tenants))
	}
}

func TestManyDomains(t *testing.T) {
	const many = 300_000
	one := func(domains string) string {
		return "tenants:\n  - id: big\n    dkim: [{selector: a, key: a.pem}, {selector: b, key: b.pem}]\n    return_path: bounce.d7.example\n    domains:\n" + domains
	}
	main := strings.Replace(benchMain, "platform:", "keys_dir: .\nplatform:", 1)
	config, findings := loadMany(t, main, one(lines(many, "      - d%d.example\n")))
	if findings.Fatal() || len(config.Tenants) != 1 || len(config.Tenants[0].Domains) != many {
		t.Error(findings)
	}
	config.Keys[1].Refused = config.Keys[1].Identities
	began := time.Now()
	config.Identify(func(ids []tenant.Identity) []tenant.Identity { return ids })
	if len(config.Tenants[0].Identities) != many || time.Since(began) > longEnough {
		t.Errorf("%d identities after %s", len(config.Tenants[0].Identities), time.Since(began))
	}
	_, findings = loadMany(t, main, one(lines(many/3, "      - d%d.example\n")+lines(many/3, "      - d%d.example\n")))
	wantMore(t, findings, Error, "and 99,900 more")
	_, findings = loadMany(t, main, one(lines(many/3, "      - \"%d\"\n")))
	wantMore(t, findings, Error, "and 99,900 more")
}

func TestManyOfThePlatform(t *testing.T) {
	const many = 30_000
	own := strings.Replace(benchMain, "platform:", "platform:\n  domains:\n    - courseware.nl\n"+lines(many, "    - o%d.example\n")+
		"  submitters:\n    logins:\n"+lines(many, "      - login%d\n"), 1)
	_, findings := loadMany(t, own, "tenants:\n  - id: big\n    domains:\n"+lines(many, "      - d%d.example\n")+
		"    submitters:\n      logins:\n"+lines(many, "        - tenant%d\n")+"    direct:\n      next_hop: \"[mx.example.org]:25\"\n      domains:\n"+lines(many, "        - d%d.example\n"))
	if findings.Fatal() {
		t.Error(findings[0])
	}
}

// TestLimited holds that errors are kept before warnings, in their order, that what is not kept is
// counted once, and that a file that may be truncated is not forgotten.
func TestLimited(t *testing.T) {
	var all Findings
	for i := range 300 {
		level := Warning
		if i%3 == 2 {
			level = Error
		}
		all = append(all, Finding{Level: level, File: fmt.Sprint(i), Truncated: i == 1})
	}
	got := append(all[:len(all):len(all)], Finding{Level: Fault}).Limited().Limited()
	if len(got) != mostFindings+1 || got[0].File != "2" || got[99].File != "299" || got[100].Level != Fault || got[100].More != 201 || !got.Truncated() || !got.Fatal() {
		t.Errorf("%d findings: %v", len(got), got)
	}
	if few := all[:100].Limited(); len(few) != 100 || few.Fatal() != all[:100].Fatal() {
		t.Errorf("%d findings of 100", len(few))
	}
}

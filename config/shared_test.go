package config

import (
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/tenant"
)

const sharedTenants = `tenants:
  - {id: plain, name: Plain, domains: [plain.example, "*.plain.example"], submitters: {logins: [lms], networks: [192.0.2.0/24]}}
  - {id: keyed, domains: [keyed.example], dkim: [{selector: cw1, key: keyed.pem}]}
  - {id: other, domains: [other.example], from_name: "{name} by {platform}", direct: {domains: [other.example], next_hop: "[mail.other.example]:25"}}
`

// TestUnchangedTenantsAreShared: a tenant that has no keys and is as it was is the same value after
// a reload; one that any key of the file or of the platform's policy has changed is not.
func TestUnchangedTenantsAreShared(t *testing.T) {
	dir := t.TempDir()
	load := func(main, tenants string, before *Config) *Config {
		t.Helper()
		put(t, filepath.Join(dir, "onbehalf.yaml"), []byte(main))
		put(t, filepath.Join(dir, "srs.secrets"), []byte("0123456789abcdef0123456789abcdef\n"))
		put(t, filepath.Join(dir, "tenants.d", "a.yaml"), []byte(tenants))
		conf, findings := LoadBeside(filepath.Join(dir, "onbehalf.yaml"), nil, beforeOf(t, before), func() {})
		if findings.Fatal() {
			t.Fatal(findings)
		}
		conf.Identify(func(ids []tenant.Identity) []tenant.Identity { return ids })
		return conf
	}
	before := load(benchMain, sharedTenants, nil)
	for _, test := range []struct{ name, main, tenants, shared string }{
		{"nothing changed", benchMain, sharedTenants, "plain other"},
		{"a name", benchMain, strings.Replace(sharedTenants, "name: Plain", "name: Bare", 1), "other"},
		{"a network", benchMain, strings.Replace(sharedTenants, "192.0.2.0/24", "192.0.2.0/25", 1), "other"},
		{"a next hop", benchMain, strings.Replace(sharedTenants, "[mail.", "[mx.", 1), "plain"},
		{"a template", benchMain, strings.Replace(sharedTenants, " by ", " via ", 1), "plain"},
		{"keys at last", benchMain, strings.Replace(sharedTenants, "{id: plain,", "{id: plain, dkim: [{selector: cw1, key: plain.pem}],", 1), "other"},
		{"no keys any more", benchMain, strings.Replace(sharedTenants, ", dkim: [{selector: cw1, key: keyed.pem}]", "", 1), "plain other"},
		{"the policy of all", benchMain + "policy: {rewrite_from: never}\n", sharedTenants, ""},
		{"a list in the policy of all", benchMain + "policy: {always_rewrite: [example.org]}\n", sharedTenants, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			after := load(test.main, test.tenants, before)
			var shared []string
			for _, one := range after.Tenants {
				if one == before.tenant(one.ID) {
					shared = append(shared, one.ID)
				}
			}
			if got := strings.Join(shared, " "); got != test.shared {
				t.Errorf("shared are %q, want %q", got, test.shared)
			}
			if keys := len(before.tenant("keyed").Identities); keys != 1 {
				t.Errorf("what was there before has changed: %d keys", keys)
			}
		})
	}
}

func beforeOf(t *testing.T, c *Config) Before {
	t.Helper()
	if c == nil {
		return Before{}
	}
	table, err := tenant.NewTable(c.Platform, c.Tenants)
	if err != nil {
		t.Fatal(err)
	}
	return Before{c, table.Snapshot()}
}

func (c *Config) tenant(id string) *tenant.Tenant {
	if c != nil {
		for _, t := range c.Tenants {
			if t.ID == id {
				return t
			}
		}
	}
	return nil
}

package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// tenantValues are values of each key of a tenant. Each is one that a file may have, alone or beside
// those of the others.
var tenantValues = map[string][]string{
	"id":                  {"one", "two"},
	"name":                {"The tenant", "Another"},
	"domains":             {"[one.example]", "[two.example, \"*.one.example\"]", "[this-domain-is-a-long-one.one.example]", "[gmail.com]"},
	"authorization":       {"auto", "authorized", "unauthorized"},
	"dkim":                {"[{selector: cw1, key: one.pem}]", "[{selector: cw2, key: one.pem}]", "[{selector: cw1, key: two.pem}]"},
	"return_path":         {"bounce.one.example", "bounce.two.example"},
	"submitters.logins":   {"[anna]", "[Anna@courseware.nl]"},
	"submitters.networks": {"[192.0.2.1]", "[198.51.100.0/24]", "[127.0.0.1]"},
	"rewrite_from":        {"always", "dmarc", "never"},
	"keep_envelope":       {"true", "false"},
	"always_rewrite":      {"[]", "[gmail.com]", "[one.example]"},
	"mode":                {"shadow", "enforce"},
	"from_name":           {"\"{name} of {tenant}\"", "\"{tenant}\""},
	"bounces_to":          {"it@one.example", "it@bounce.one.example", "it@replies.courseware.nl"},
	"direct.domains":      {"[one.example]", "[two.example]"},
	"direct.next_hop":     {"\"[mx.example.net]:25\"", "\"[192.0.2.25]:25\"", "\"[mx.one.example]:25\""},
	"direct.tls":          {"may", "encrypt", "verify"},
	"direct.envelope":     {"bounce", "author"},
}

// mainValues are values of each key of the main file, as the environment gives them.
var mainValues = map[string][]string{
	"listen":                     {"inet:127.0.0.1:8891"},
	"socketmap":                  {"", "inet:127.0.0.1:8892"},
	"admin":                      {"", "inet:127.0.0.1:8893"},
	"state_dir":                  {"state", "other"},
	"keys_dir":                   {"keys", "other"},
	"tenants_dir":                {"tenants.d", "others.d", "link.d"},
	"log.level":                  {"debug"},
	"log.format":                 {"json"},
	"log.addresses":              {"false"},
	"limits.connections":         {"20", "5"},
	"limits.memory":              {"64MiB"},
	"signing.engine":             {"go"},
	"platform.name":              {"Other"},
	"platform.domain":            {"other.nl"},
	"platform.domains":           {"courseware.nl", "courseware.nl one.example", "courseware.nl *.one.example"},
	"platform.from":              {"{reply}@replies.courseware.nl", "replies@courseware.nl", "{local}+{tenant}@via.courseware.nl"},
	"platform.bounce_domain":     {"bounce.one.example", "b.courseware.nl"},
	"platform.bounces_to":        {"it@bounce.one.example", "it@one.example"},
	"platform.sending_ips":       {"192.0.2.25", "10.0.0.1"},
	"platform.spf_include":       {"_spf.courseware.nl"},
	"platform.dkim":              {"[]", "[{selector: cw2, key: cw2.pem}]"},
	"platform.submitters.logins": {"anna", "bert"},
	"platform.submitters.networks": {
		"192.0.2.1", "127.0.0.1"},
	"trust.networks":           {"192.0.2.0/24", "192.0.2.0/24 nonsense", "198.51.100.0/25"},
	"trust.authenticated":      {"false"},
	"trust.realm":              {"courseware.nl"},
	"trust.reinjected":         {"trusted"},
	"policy.unknown_domain":    {"reject"},
	"policy.unreadable_from":   {"rewrite"},
	"policy.rewrite_from":      {"never", "dmarc"},
	"policy.keep_envelope":     {"false"},
	"policy.always_rewrite":    {"one.example", "gmail.com"},
	"policy.unbound_logins":    {"refuse"},
	"policy.mode":              {"shadow"},
	"srs.secrets":              {"other.secrets", "none.secrets"},
	"srs.max_age":              {"10d"},
	"srs.accept_classic":       {"true"},
	"srs.accept_classic_until": {"2001-01-01"},
	"srs.classic_hash_min":     {"5"},
	"dns.servers":              {"127.0.0.1:53"},
	"dns.timeout":              {"7s"},
	"dns.max_per_second":       {"7"},
	"dns.pending_every":        {"7m"},
	"dns.active_every":         {"7h"},
	"dns.demote_after":         {"7h"},
	"history.keep":             {"7d"},
	"metrics.listen":           {"127.0.0.1:9100"},
	"metrics.tenants":          {"one", "two nobody"},
	"events.webhook":           {"https://example.net/hook"},
	"events.secret":            {"hook.secrets"},
	"events.command":           {"[/bin/true]"},
}

// notAlone are the values that others need beside them.
var notAlone = map[string]map[string]string{
	"platform.domain":    {"platform.from": "noreply@other.nl"},
	"events.webhook":     {"events.secret": "hook.secrets"},
	"srs.accept_classic": {"srs.accept_classic_until": "2001-01-01"},
}

// TestEveryKeyHasValues: a new key is tried out like all others.
func TestEveryKeyHasValues(t *testing.T) {
	for _, test := range []struct {
		keys   []string
		values map[string][]string
	}{{keysOfMain, mainValues}, {keysOfTenant, tenantValues}} {
		for _, key := range test.keys {
			if len(test.values[key]) == 0 {
				t.Error("no values of", key)
			}
		}
		if len(test.keys) != len(test.values) {
			t.Error("values of a key that does not exist")
		}
	}
}

// leaves returns each key below a record that holds no other keys.
func (s *schema) leaves() (all []string) {
	s.eachLeaf("", func(key string) { all = append(all, key) })
	return all
}

// keysOfMain are all that a variable may set; keysOfTenant, all of a tenant.
var (
	keysOfMain   = withoutTenants(schemaOf(reflect.TypeFor[rawFile]()).leaves())
	keysOfTenant = schemaOf(reflect.TypeFor[rawTenant]()).leaves()
)

func withoutTenants(keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool { return key == "tenants" })
}

func variableOf(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// tenantWith writes a tenant with some keys.
func tenantWith(values map[string]string) string {
	text, group := "", ""
	for _, key := range keysOfTenant {
		value, given := values[key]
		if !given {
			continue
		}
		record, inner, nested := strings.Cut(key, ".")
		switch {
		case nested && record != group:
			text += "    " + record + ":\n"
			group = record
			fallthrough
		case nested:
			text += "      " + inner + ": " + value + "\n"
		default:
			text += "    " + key + ": " + value + "\n"
		}
	}
	return "  - " + strings.TrimPrefix(text, "    ")
}

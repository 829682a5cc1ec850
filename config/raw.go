package config

import (
	"reflect"

	"github.com/spf13/viper"
)

// The configuration as it is written: every key, under the type it has in YAML.
// schema.go reads these types, so a key added here is known everywhere.
type (
	rawFile struct {
		Listen     []string    `yaml:"listen"`
		Socketmap  switchable  `yaml:"socketmap"`
		Admin      switchable  `yaml:"admin"`
		StateDir   string      `yaml:"state_dir"`
		KeysDir    string      `yaml:"keys_dir"`
		TenantsDir string      `yaml:"tenants_dir"`
		Log        rawLog      `yaml:"log"`
		Limits     rawLimits   `yaml:"limits"`
		Signing    rawSigning  `yaml:"signing"`
		Platform   rawPlatform `yaml:"platform"`
		Trust      rawTrust    `yaml:"trust"`
		Policy     rawPolicy   `yaml:"policy"`
		SRS        rawSRS      `yaml:"srs"`
		DNS        rawDNS      `yaml:"dns"`
		History    rawHistory  `yaml:"history"`
		Metrics    rawMetrics  `yaml:"metrics"`
		Events     rawEvents   `yaml:"events"`
		rawTenants
	}
	rawLog struct {
		Level     string `yaml:"level"`
		Format    string `yaml:"format"`
		Addresses bool   `yaml:"addresses"`
	}
	rawSigning struct {
		Engine string `yaml:"engine"`
	}
	rawLimits struct {
		Connections int  `yaml:"connections"`
		Memory      size `yaml:"memory"`
	}
	rawPlatform struct {
		Name         string        `yaml:"name"`
		Domain       string        `yaml:"domain"`
		Domains      []string      `yaml:"domains"`
		From         string        `yaml:"from"`
		BounceDomain string        `yaml:"bounce_domain"`
		BouncesTo    string        `yaml:"bounces_to"`
		SendingIPs   []string      `yaml:"sending_ips"`
		SPFInclude   string        `yaml:"spf_include"`
		DKIM         []rawDKIM     `yaml:"dkim"`
		Submitters   rawSubmitters `yaml:"submitters"`
	}
	rawDKIM struct {
		Selector string `yaml:"selector"`
		Key      string `yaml:"key"`
	}
	rawSubmitters struct {
		Logins   []string `yaml:"logins"`
		Networks []string `yaml:"networks"`
	}
	rawTrust struct {
		Networks      []string `yaml:"networks"`
		Authenticated bool     `yaml:"authenticated"`
		Realm         string   `yaml:"realm"`
		Reinjected    string   `yaml:"reinjected"`
	}
	rawPolicy struct {
		UnknownDomain  string   `yaml:"unknown_domain"`
		UnreadableFrom string   `yaml:"unreadable_from"`
		RewriteFrom    string   `yaml:"rewrite_from"`
		KeepEnvelope   bool     `yaml:"keep_envelope"`
		AlwaysRewrite  []string `yaml:"always_rewrite"`
		UnboundLogins  string   `yaml:"unbound_logins"`
		Mode           string   `yaml:"mode"`
	}
	rawSRS struct {
		Secrets            string   `yaml:"secrets"`
		MaxAge             duration `yaml:"max_age"`
		AcceptClassic      bool     `yaml:"accept_classic"`
		AcceptClassicUntil date     `yaml:"accept_classic_until"`
		ClassicHashMin     int      `yaml:"classic_hash_min"`
	}
	rawDNS struct {
		Servers      []string `yaml:"servers"`
		Timeout      duration `yaml:"timeout"`
		MaxPerSecond int      `yaml:"max_per_second"`
		PendingEvery duration `yaml:"pending_every"`
		ActiveEvery  duration `yaml:"active_every"`
		DemoteAfter  duration `yaml:"demote_after"`
	}
	rawHistory struct {
		Keep duration `yaml:"keep"`
	}
	rawMetrics struct {
		Listen  switchable `yaml:"listen"`
		Tenants []string   `yaml:"tenants"`
	}
	rawEvents struct {
		Webhook switchable `yaml:"webhook"`
		Secret  switchable `yaml:"secret"`
		Command []string   `yaml:"command"`
	}
	// rawTenant has pointers where a tenant overrides the platform's policy.
	rawTenant struct {
		ID            string        `yaml:"id"`
		Name          string        `yaml:"name"`
		Domains       []string      `yaml:"domains"`
		Authorization *string       `yaml:"authorization"`
		DKIM          []rawDKIM     `yaml:"dkim"`
		ReturnPath    string        `yaml:"return_path"`
		Submitters    rawSubmitters `yaml:"submitters"`
		RewriteFrom   *string       `yaml:"rewrite_from"`
		KeepEnvelope  *bool         `yaml:"keep_envelope"`
		AlwaysRewrite *[]string     `yaml:"always_rewrite"`
		Mode          *string       `yaml:"mode"`
		FromName      string        `yaml:"from_name"`
		BouncesTo     string        `yaml:"bounces_to"`
		Direct        rawDirect     `yaml:"direct"`
	}
	rawDirect struct {
		Domains  []string `yaml:"domains"`
		NextHop  string   `yaml:"next_hop"`
		TLS      *string  `yaml:"tls"`
		Envelope *string  `yaml:"envelope"`
	}
	// rawTenants is all of a file of tenants_dir, and the end of the main file.
	rawTenants struct {
		Tenants []rawTenant `yaml:"tenants"`
	}

	switchable string // empty: off
	duration   string // a duration
	size       string // of memory
	date       string // a day; YAML has a type of its own for one that is not quoted
)

// Where things are unless the main file, or a flag, says otherwise.
const (
	DefaultFile    = "/etc/onbehalf/onbehalf.yaml"
	DefaultSecrets = "/etc/onbehalf/srs.secrets"
)

// DefaultAdmin and DefaultSocketmap are where the daemon listens, beside the milter's sockets.
var (
	DefaultAdmin     = Socket{"unix", "/run/onbehalf/admin.sock"}
	DefaultSocketmap = Socket{"unix", "/var/spool/postfix/onbehalf/socketmap.sock"}
)

// defaults are what the main file need not say. platform.domains has one too, but
// it depends on platform.domain.
func defaults() map[string]any {
	return map[string]any{
		"listen":                 []any{"unix:/var/spool/postfix/onbehalf/milter.sock"},
		"socketmap":              DefaultSocketmap.String(),
		"admin":                  DefaultAdmin.String(),
		"state_dir":              "/var/lib/onbehalf",
		"keys_dir":               "/etc/onbehalf/keys",
		"tenants_dir":            "/etc/onbehalf/tenants.d",
		"limits.connections":     1000,
		"limits.memory":          "512MiB",
		"log.level":              "info",
		"log.format":             "text",
		"log.addresses":          true,
		"signing.engine":         "auto",
		"trust.networks":         []any{"127.0.0.0/8", "::1/128"},
		"trust.authenticated":    true,
		"trust.reinjected":       "as-received",
		"policy.unknown_domain":  "rewrite",
		"policy.unreadable_from": "reject",
		"policy.rewrite_from":    "always",
		"policy.keep_envelope":   true,
		"policy.always_rewrite": []any{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com",
			"live.com", "yahoo.com", "icloud.com", "aol.com"},
		"policy.unbound_logins": "allow",
		"policy.mode":           "enforce",
		"srs.secrets":           DefaultSecrets,
		"srs.max_age":           "30d",
		"srs.accept_classic":    false,
		"srs.classic_hash_min":  4,
		"dns.timeout":           "5s",
		"dns.max_per_second":    50,
		"dns.pending_every":     "5m",
		"dns.active_every":      "1h",
		"dns.demote_after":      "1h",
		"history.keep":          "400d",
	}
}

// tenantsOf takes the list of tenants out of values that the schema has checked: viper has nothing
// to lay over thousands of them.
func tenantsOf(s *schema, values map[string]any) []rawTenant {
	var all []rawTenant
	if tenants, found := values["tenants"]; found {
		s.keys["tenants"].fill(reflect.ValueOf(&all).Elem(), tenants)
		delete(values, "tenants")
	}
	return all
}

// layered lays defaults, a file and the environment over each other. It takes a new viper each
// time: an old one remembers keys that the file has lost.
func layered(file, env map[string]any) map[string]any {
	v := viper.New()
	for key, value := range defaults() {
		v.SetDefault(key, value)
	}
	v.MergeConfigMap(file) // always nil
	for key, value := range env {
		v.Set(key, value)
	}
	return v.AllSettings()
}

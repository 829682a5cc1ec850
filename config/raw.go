package config

import (
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// The configuration as it is written: every key, under the type it has in YAML.
// schema.go reads these types, so a key added here is known everywhere.
type (
	rawFile struct {
		Listen     []string    `mapstructure:"listen"`
		Socketmap  switchable  `mapstructure:"socketmap"`
		Admin      switchable  `mapstructure:"admin"`
		StateDir   string      `mapstructure:"state_dir"`
		KeysDir    string      `mapstructure:"keys_dir"`
		TenantsDir string      `mapstructure:"tenants_dir"`
		Log        rawLog      `mapstructure:"log"`
		Limits     rawLimits   `mapstructure:"limits"`
		Signing    rawSigning  `mapstructure:"signing"`
		Platform   rawPlatform `mapstructure:"platform"`
		Trust      rawTrust    `mapstructure:"trust"`
		Policy     rawPolicy   `mapstructure:"policy"`
		SRS        rawSRS      `mapstructure:"srs"`
		DNS        rawDNS      `mapstructure:"dns"`
		History    rawHistory  `mapstructure:"history"`
		rawTenants `mapstructure:",squash"`
	}
	rawLog struct {
		Level     string `mapstructure:"level"`
		Format    string `mapstructure:"format"`
		Addresses bool   `mapstructure:"addresses"`
	}
	rawSigning struct {
		Engine string `mapstructure:"engine"`
	}
	rawLimits struct {
		Connections int  `mapstructure:"connections"`
		Memory      size `mapstructure:"memory"`
	}
	rawPlatform struct {
		Name         string        `mapstructure:"name"`
		Domain       string        `mapstructure:"domain"`
		Domains      []string      `mapstructure:"domains"`
		From         string        `mapstructure:"from"`
		BounceDomain string        `mapstructure:"bounce_domain"`
		BouncesTo    string        `mapstructure:"bounces_to"`
		SendingIPs   []string      `mapstructure:"sending_ips"`
		SPFInclude   string        `mapstructure:"spf_include"`
		DKIM         []rawDKIM     `mapstructure:"dkim"`
		Submitters   rawSubmitters `mapstructure:"submitters"`
	}
	rawDKIM struct {
		Selector string `mapstructure:"selector"`
		Key      string `mapstructure:"key"`
	}
	rawSubmitters struct {
		Logins   []string `mapstructure:"logins"`
		Networks []string `mapstructure:"networks"`
	}
	rawTrust struct {
		Networks      []string `mapstructure:"networks"`
		Authenticated bool     `mapstructure:"authenticated"`
		Realm         string   `mapstructure:"realm"`
		Reinjected    string   `mapstructure:"reinjected"`
	}
	rawPolicy struct {
		UnknownDomain  string   `mapstructure:"unknown_domain"`
		UnreadableFrom string   `mapstructure:"unreadable_from"`
		RewriteFrom    string   `mapstructure:"rewrite_from"`
		KeepEnvelope   bool     `mapstructure:"keep_envelope"`
		AlwaysRewrite  []string `mapstructure:"always_rewrite"`
		UnboundLogins  string   `mapstructure:"unbound_logins"`
		Mode           string   `mapstructure:"mode"`
	}
	rawSRS struct {
		Secrets            string   `mapstructure:"secrets"`
		MaxAge             duration `mapstructure:"max_age"`
		AcceptClassic      bool     `mapstructure:"accept_classic"`
		AcceptClassicUntil date     `mapstructure:"accept_classic_until"`
		ClassicHashMin     int      `mapstructure:"classic_hash_min"`
	}
	rawDNS struct {
		Servers      []string `mapstructure:"servers"`
		Timeout      duration `mapstructure:"timeout"`
		MaxPerSecond int      `mapstructure:"max_per_second"`
		PendingEvery duration `mapstructure:"pending_every"`
		ActiveEvery  duration `mapstructure:"active_every"`
		DemoteAfter  duration `mapstructure:"demote_after"`
	}
	rawHistory struct {
		Keep duration `mapstructure:"keep"`
	}
	// rawTenant has pointers where a tenant overrides the platform's policy.
	rawTenant struct {
		ID            string        `mapstructure:"id"`
		Name          string        `mapstructure:"name"`
		Domains       []string      `mapstructure:"domains"`
		Authorization *string       `mapstructure:"authorization"`
		DKIM          []rawDKIM     `mapstructure:"dkim"`
		ReturnPath    string        `mapstructure:"return_path"`
		Submitters    rawSubmitters `mapstructure:"submitters"`
		RewriteFrom   *string       `mapstructure:"rewrite_from"`
		KeepEnvelope  *bool         `mapstructure:"keep_envelope"`
		AlwaysRewrite *[]string     `mapstructure:"always_rewrite"`
		Mode          *string       `mapstructure:"mode"`
		FromName      string        `mapstructure:"from_name"`
		BouncesTo     string        `mapstructure:"bounces_to"`
		Direct        rawDirect     `mapstructure:"direct"`
	}
	rawDirect struct {
		Domains  []string `mapstructure:"domains"`
		NextHop  string   `mapstructure:"next_hop"`
		TLS      *string  `mapstructure:"tls"`
		Envelope *string  `mapstructure:"envelope"`
	}
	// rawTenants is all of a file of tenants_dir, and the end of the main file.
	rawTenants struct {
		Tenants []rawTenant `mapstructure:"tenants"`
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
		"listen":                 []string{"unix:/var/spool/postfix/onbehalf/milter.sock"},
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
		"trust.networks":         []string{"127.0.0.0/8", "::1/128"},
		"trust.authenticated":    true,
		"trust.reinjected":       "as-received",
		"policy.unknown_domain":  "rewrite",
		"policy.unreadable_from": "reject",
		"policy.rewrite_from":    "always",
		"policy.keep_envelope":   true,
		"policy.always_rewrite": []string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com",
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

// fill takes the list of tenants out of values that the schema has checked. It is
// viper's work done by hand, for mapstructure takes ten times as long, which counts
// for thousands of tenants; and viper has nothing to lay over them.
func (r *rawTenants) fill(s *schema, values map[string]any) {
	if tenants, found := values["tenants"]; found {
		s.keys["tenants"].fill(reflect.ValueOf(&r.Tenants).Elem(), tenants)
		delete(values, "tenants")
	}
}

// decode lays defaults, a file and the environment over each other, and fills
// a raw type with the result. It takes a new viper each time: an old one remembers keys that
// the file has lost. The schemas have been checked, so an error here is a bug.
func decode(into any, defaults, file, env map[string]any) error {
	v := viper.New()
	for key, value := range defaults {
		v.SetDefault(key, value)
	}
	if err := v.MergeConfigMap(file); err != nil {
		return err
	}
	for key, value := range env {
		v.Set(key, value)
	}
	return v.UnmarshalExact(into, strictly)
}

// strictly turns off what viper does unasked: it would make 8 of 010, 30 ns of 30
// and a list of a text with commas.
func strictly(c *mapstructure.DecoderConfig) {
	c.WeaklyTypedInput = false
	c.DecodeHook = nil
	c.MatchName = func(key, field string) bool { return key == field }
}

package config

import (
	"log/slog"
	"runtime"
	"time"

	"onbehalf/tenant"
)

// Config is the whole configuration, checked.
type Config struct {
	Listen    []Socket // where Postfix finds the milter; never empty
	Socketmap Socket   // zero: off
	Admin     Socket   // zero: off
	StateDir  string
	KeysDir   string
	// TenantsDir need not exist when it is the default.
	TenantsDir string
	Log        Log
	Limits     Limits
	Engine     string           // signing.engine: auto, openssl or go
	Platform   *tenant.Platform // without Identities: those need the keys
	Tenants    []*tenant.Tenant // likewise
	Keys       []KeyFile        // the platform's first, then by tenant
	DNS        DNS
	// HistoryKeep is how long the daemon remembers what happened: a day at least.
	HistoryKeep time.Duration
	Metrics     Metrics
	Events      Events

	basis basis
	files map[string]tenantsFile // by path
}

// Events is who hears of what happens. The zero value: nobody.
type Events struct {
	Webhook    string          // an absolute URL of http or https; empty: none. Its path may be a password
	SecretFile string          // of Secrets
	Secrets    []tenant.Secret // octets that events are signed with, one or two
	Command    []string        // program and arguments; empty: none
}

// Log is how the daemon logs.
type Log struct {
	Level     slog.Level
	Format    string // text or json
	Addresses bool   // mail addresses may stand in the log
}

// Limits bound what the daemon uses.
type Limits struct {
	Connections int   // of Postfix to the milter, at once
	Memory      int64 // octets that messages under way may hold together
}

// DNS is how the tenants' DNS is watched.
type DNS struct {
	Servers      []string // host:port; empty: the system's
	Timeout      time.Duration
	MaxPerSecond int
	PendingEvery time.Duration
	ActiveEvery  time.Duration
	DemoteAfter  time.Duration
}

// KeyFile is one private key that the configuration names. Nothing here has
// looked into the file.
type KeyFile struct {
	Path       string            // as keys_dir makes it whole
	Identities []tenant.Identity // one for each domain that signs with it; Algorithm is empty
	Refused    []tenant.Identity // those of them that cannot be signed as; set by who reads the file
	Tenant     *tenant.Tenant    // nil: the platform's
	File       string            // the three say where the key is named, as a Finding does
	Item       string
	Key        string
	at         position
}

// Finding returns a finding about this key, to stand in line with those of Load.
func (k KeyFile) Finding(level Level, cause, remedy string) Finding {
	return Finding{Level: level, File: k.File, Item: k.Item, Key: k.Key, Cause: cause, Remedy: remedy, at: k.at}.redacted()
}

// Load reads the main file at path, the environment (as os.Environ returns it) and
// the tenants' files. The Config is never nil, but when the findings are Fatal it
// holds only what could be read: enough to find more mistakes, and for nothing else.
func Load(path string, env []string) (*Config, Findings) {
	conf, findings, rest := newLoader(nil, Before{}, runtime.GOMAXPROCS(0), func() {}).run(path, env)
	return conf, findings.limited(rest)
}

// LoadBeside is Load for a daemon that has other work: on one processor, and pause is called
// every few microseconds of it, one call at a time. Files of tenants_dir that have not changed are not
// read again. Tenants that have no keys and are as they were before are the same pointers, which
// Identify does not write to.
func LoadBeside(path string, env []string, before Before, pause func()) (*Config, Findings) {
	l := newLoader(nil, before, 1, pause)
	conf, findings, rest := l.run(path, env)
	if len(l.kept) > 0 && (l.disputed || findings.Fatal() || l.overtaken()) {
		conf, findings, rest = newLoader(nil, Before{Table: before.Table}, 1, pause).run(path, env)
	}
	return conf, findings.limited(rest)
}

func newLoader(left *leftOut, before Before, processors int, pause func()) *loader {
	return &loader{config: &Config{Platform: &tenant.Platform{}, files: map[string]tenantsFile{}}, claims: newClaims(),
		nextHops: map[tenant.NextHop]*entry{}, processors: processors, pause: pause, left: left, before: before}
}

// run loads; rest counts the findings that were not kept.
func (l *loader) run(path string, env []string) (conf *Config, findings Findings, rest counts) {
	l.load(path, env)
	for _, d := range l.documents {
		if l.left != nil && d.rank > 0 && d.isFull(Error) { // not all of its tenants with errors are named
			l.left.items[itemOf{d.file, ""}] = true
		}
		for level, kept := range d.findings.byLevel() {
			if !l.left.inFile(d.file) {
				rest[level] += d.counts[level] - kept
			}
		}
		findings = append(findings, d.findings...)
	}
	findings.Sort()
	return l.config, findings, rest
}

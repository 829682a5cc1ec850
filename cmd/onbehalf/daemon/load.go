package daemon

import (
	"os"
	"runtime"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// Load is the one way from files to a table to serve by: start, reload, check-config and all other
// commands use it. When the findings are fatal there is no Generation.
func Load(path string) (*Generation, config.Findings) {
	return loadAfter(nil, path, func(*config.Config) keys.Loader { return keys.Loader{} })
}

// LoadRest is Load for a command about one tenant, which errors of other tenants do not stop: those
// are left out, and broken says why.
func LoadRest(path string) (now *Generation, findings, broken config.Findings) {
	conf, findings, broken := config.LoadRest(path, os.Environ())
	now, findings = finish(path, nil, conf, findings, func(*config.Config) keys.Loader { return keys.Loader{} }, runtime.GOMAXPROCS(0), func() {})
	return now, findings, broken
}

// loadAfter loads again what another generation (nil: none) was loaded from. A daemon has a
// loader that makes its keys sign fast; commands, which sign nothing, have none.
func loadAfter(before *Generation, path string, loader func(*config.Config) keys.Loader) (*Generation, config.Findings) {
	if before == nil {
		conf, findings := config.Load(path, os.Environ())
		return finish(path, nil, conf, findings, loader, runtime.GOMAXPROCS(0), func() {})
	}
	pause := breather()
	conf, findings := config.LoadBeside(path, os.Environ(), before.before(), pause)
	return finish(path, before, conf, findings, loader, 1, pause)
}

// before returns a generation as what the next load starts from; of nil, nothing.
func (g *Generation) before() config.Before {
	if g == nil {
		return config.Before{}
	}
	return config.Before{Config: g.Config, Table: g.table.Snapshot()}
}

// finish adds keys and table to a configuration.
func finish(path string, before *Generation, conf *config.Config, findings config.Findings,
	loader func(*config.Config) keys.Loader, processors int, pause func()) (*Generation, config.Findings) {
	now := &Generation{Config: conf, ring: new(keys.Ring), loader: loader(conf), survey: surveyOf(conf.Tenants, pause)}
	now.readKeys(before, processors)
	for i := range conf.Keys {
		findings = append(findings, addKey(now.ring, &conf.Keys[i], now.files[conf.Keys[i].Path])...)
	}
	conf.Identify(now.ring.Held)
	findings = append(findings, ed25519Alone(conf)...)
	findings = append(findings, pathConflicts(now.survey.paths)...)
	findings = append(findings, directUnserved(path, conf.Socketmap, now.survey.direct)...)
	if before != nil {
		findings = findings.AtReload()
	}
	findings.Sort()
	findings = findings.Limited()
	if findings.Fatal() {
		return nil, findings
	}
	var table *tenant.Table
	if before != nil {
		table = before.table
	}
	var err error
	if now.table, err = tenant.NewTableAfter(table, conf.Platform, conf.Tenants, pause); err != nil {
		return nil, append(findings, config.Finding{File: path, Cause: err.Error(), Remedy: "report this as a bug of onbehalf"})
	}
	return now, findings
}

// Reloadable reports whether a reload takes what was loaded, by the findings of a reload. A start
// may risk a file that may be truncated, or that may not be read; a reload has something to lose.
func Reloadable(next *Generation, findings config.Findings) bool {
	return next != nil && !findings.Truncated() && !findings.Fatal()
}

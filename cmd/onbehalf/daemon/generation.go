package daemon

import (
	"context"
	"fmt"
	"reflect"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// Generation is one generation of configuration: what the files said, and what was made of them. A
// reload makes another one aside and swaps the pointer. Nothing in it changes after that, but the
// standings in the table and the observations that are kept.
type Generation struct {
	*config.Config
	table  *tenant.Table
	ring   *keys.Ring
	files  map[string]keyFile // by path
	loader keys.Loader        // that the ring's keys came by
	survey survey
	// unproved are keys that sign by crypto/rsa until they are proved, beside mail.
	unproved *backlog

	dns  servers         // empty until the daemon watches by them
	kept *authorize.Kept // likewise: what DNS answered last
	// questions counts those of the watch, over all generations; nil: nothing is counted.
	questions *resolve.Counts
}

// Summary says what was loaded, in the words that check-config promises.
func (g *Generation) Summary() string {
	held := 0
	for _, file := range g.Keys {
		if g.KeyError(file.Path) == nil {
			held++
		}
	}
	return fmt.Sprintf("ok: %d tenants, %d domains, %d keys", len(g.Tenants), g.survey.domains, held)
}

// survey is what is asked of all tenants, who are visited once: a million take a while.
type survey struct {
	domains int              // that all have together
	auto    bool             // the DNS of one at least decides
	direct  int              // have mail delivered directly
	paths   []*tenant.Tenant // have a return path
}

func surveyOf(tenants []*tenant.Tenant, pause func()) (s survey) {
	for _, t := range tenants {
		pause()
		s.domains += len(t.Domains)
		s.auto = s.auto || t.Authorization == tenant.Auto
		if len(t.Direct.Domains) > 0 {
			s.direct++
		}
		if !t.ReturnPath.IsZero() {
			s.paths = append(s.paths, t)
		}
	}
	return s
}

// KeyError returns why a key file that the configuration names cannot be used; nil: it was read.
func (g *Generation) KeyError(path string) error { return g.files[path].err }

// NewResolver returns a client of the DNS servers that the configuration names.
func (g *Generation) NewResolver() (*resolve.Client, error) {
	return resolve.New(resolve.Options{Servers: g.DNS.Servers, Timeout: g.DNS.Timeout, MaxPerSecond: g.DNS.MaxPerSecond, Counts: g.questions})
}

// prepare makes what the watcher works by. A reload that leaves dns as it was keeps the resolver,
// and with it the count of questions a second.
func (g *Generation) prepare(before *Generation) {
	if before == nil {
		g.kept, g.questions = new(authorize.Kept), new(resolve.Counts)
	} else {
		g.kept, g.questions = before.kept, before.questions
	}
	if before != nil && reflect.DeepEqual(before.DNS, g.DNS) {
		g.dns = before.dns
		return
	}
	g.dns = g.findServers()
}

// The methods below make it a milter.Source and a watch.Source, where their contracts stand.

// Table returns the tenants and their standings.
func (g *Generation) Table() *tenant.Table { return g.table }

// Ring returns the keys that the platform and the tenants sign with.
func (g *Generation) Ring() *keys.Ring { return g.ring }

// LogAddresses is of milter.Source.
func (g *Generation) LogAddresses() bool { return g.Log.Addresses }

// MessageMemory is of milter.Source.
func (g *Generation) MessageMemory() int64 { return g.Limits.Memory }

// Look is of watch.Source.
func (g *Generation) Look(ctx context.Context, t authorize.Target) authorize.Report {
	return authorize.Observer{DNS: g.dns.client, Platform: g.Platform, Kept: g.kept}.Look(ctx, t)
}

// Resolver is of watch.Source.
func (g *Generation) Resolver() any { return g.dns.client }

// Rules is of watch.Source.
func (g *Generation) Rules() authorize.Rules {
	return authorize.Rules{PendingEvery: g.DNS.PendingEvery, ActiveEvery: g.DNS.ActiveEvery, DemoteAfter: g.DNS.DemoteAfter}
}

// Kept is of watch.Source.
func (g *Generation) Kept() *authorize.Kept { return g.kept }

// MaxPerSecond is of watch.Source.
func (g *Generation) MaxPerSecond() int { return g.DNS.MaxPerSecond }

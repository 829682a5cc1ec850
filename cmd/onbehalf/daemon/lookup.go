package daemon

import (
	"context"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// What dns and check look up for a tenant follows from a Generation, by whoever it was loaded: the
// command itself or, for who may not read the files, the daemon.

// Advisor works out the records to publish.
func (g *Generation) Advisor(host string) publish.Advisor {
	return publish.Advisor{Platform: g.Platform, Tenants: g.Tenants, Keys: g.Ring(), Hostname: host}
}

// Sheet looks up what a tenant (nil: the platform) has published, by a client of DNS, and returns
// what it is to publish.
func (g *Generation) Sheet(ctx context.Context, dns resolve.Asker, a publish.Advisor, t *tenant.Tenant) publish.Sheet {
	advise := func(answers resolve.Answers) publish.Sheet {
		if t == nil {
			return a.Own(answers, g.Tenants)
		}
		return a.Tenant(answers, t)
	}
	o, _ := authorize.Observe(ctx, dns, g.Platform, nil, func(answers resolve.Answers) { advise(answers) })
	return advise(o)
}

// lookUp answers who asks the daemon for what a command would look up: dns or check.
func (d *daemon) lookUp(ctx context.Context, what, host string, t *tenant.Tenant) (any, error) {
	now := d.current.Load()
	if what == "dns" {
		return now.Sheet(ctx, now.dns.client, now.Advisor(host), t), nil
	}
	return d.options.Check(ctx, now, now.dns.client, host, t)
}

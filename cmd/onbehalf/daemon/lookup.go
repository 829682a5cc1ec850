package daemon

import (
	"context"
	"errors"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// What dns and check look up for a tenant follows from a Generation, by whoever it was loaded: the
// command itself or, for who may not read the files, the daemon.

// CheckSource is what check judges by; host is the name of this one.
func (g *Generation) CheckSource(host string) check.Source {
	return check.Source{Table: g.Table(), Keys: g.Ring(), Refused: g.refused(), Hostname: host}
}

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

// result checks one tenant; nil: the platform. The table of the check has nobody else in it, for
// that of all tenants takes long to make.
func (g *Generation) result(ctx context.Context, host string, t *tenant.Tenant) (check.Result, error) {
	var alone []*tenant.Tenant
	if t != nil {
		alone = append(alone, t)
	}
	table, err := tenant.NewTable(g.Platform, alone)
	if err != nil {
		return check.Result{}, err
	}
	s := g.table.Snapshot()
	err = s.EachStanding(func(one *tenant.Standing) {
		if owner, _ := s.Owner(one.Domain); owner == t || owner == nil {
			table.SetStandings(*one) // a table takes any
		}
	})
	if err != nil {
		return check.Result{}, err
	}
	source := g.CheckSource(host)
	source.Table = table
	c, err := check.New(source)
	if err != nil {
		return check.Result{}, err
	}
	return c.Judge(c.Observe(ctx, g.resolver, t), t), nil
}

// lookUp answers who asks the daemon for what a command would look up: dns or check.
func (d *daemon) lookUp(ctx context.Context, what, host string, t *tenant.Tenant) (any, error) {
	now := d.current.Load()
	if what == "dns" {
		return now.Sheet(ctx, now.resolver, now.Advisor(host), t), nil
	}
	return now.result(ctx, host, t)
}

// refused returns the keys that the configuration names and that are not signed with, by tenant id.
func (g *Generation) refused() map[string][]check.RefusedKey {
	all := make(map[string][]check.RefusedKey)
	for _, file := range g.Keys {
		id := ""
		if file.Tenant != nil {
			id = file.Tenant.ID
		}
		for _, one := range file.Refused {
			all[id] = append(all[id], check.RefusedKey{Identity: one, Cause: causeOf(file.Path, g.KeyError(file.Path))})
		}
	}
	return all
}

// causeOf says why a key is left out.
func causeOf(path string, err error) string {
	if bad := new(remedy.Error); errors.As(err, &bad) {
		return "its key cannot be read: " + path + ": " + bad.Cause
	} else if err != nil {
		return "its key cannot be read: " + err.Error()
	}
	return "its key is left out: another one has the same name"
}

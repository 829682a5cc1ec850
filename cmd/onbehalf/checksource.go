package main

import (
	"context"
	"errors"

	"onbehalf/authorize/resolve"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/postfix"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// checkSource is what check judges by; host is the name of this one, and helo the one in HELO, if
// that is known.
func checkSource(g *daemon.Generation, host, helo string) check.Source {
	return check.Source{Table: g.Table(), Keys: g.Ring(), Refused: refused(g), Hostname: host, HELO: helo}
}

// heloOf returns the name in HELO: that of the mail host, if it is given, else what the Postfix on
// this host says. One that does not call onbehalf sends other mail than the platform's.
func heloOf(ctx context.Context, now *daemon.Generation, host string) string {
	if host != "" {
		return host
	}
	mta, err := postfix.Instance("").Read(ctx)
	if err != nil {
		return ""
	}
	for _, socket := range now.Listen {
		w := setup.WantedOf(now.Config)
		w.Milter = socket.String()
		if mta.Calls("smtpd_milters", w) || mta.Calls("non_smtpd_milters", w) {
			return mta.HELO()
		}
	}
	return ""
}

// checkOne checks one tenant; nil: the platform. The table of the check has nobody else in it, for
// that of all tenants takes long to make.
func checkOne(ctx context.Context, g *daemon.Generation, dns *resolve.Client, host string, t *tenant.Tenant) (any, error) {
	var alone []*tenant.Tenant
	if t != nil {
		alone = append(alone, t)
	}
	table, err := tenant.NewTable(g.Platform, alone)
	if err != nil {
		return nil, err
	}
	s := g.Table().Snapshot()
	err = s.EachStanding(func(one *tenant.Standing) {
		if owner, _ := s.Owner(one.Domain); owner == t || owner == nil {
			table.SetStandings(*one) // a table takes any
		}
	})
	if err != nil {
		return nil, err
	}
	source := checkSource(g, host, "") // the daemon cannot ask Postfix
	source.Table = table
	c, err := check.New(source)
	if err != nil {
		return nil, err
	}
	return c.Judge(c.Observe(ctx, dns, t), t), nil
}

// refused returns the keys that the configuration names and that are not signed with, by tenant id.
func refused(g *daemon.Generation) map[string][]check.RefusedKey {
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

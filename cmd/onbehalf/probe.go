package main

import (
	"context"
	"time"

	"onbehalf/cmd/onbehalf/probe"
	"onbehalf/message"
)

// runProbe looks at a tenant's own mail server.
func (p *program) runProbe(ctx context.Context, id, mailHost string, asJSON bool) error {
	if id == "" {
		return misuse("--probe looks at one tenant's mail server: name the tenant")
	}
	if mailHost != "" {
		if _, err := message.ParseDomain(mailHost); err != nil {
			return misuse("--mail-host: %w", err)
		}
	}
	now, _, err := p.needRest()
	if err != nil {
		return err
	}
	t, err := tenantOf(now, id)
	if err != nil {
		return err
	}
	p.recall(now, t)
	s := now.Table().Snapshot()
	if t.Direct.NextHop.IsZero() || len(t.Direct.Domains) == 0 {
		return misuse("tenant %s has no direct.next_hop, so there is no server to probe; write direct: {domains: [...], next_hop: \"[HOST]:25\"} "+
			"into the tenant's entry", t.ID)
	}
	client, err := now.NewResolver()
	if err != nil {
		return err
	}
	self, err := probe.ThisHost(ctx, mailHost, now.Platform.SendingIPs)
	if err != nil {
		return err
	}
	one := probe.New(self, client, t, s, time.Now())
	one.TLS = s.AtNextHop(t.Direct.NextHop)[0].Direct.TLS // the strictest
	result := probe.Judge(one.Run(ctx), time.Now())
	if asJSON {
		if err := printJSON(p.out, result); err != nil {
			return err
		}
	} else {
		result.Print(p.out)
	}
	if !result.Accepted {
		return errSaid
	}
	return nil
}

package main

import (
	"fmt"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
	"onbehalf/tenant"
)

// need loads for a command that cannot go on without; findings go to standard
// error.
func (p *program) need() (*daemon.Generation, error) {
	now, findings := daemon.Load(p.config)
	if now == nil {
		daemon.PrintFindings(p.err, findings)
		return nil, fmt.Errorf("the configuration is not usable; fix the errors above, then: onbehalf check-config --config %s", p.config)
	}
	return now, nil
}

// recall has what the daemon saved last decide, for a command that is to say what the daemon would.
// Without it, all tenants with authorization auto look unauthorized, and standard error says so.
func (p *program) recall(now *daemon.Generation) {
	if err := now.Recall(); err != nil {
		fmt.Fprintf(p.err, "onbehalf: what the daemon knows of tenants' DNS is not known here: %v\n", err)
	}
}

// tenantOf returns the tenant that an argument means: see tenant.Snapshot.Find.
func tenantOf(now *daemon.Generation, text string) (*tenant.Tenant, error) {
	found, hint := now.Table().Snapshot().Find(text)
	if found == nil {
		return nil, fmt.Errorf("there is no tenant %s%s", config.Quoted(text), hint)
	}
	return found, nil
}

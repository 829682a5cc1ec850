package main

import (
	"errors"
	"fmt"
	"strings"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
	"onbehalf/store"
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
	known, err := p.known(now)
	if err == nil {
		err = now.Recall(known)
	}
	if err != nil {
		fmt.Fprintf(p.err, "onbehalf: what the daemon knows of tenants' DNS is not known here: %v\n", err)
	}
}

// known returns the standings that the daemon knows or, while none runs, has saved.
func (p *program) known(now *daemon.Generation) ([]tenant.Standing, error) {
	asked := errors.New("the admin socket is off")
	if !now.Admin.IsZero() {
		var all []tenant.Standing
		client := adminClient{socket: now.Admin, listen: now.Listen}
		if all, asked = client.standings(); asked == nil {
			return all, nil
		}
	}
	all, err := store.ReadStandings(now.StateDir)
	if errors.Is(err, store.ErrLocked) {
		err = fmt.Errorf("%w, and cannot be asked: %w", err, asked)
	}
	return all, err
}

// noTenant names those that there are, if they are few.
func noTenant(id string, now *daemon.Generation) error {
	const most = 20
	if len(now.Tenants) == 0 {
		return fmt.Errorf("there is no tenant %s, nor any other", config.Quoted(id))
	}
	var ids []string
	for _, t := range now.Tenants {
		ids = append(ids, t.ID)
	}
	known := strings.Join(ids[:min(len(ids), most)], ", ")
	if len(ids) > most {
		known += fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return fmt.Errorf("there is no tenant %s; there are: %s", config.Quoted(id), known)
}

package main

import (
	"errors"
	"fmt"
	"slices"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/store"
	"onbehalf/tenant"
)

// need loads for a command that cannot go on without; findings go to standard
// error.
func (p *program) need() (*daemon.Generation, error) {
	now, findings := daemon.Load(p.config)
	if now == nil {
		return nil, p.unusable(findings)
	}
	return now, nil
}

// unusable prints what is wrong, and returns the error. That this user may not read the files is
// nothing to fix: whoever reads the keys can sign as everybody.
func (p *program) unusable(findings config.Findings) error {
	denied := slices.ContainsFunc(findings, func(f config.Finding) bool { return f.Denied })
	if denied && !slices.ContainsFunc(findings, func(f config.Finding) bool { return f.Level == config.Error && !f.Denied }) {
		return fmt.Errorf("you may not read all of the configuration in %s; run this as root", p.config)
	}
	daemon.PrintFindings(p.err, findings)
	return fmt.Errorf("the configuration is not usable; fix the errors above, then: onbehalf check-config --config %s", p.config)
}

// needRest loads for a command that is about one tenant, or one message. Other tenants that have
// errors do not stop it; standard error says which they are, and whole is false.
func (p *program) needRest() (now *daemon.Generation, whole bool, err error) {
	const most = 5
	now, findings, broken := daemon.LoadRest(p.config)
	if now == nil {
		return nil, false, p.unusable(findings)
	}
	daemon.PrintFindings(p.err, broken[:min(len(broken), most)])
	if len(broken) > 0 {
		p.sayLine("onbehalf: what has these errors is left out here, and no reload takes the configuration; onbehalf check-config shows all that is wrong")
	}
	return now, len(broken) == 0, nil
}

// recall has what the daemon saved last decide, for a command that is to say what the daemon would.
// Where the command is about one tenant, it need not be all. Without it, all tenants with
// authorization auto look unauthorized, and standard error says so.
func (p *program) recall(now *daemon.Generation, only *tenant.Tenant) {
	known, err := p.known(now, about(now.Platform, only))
	if err == nil {
		err = now.Recall(known)
	}
	if err != nil {
		fmt.Fprintf(p.err, "onbehalf: what the daemon knows of tenants' DNS is not known here: %v\n", err)
	}
}

// about returns whose standings decide about mail of a tenant: its own domains, those below its
// wildcards and the platform's. Nil: all.
func about(platform *tenant.Platform, t *tenant.Tenant) (of []tenant.Pattern) {
	if t == nil {
		return nil
	}
	for _, p := range t.Domains {
		of = append(of, tenant.Pattern{Domain: p.Domain})
		if p.Wildcard {
			of = append(of, p)
		}
	}
	for _, d := range []message.Domain{platform.Domain, platform.FromDomain, platform.Bounce} {
		if !d.IsZero() {
			of = append(of, tenant.Pattern{Domain: d})
		}
	}
	return of
}

// known returns the standings of some domains, or of all, that the daemon knows or, while none runs,
// has saved.
func (p *program) known(now *daemon.Generation, of []tenant.Pattern) ([]tenant.Standing, error) {
	asked := errors.New("the admin socket is off")
	if !now.Admin.IsZero() {
		var all []tenant.Standing
		client := adminClient{socket: now.Admin, listen: now.Listen}
		if all, asked = client.standings(of); asked == nil {
			return all, nil
		}
	}
	all, err := store.ReadStandings(now.StateDir)
	if errors.Is(err, store.ErrLocked) {
		err = fmt.Errorf("%w, and cannot be asked: %w", err, asked)
	}
	return all, err
}

// tenantOf returns the tenant that an argument means: see tenant.Snapshot.Find.
func tenantOf(now *daemon.Generation, text string) (*tenant.Tenant, error) {
	found, hint := now.Table().Snapshot().Find(text)
	if found == nil {
		return nil, fmt.Errorf("there is no tenant %s%s", config.Quoted(text), hint)
	}
	return found, nil
}

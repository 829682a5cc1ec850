package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/check"
	"onbehalf/config"
	"onbehalf/keys"
)

func (p *program) check() *cobra.Command {
	var asJSON, probes bool
	var mailHost string
	cmd := &cobra.Command{
		Use:   "check [TENANT]",
		Short: "Look into DNS now: what is there, what is wrong, what a receiver says",
		Long: `Look into the DNS of the tenant of that id as it is now; without an id, into that of
the platform and of all tenants. For each mechanism it says what is found, what is
wanted, what is wrong in words and what to do; then by which row of the decision table a
message leaves, and what a receiver says of it. The daemon need not run, and does not
learn of it. Exit status 0 only when everything that is wanted is there.

With --probe it does not look into DNS, but at the tenant's own mail server
(direct.next_hop), from this host and as Postfix would: its addresses, greeting, TLS and
certificate, and whether it takes our envelope senders and the postmaster as recipient. It
stops before DATA, so that no message is sent. Exit status 0 only when mail would be
accepted.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case mailHost != "" && !probes:
				return misuse("--mail-host goes with --probe")
			case probes:
				return p.runProbe(cmd.Context(), strings.Join(args, ""), mailHost, asJSON)
			}
			return p.runCheck(cmd.Context(), strings.Join(args, ""), len(args) == 0, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	cmd.Flags().BoolVar(&probes, "probe", false, "look at the tenant's mail server instead, without sending mail")
	cmd.Flags().StringVar(&mailHost, "mail-host", "", "with --probe: name to say in EHLO (default: that of Postfix, else of this machine)")
	return cmd
}

func (p *program) runCheck(ctx context.Context, id string, everyone, asJSON bool) error {
	now, err := p.need()
	if err != nil {
		return err
	}
	client, err := newResolver(now.DNS)
	if err != nil {
		return err
	}
	one := now.table.Snapshot().Tenant(id)
	if !everyone && one == nil {
		return noTenant(id, now)
	}
	p.recall(now)
	host, _ := os.Hostname()
	c, err := check.New(check.Source{Table: now.table, Keys: now.ring, Refused: now.refused(), Hostname: host})
	if err != nil {
		return err
	}
	var results []check.Result
	fine := true
	take := func(r check.Result) {
		fine = fine && r.Fine
		if asJSON {
			results = append(results, r)
			return
		}
		r.Print(p.out)
	}
	if everyone {
		take(c.Judge(c.Observe(ctx, client, nil), nil))
	}
	for _, t := range now.Tenants {
		if everyone || t == one {
			take(c.Judge(c.Observe(ctx, client, t), t))
		}
	}
	if asJSON {
		if err := printJSON(p.out, results); err != nil {
			return err
		}
	}
	if !fine {
		return errSaid
	}
	return nil
}

// refused gives the keys that the configuration names and nobody signs with, by tenant id.
func (l *loaded) refused() map[string][]check.RefusedKey {
	all := make(map[string][]check.RefusedKey)
	for _, file := range l.Keys {
		id := ""
		if file.Tenant != nil {
			id = file.Tenant.ID
		}
		for _, one := range file.Refused {
			all[id] = append(all[id], check.RefusedKey{Identity: one, Cause: l.causeOf(file)})
		}
	}
	return all
}

// causeOf says why a key is left out.
func (l *loaded) causeOf(file config.KeyFile) string {
	err := l.files[file.Path].err
	if bad := new(keys.Error); errors.As(err, &bad) {
		return "its key cannot be read: " + file.Path + ": " + bad.Cause
	} else if err != nil {
		return "its key cannot be read: " + err.Error()
	}
	return "its key is left out: another one has the same name"
}

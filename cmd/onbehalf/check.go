package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/check"
)

func (p *program) check() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [TENANT]",
		Short: "Look into DNS now: what is there, what is wrong, what a receiver says",
		Long: `Look into the DNS of the tenant of that id as it is now; without an id, into that of
the platform and of all tenants. For each mechanism it says what is found, what is
wanted, what is wrong in words and what to do; then by which row of the decision table a
message leaves, and what a receiver says of it. The daemon need not run, and does not
learn of it. Exit status 0 only when everything that is wanted is there.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runCheck(cmd.Context(), strings.Join(args, ""), len(args) == 0, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
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
	c := check.Checker{Table: now.table, Keys: now.ring, DNS: client, Known: p.recall(now)}
	c.Hostname, _ = os.Hostname()
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
		take(c.Platform(ctx))
	}
	for _, t := range now.Tenants {
		if everyone || t == one {
			take(c.Tenant(ctx, t))
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

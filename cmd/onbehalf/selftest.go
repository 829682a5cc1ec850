package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/selftest"
	"onbehalf/message"
	"onbehalf/postfix"
	"onbehalf/rewrite"
)

func (p *program) selftest() *cobra.Command {
	var q selftestOptions
	cmd := &cobra.Command{
		Use:   "selftest --to ADDRESS",
		Short: "Send a mailbox two messages, as the platform and on behalf of a tenant",
		Long: `Send two messages that are marked alike to a mailbox of yours at some receiver, through
the Postfix of this host: one as the platform, one on behalf of a tenant. Print what
onbehalf is expected to make of each, what to look for at the receiver, and what each
outcome means. Nothing is sent if Postfix or onbehalf would not treat them like the
application's mail. Exit status 0 when Postfix accepted both.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runSelftest(cmd.Context(), q) },
	}
	cmd.Flags().StringVar(&q.to, "to", "", "the mailbox to look into")
	cmd.Flags().StringVar(&q.tenant, "tenant", "", "the tenant: its id, a domain or an address (default: the first in the configuration)")
	cmd.Flags().StringVar(&q.from, "from", "", "the tenant's address to send as (default: its bounces_to, else its postmaster)")
	cmd.Flags().StringVar(&q.smtp, "smtp", "127.0.0.1:25", "where Postfix listens")
	hostFlag(cmd, &q.host)
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print plans and replies as JSON")
	cmd.MarkFlagRequired("to")
	return cmd
}

// selftestOptions is what selftest is asked.
type selftestOptions struct {
	to, tenant, from, smtp, host string
	asJSON                       bool
}

func (p *program) runSelftest(ctx context.Context, q selftestOptions) error {
	r := selftest.Request{SMTP: q.smtp}
	var err error
	if r.To, err = message.ParseAddress(q.to); err != nil {
		return misuse("--to: %w", err)
	}
	if r.From, err = message.ParseAddress(q.from); err != nil && q.from != "" {
		return misuse("--from: %w", err)
	}
	if _, _, err := net.SplitHostPort(q.smtp); err != nil {
		return misuse("--smtp: %w; write HOST:PORT", err)
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	if _, ours, _ := rewrite.Route(message.Path{}, message.PathOf(r.To), now.Table().Snapshot(), time.Now()); ours {
		return misuse("--to: %s is a bounce or reply address of ours; give a mailbox that you can look into", r.To)
	}
	switch all := now.Table().Tenants(); {
	case len(all) == 0:
		return errors.New("the configuration has no tenant; add one to tenants_dir first")
	case q.tenant == "":
		q.tenant = all[0].ID
		p.sayLine("testing with tenant %s, the first of %d; choose another by --tenant", q.tenant, len(all))
	}
	if r.Tenant, err = tenantOf(now, q.tenant); err != nil {
		return err
	}
	r.Host = postfix.Instance("").Hostname(ctx, q.host)
	p.recall(now, r.Tenant)
	t, err := selftest.New(r, now.Table().Snapshot())
	if err != nil {
		return err
	}
	if q.asJSON {
		t.RunQuietly()
		err = printJSON(p.out, t)
	} else {
		err = t.Run(p.out)
	}
	if err == nil && !t.Accepted() {
		return errSaid
	}
	return err
}

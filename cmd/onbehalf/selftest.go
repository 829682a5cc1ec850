package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

func (p *program) selftest() *cobra.Command {
	var q wish
	cmd := &cobra.Command{
		Use:   "selftest --to ADDRESS",
		Short: "Send a mailbox two messages, as the platform and on behalf of a tenant",
		Long: `Send two messages that are marked alike to a mailbox of yours at some receiver, through
the Postfix of this host: one as the platform, one on behalf of a tenant. Print what
onbehalf is expected to make of each, what to look for at the receiver, and what each
outcome means. Nothing is sent if Postfix or onbehalf would not treat them like the
application's mail. Exit status 0 when Postfix took both.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.runSelftest(q) },
	}
	cmd.Flags().StringVar(&q.to, "to", "", "the mailbox to look into")
	cmd.Flags().StringVar(&q.tenant, "tenant", "", "id of the tenant (default: the first in the configuration)")
	cmd.Flags().StringVar(&q.from, "from", "", "the tenant's address to send as (default: its bounces_to, else its postmaster)")
	cmd.Flags().StringVar(&q.smtp, "smtp", "127.0.0.1:25", "where Postfix listens")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print plans and replies as JSON")
	cmd.MarkFlagRequired("to")
	return cmd
}

// wish is what selftest is asked.
type wish struct {
	to, tenant, from, smtp string
	asJSON                 bool
}

// selftest is two messages to one mailbox.
type selftest struct {
	Token    string          `json:"token"` // stands in Subject and X-Onbehalf-Selftest of both
	To       message.Address `json:"to"`
	SMTP     string          `json:"smtp"`
	TenantID string          `json:"tenant"`
	Messages []*sample       `json:"messages"` // as the platform, then on behalf of the tenant

	client   netip.Addr // that Postfix sees us come from
	tenant   *tenant.Tenant
	snapshot *tenant.Snapshot
}

// sample is one of the two, and what became of it.
type sample struct {
	As      string          `json:"as"` // platform or tenant
	From    message.Address `json:"from"`
	Plan    rewrite.Plan    `json:"expected"`
	QueueID string          `json:"queue_id,omitempty"` // that Postfix gave it
	Reply   string          `json:"reply,omitempty"`    // the last one of Postfix
	Error   string          `json:"error,omitempty"`    // why it was not sent, or not taken

	title   string
	message message.Message
	body    []byte
}

func (p *program) runSelftest(q wish) error {
	to, err := message.ParseAddress(q.to)
	if err != nil {
		return misuse("--to: %w", err)
	}
	if _, _, err := net.SplitHostPort(q.smtp); err != nil {
		return misuse("--smtp: %w; write HOST:PORT", err)
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	p.recall(now)
	t := &selftest{Token: rand.Text()[:6], To: to, SMTP: q.smtp, snapshot: now.table.Snapshot()}
	if err := t.prepare(q, now, p.err); err != nil {
		return err
	}
	if q.asJSON {
		return t.runSilently(p.out)
	}
	return t.runAloud(p.out)
}

func (t *selftest) prepare(q wish, now *loaded, talk io.Writer) (err error) {
	if _, ours, _ := rewrite.Route(message.Path{}, message.PathOf(t.To), t.snapshot, time.Now()); ours {
		return misuse("--to: %s leads back to us; give a mailbox that you can look into", t.To)
	}
	if t.tenant, err = chooseTenant(q.tenant, now.table.Tenants(), talk); err != nil {
		return err
	}
	t.TenantID = t.tenant.ID
	from, err := t.tenantAddress(q.from)
	if err != nil {
		return err
	}
	if t.client, err = clientOf(t.SMTP); err != nil {
		return fmt.Errorf("--smtp: %w; give the HOST:PORT where Postfix listens", err)
	}
	platform := t.snapshot.Platform()
	t.Messages = []*sample{
		t.write("platform", platform.Name, t.platformAddress(), "as "+platform.Name),
		t.write("tenant", t.tenant.Name, from, "on behalf of "+t.tenant.Name),
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/authorize/publish"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/message"
	"onbehalf/postfix"
	"onbehalf/tenant"
	"onbehalf/term"
)

// dnsTime is how long it may take to see what is published now.
const dnsTime = time.Minute

// dnsOptions is what dns is asked.
type dnsOptions struct {
	tenant, host, mailHost        string
	asTXT, asZone, asText, asJSON bool
}

func (p *program) dns() *cobra.Command {
	var q dnsOptions
	cmd := &cobra.Command{
		Use:   "dns [TENANT]",
		Short: "Show the DNS records that a tenant, or the platform, must publish",
		Long: `Show the DNS records that TENANT (an id, a domain or an address) must publish so that its
mail can leave in its own name; without it, those of the platform itself. Each is shown with what
DNS has there now; an SPF record is shown merged with the one that is there, for there can
be only one. Nothing is changed. Exit status 0 when the records were printed, also where
DNS did not answer: standard error then says for which names.`,
		Args:              takes("[TENANT]"),
		ValidArgsFunction: once(p.tenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.asZone && q.asText || q.asZone && q.asJSON || q.asText && q.asJSON {
				return misuse("--zone, --text and --json exclude each other")
			}
			q.tenant = strings.Join(args, "")
			return p.runDNS(cmd.Context(), q, len(args) > 0)
		},
	}
	cmd.Flags().BoolVar(&q.asZone, "zone", false, "print a zone file (RFC 1035 master file)")
	cmd.Flags().BoolVar(&q.asText, "text", false, "print a letter to whoever administers the tenant's DNS")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print the records as JSON")
	cmd.Flags().BoolVar(&q.asTXT, "txt", false, "show DKIM keys as TXT records, not as aliases (CNAME) of the platform's")
	hostFlag(cmd, &q.host)
	cmd.Flags().StringVar(&q.mailHost, "mail-host", "", "name of the host that bounces come to (default: what DNS says, else the name of this machine)")
	return cmd
}

func (p *program) runDNS(ctx context.Context, q dnsOptions, ofTenant bool) error {
	host := postfix.Instance("").Hostname(ctx, q.host)
	load := p.need // a zone file without the keys of some tenants would take them out of DNS
	if ofTenant {
		load = func() (*daemon.Generation, error) { now, _, err := p.needRest(); return now, err }
	}
	var sheet publish.Sheet
	now, err := load()
	switch {
	case err == nil:
		sheet, err = p.sheet(ctx, now, q, host, ofTenant)
	case q.mailHost != "": // which the daemon is not asked
	case p.askInstead("dns", q.tenant, host, &sheet):
		err = nil
		if sheet.Allow != nil {
			sheet.Allow.Client = clientOf(ctx)
		}
	}
	if err != nil {
		return err
	}
	p.sayUnanswered(sheet)
	if q.asTXT {
		sheet = sheet.AsText()
	}
	if reason := sheet.Postpone(); q.asText && reason != "" {
		return fmt.Errorf("there is no letter yet: %s", reason)
	}
	return p.showRecords(sheet, q)
}

// sheet works out what is to be published.
func (p *program) sheet(ctx context.Context, now *daemon.Generation, q dnsOptions, host string, ofTenant bool) (publish.Sheet, error) {
	advisor, err := advisorOf(now, host, q.mailHost)
	if err != nil {
		return publish.Sheet{}, err
	}
	if !ofTenant {
		return p.observed(ctx, now, advisor, nil)
	}
	t, err := tenantOf(now, q.tenant)
	if err != nil {
		return publish.Sheet{}, err
	}
	if len(t.Direct.Domains) > 0 {
		advisor.Client = clientOf(ctx)
	}
	return p.observed(ctx, now, advisor, t)
}

func (p *program) showRecords(sheet publish.Sheet, q dnsOptions) error {
	if q.asZone || q.asText { // those may go to the customer
		notes := sheet.Notes
		if q.asText && sheet.Allow != nil {
			notes = append(notes, sheet.Allow.Notes...)
		}
		for _, note := range notes {
			fmt.Fprintln(p.err, "onbehalf: note:", note)
		}
	}
	switch {
	case q.asJSON:
		return printJSON(p.out, sheet)
	case q.asZone:
		sheet.Zone(p.out)
	case q.asText:
		sheet.Letter(p.out)
	default:
		sheet.Print(p.out)
	}
	return nil
}

// clientOf asks Postfix what its SMTP client shows of itself.
func clientOf(ctx context.Context) publish.Client {
	p, err := postfix.Instance("").Read(ctx)
	if err != nil {
		return publish.Client{Unknown: err.Error()}
	}
	return publish.Client(p.Client())
}

// advisorOf makes what works the records out.
func advisorOf(now *daemon.Generation, host, mailHost string) (advisor publish.Advisor, err error) {
	advisor = now.Advisor(host)
	if mailHost != "" {
		if advisor.MailHost, err = message.ParseDomain(mailHost); err != nil {
			return advisor, misuse("--mail-host: %w", err)
		}
	}
	return advisor, nil
}

// observed observes all that the advice about a tenant (nil: the platform) needs, as far as that can
// be within dnsTime, and returns the advice.
func (p *program) observed(ctx context.Context, now *daemon.Generation, a publish.Advisor, t *tenant.Tenant) (publish.Sheet, error) {
	client, err := now.NewResolver()
	if err != nil {
		return publish.Sheet{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	progress := term.NewProgress(p.err)
	progress.Show("looking up DNS, for %s at most ...", dnsTime)
	defer progress.Done()
	return now.Sheet(ctx, client, a, t), nil
}

// sayUnanswered names what DNS did not answer.
func (p *program) sayUnanswered(sheet publish.Sheet) {
	const most = 5
	silent := sheet.Unanswered()
	for i, text := range silent {
		if i == most {
			fmt.Fprintf(p.err, "onbehalf: and %d more names\n", len(silent)-most)
			break
		}
		fmt.Fprintf(p.err, "onbehalf: what is there now is not known: %s\n", text)
	}
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/authorize"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/postfix"
	"onbehalf/tenant"
	"onbehalf/term"
)

func (p *program) check() *cobra.Command {
	var q checkOptions
	var probes bool
	var mailHost string
	cmd := &cobra.Command{
		Use:   "check [TENANT]",
		Short: "Look up DNS now: what is there, what is wrong, what a receiver says",
		Long: `Look up the DNS of TENANT (an id, a domain or an address) as it is now; without it, that of
the platform and of all tenants. For each mechanism it says what is found, what is
wanted, what is wrong in words and what to do; then by which row of the decision table a
message leaves, and what a receiver says of it. The daemon need not run, and does not
learn of it. --brief prints a line for each, --problems only those that lack something.

Exit status, of one tenant: 0 only when everything that is wanted is there. Of all: 0 when
nothing is wrong on our side (the platform's own DNS, keys, configuration), whatever tenants
have not published yet; with --strict only when everything is there.

With --now the running daemon looks up the tenant first, at once instead of when its turn
comes, and what it found to be changed is printed. It does so twice a minute at most.

With --json, the answers of DNS are in what is printed. --from reads such a file, asks no
DNS, and judges the answers by the configuration of this host: of TENANT or, without it, of
all that the file has.

With --probe it does not look into DNS, but at the tenant's own mail server
(direct.next_hop), from this host and as Postfix would: its addresses, greeting, TLS and
certificate, and whether it takes our envelope senders and the postmaster as recipient. It
stops before DATA, so that no message is sent. Exit status 0 only when mail would be
accepted.`,
		Args:              takes("[TENANT]"),
		ValidArgsFunction: once(p.tenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case mailHost != "" && !probes:
				return misuse("--mail-host goes with --probe")
			case q.brief && q.asJSON:
				return misuse("--brief and --json exclude each other")
			case probes && q.from != "":
				return misuse("--from and --probe exclude each other")
			case q.now && (probes || q.from != ""):
				return misuse("--now goes neither with --probe nor with --from")
			case q.now && len(args) == 0:
				return misuse("--now needs a TENANT: the daemon looks up one at a time")
			case probes:
				return p.runProbe(cmd.Context(), strings.Join(args, ""), mailHost, q.asJSON)
			}
			q.tenant, q.everyone = strings.Join(args, ""), len(args) == 0
			return p.runCheck(cmd.Context(), q)
		},
	}
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print what was found as JSON, the answers of DNS included")
	cmd.Flags().BoolVar(&q.brief, "brief", false, "print a line for each tenant")
	cmd.Flags().BoolVar(&q.problems, "problems", false, "print only those that lack something")
	cmd.Flags().BoolVar(&q.strict, "strict", false, "of all tenants: exit status 1 also for what only tenants can publish")
	cmd.Flags().StringVar(&q.from, "from", "", "judge what was saved with --json in this file, without DNS")
	cmd.Flags().BoolVar(&q.now, "now", false, "have the running daemon look up the tenant first, and say what has changed")
	cmd.Flags().BoolVar(&probes, "probe", false, "look at the tenant's mail server instead, without sending mail")
	hostFlag(cmd, &q.host)
	cmd.Flags().StringVar(&mailHost, "mail-host", "", "with --probe: name to say in EHLO (default: that of Postfix, else of this machine)")
	return cmd
}

// checkOptions is what check is asked.
type checkOptions struct {
	tenant   string // as somebody calls it
	everyone bool   // all tenants and the platform
	host     string // name of this host; empty: that of Postfix
	from     string // file; empty: ask DNS
	asJSON   bool
	now      bool // the daemon looks first
	brief    bool
	problems bool // print those alone
	strict   bool // whoever has to do something
}

func (p *program) runCheck(ctx context.Context, q checkOptions) error {
	now, whole, err := p.needRest()
	if err != nil {
		var one check.Result
		if q.everyone || q.from != "" || !p.askInstead("check", q.tenant, postfix.Instance("").Hostname(ctx, q.host), &one) {
			return err
		}
		if !q.asJSON {
			p.showResult(one, q)
		}
		return p.conclude([]check.Result{one}, q, true)
	}
	tenants := append([]*tenant.Tenant{nil}, now.Tenants...) // the platform first
	if !q.everyone {
		one, err := tenantOf(now, q.tenant)
		if err != nil {
			return err
		}
		tenants = []*tenant.Tenant{one}
	}
	if q.now {
		if err := p.lookNow(now.Config, tenants[0].ID); err != nil {
			return err
		}
	}
	p.recall(now)
	host := postfix.Instance("").Hostname(ctx, q.host)
	c, err := check.New(checkSource(now, host, heloOf(ctx, now, q.host)))
	if err != nil {
		return err
	}
	observe, err := p.observer(ctx, now, q.from, c)
	if err != nil {
		return err
	}
	results := p.judgeAll(c, observe, tenants, q)
	if len(results) == 0 {
		return fmt.Errorf("%s has no observation of what is asked for", q.from)
	}
	return p.conclude(results, q, whole)
}

// conclude prints what is not printed yet, and returns errSaid if the answer is no. Whole reports
// whether all of the configuration could be used.
func (p *program) conclude(results []check.Result, q checkOptions, whole bool) error {
	bad := q.everyone && !whole || slices.ContainsFunc(results, func(r check.Result) bool {
		return r.Ours || !r.Fine && (q.strict || !q.everyone)
	})
	if q.asJSON {
		if err := printJSON(p.out, q.shown(results)); err != nil {
			return err
		}
	} else if q.everyone {
		p.summarize(results)
	}
	if bad {
		return errSaid
	}
	return nil
}

// shown returns the results that are printed.
func (q checkOptions) shown(all []check.Result) []check.Result {
	if !q.problems {
		return all
	}
	return slices.DeleteFunc(all, func(r check.Result) bool { return r.Fine })
}

func (p *program) summarize(results []check.Result) {
	var s check.Summary
	for _, r := range results {
		s.Add(r)
	}
	s.Print(p.out)
}

// observeFunc returns what DNS says, or has said, about the domains of a tenant (nil: the platform).
type observeFunc func(*tenant.Tenant) (_ authorize.Observation, found bool)

// judgeAll judges one tenant after the other and prints each result at once, unless all are printed
// as JSON.
func (p *program) judgeAll(c *check.Checker, observe observeFunc, tenants []*tenant.Tenant, q checkOptions) []check.Result {
	var results []check.Result
	progress := term.NewProgress(p.err)
	number, count := 0, len(slices.DeleteFunc(slices.Clone(tenants), func(t *tenant.Tenant) bool { return t == nil }))
	for _, t := range tenants {
		if t == nil {
			progress.Show("looking up the platform ...")
		} else {
			number++
			progress.Show("looking up tenant %d of %d, %s ...", number, count, t.ID)
		}
		o, found := observe(t)
		progress.Done()
		if !found {
			continue
		}
		r := c.Judge(o, t)
		if !q.asJSON {
			p.showResult(r, q)
			r.Observation = authorize.Observation{} // there may be many
		}
		results = append(results, r)
	}
	return results
}

func (p *program) showResult(r check.Result, q checkOptions) {
	switch {
	case q.problems && r.Fine:
	case q.brief:
		r.Brief(p.out)
	default:
		r.Print(p.out)
	}
}

// observer returns what observes a tenant: by DNS, or by what was saved in a file, if there is one.
func (p *program) observer(ctx context.Context, now *daemon.Generation, from string, c *check.Checker) (observeFunc, error) {
	if from == "" {
		client, err := now.NewResolver()
		return func(t *tenant.Tenant) (authorize.Observation, bool) { return c.Observe(ctx, client, t), true }, err
	}
	saved, err := check.ReadSaved(from)
	return func(t *tenant.Tenant) (authorize.Observation, bool) {
		o, found := saved.Of(t)
		if found {
			p.sayLine("onbehalf: by what DNS answered at %s UTC", o.At.UTC().Format(time.DateTime))
		}
		return o, found
	}, err
}

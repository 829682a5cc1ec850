package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/config"
	"onbehalf/store"
	"onbehalf/term"
)

// historyOptions are what history is asked.
type historyOptions struct {
	tenant   string
	ofTenant bool
	since    string
	json     bool
	socket   string
}

func (p *program) history() *cobra.Command {
	var q historyOptions
	cmd := &cobra.Command{
		Use:   "history [TENANT]",
		Short: "Show what happened: changes of DNS, configuration and keys",
		Long: `Ask the running daemon what happened, the latest first: each change of what DNS says
about a domain, with the evidence; each change of the configuration, of a tenant or
its keys; when direct delivery was proven and when it no longer was; a tenant's first
mail; and the daemon's starts. With TENANT (an id, a domain or an address), of that
tenant alone; by its id also when it is no longer configured. History is kept for history.keep.`,
		Args:              takes("[TENANT]"),
		ValidArgsFunction: once(p.tenants),
		RunE: func(_ *cobra.Command, args []string) error {
			q.tenant, q.ofTenant = strings.Join(args, ""), len(args) > 0
			return p.runHistory(q)
		},
	}
	cmd.Flags().StringVar(&q.since, "since", "30d", sinceUsage)
	cmd.Flags().BoolVar(&q.json, "json", false, "print a JSON list")
	cmd.Flags().StringVar(&q.socket, "socket", "", "the daemon's admin socket: unix:PATH or inet:HOST:PORT")
	return cmd
}

func (p *program) runHistory(q historyOptions) error {
	since, err := parseSince(q.since, time.Now())
	if err != nil {
		return err
	}
	conf, findings := config.Load(p.config, os.Environ())
	client, err := p.find(conf, findings, q.socket)
	if err != nil {
		return err
	}
	ask := url.Values{"since": {since.UTC().Format(time.RFC3339)}}
	if q.ofTenant {
		ask.Set("tenant", q.tenant)
	}
	show := p.showHistory(q, since)
	for {
		var page admin.History
		if err := client.get("/history?"+ask.Encode(), &page); err != nil {
			return err
		}
		if err := show(page.Entries, page.Next == ""); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		ask.Set("before", page.Next)
	}
}

// showHistory returns what prints page after page.
func (p *program) showHistory(q historyOptions, since time.Time) func(page []store.Entry, last bool) error {
	count := 0
	if q.json {
		out := term.Verbatim(p.out)
		return func(page []store.Entry, last bool) error {
			for _, e := range page {
				text, err := json.Marshal(e)
				if err == nil {
					_, err = fmt.Fprintf(out, "%s%s", listMark(count), admin.Escape(text))
				}
				if err != nil {
					return err
				}
				count++
			}
			if last {
				fmt.Fprintln(out, listEnd(count))
			}
			return nil
		}
	}
	return func(page []store.Entry, last bool) error {
		print.History(p.out, page, q.ofTenant)
		if count += len(page); last && count == 0 {
			fmt.Fprintf(p.out, "Nothing happened since %s.\n", since.Local().Format("2006-01-02 15:04 -0700"))
		}
		return nil
	}
}

// listMark is what stands before an element of a JSON list.
func listMark(count int) string {
	if count == 0 {
		return "[\n  "
	}
	return ",\n  "
}

func listEnd(count int) string {
	if count == 0 {
		return "[]"
	}
	return "\n]"
}

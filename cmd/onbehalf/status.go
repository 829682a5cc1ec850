package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
	"onbehalf/counters"
	"onbehalf/term"
)

func (p *program) status() *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status [TENANT]",
		Short: "Show how the running daemon is: reload, DNS, tenants, problems",
		Long: `Ask the running daemon, at the socket that admin in the configuration names, how it is:
what became of the last reload, whether DNS answers, in which ways the tenants' mail
leaves, what is wrong, and what has changed. With TENANT (an id, a domain or an address): each of
its domains, what DNS has shown and when, what that means for its mail, and how much mail there was
on each of the last 30 days; with "(platform)" or "(unknown)", the mail of the platform, or of no
tenant, on those days. Exit status 0 when the daemon answers, however it is.

With --check, one line for a monitor such as Nagios, and its exit status: 0 OK, 1 WARNING,
2 CRITICAL, 3 UNKNOWN (it could not be found out).

When the configuration cannot be read, its line "admin:" counts if it can be found, then
the default socket; --socket says where to ask whatever the configuration says.`,
		Args:              takes("[TENANT]"),
		ValidArgsFunction: once(p.tenants),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.runStatus(strings.Join(args, ""), len(args) > 0, options)
		},
	}
	cmd.Flags().BoolVar(&options.json, "json", false, "print the daemon's answer as JSON")
	cmd.Flags().BoolVar(&options.check, "check", false, "one line and exit status for a monitor: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
	cmd.MarkFlagsMutuallyExclusive("check", "json")
	cmd.Flags().StringVar(&options.socket, "socket", "", "the daemon's admin socket: unix:PATH or inet:HOST:PORT")
	return cmd
}

// statusOptions are the flags of status.
type statusOptions struct {
	json   bool
	check  bool
	socket string
}

func (p *program) runStatus(id string, ofTenant bool, options statusOptions) error {
	if options.check {
		return p.checkStatus(ofTenant, options.socket)
	}
	conf, findings := config.Load(p.config, os.Environ())
	client, err := p.find(conf, findings, options.socket)
	if err != nil {
		return err
	}
	if id == counters.Platform || id == counters.Unknown {
		return p.unready(answer(p, client, "/counters/"+url.PathEscape(id), options.json, print.Counters), options.json)
	}
	if ofTenant {
		return p.unready(answer(p, client, "/tenants/"+url.PathEscape(id), options.json, print.Tenant), options.json)
	}
	return p.unready(answer(p, client, "/status", options.json, func(out io.Writer, s admin.Status) {
		print.Status(out, s)
		if why := refusable(findings); why != "" && (s.Reload == nil || s.Reload.OK) {
			fmt.Fprintf(p.err, "\nThe configuration on disk would be refused now: %s\nonbehalf check-config shows all that is wrong.\n", why)
		}
	}), options.json)
}

// meanwhile is what becomes of mail while no daemon runs.
const meanwhile = "Mail waits: Postfix answers 451, at once or after 30 seconds, senders keep their mail and try again, and what is in the queue of Postfix leaves as before."

// unready says, of an answer that is none because no mail is decided, what is wrong with the
// configuration, and what becomes of mail.
func (p *program) unready(err error, asJSON bool) error {
	var no admin.Error
	switch {
	case errors.As(err, &no) && no.Unready != nil && asJSON:
		if err := printJSON(p.out, no); err != nil {
			return err
		}
		return errSaid
	case errors.As(err, &no) && no.Unready != nil:
		print.Unready(p.out, *no.Unready)
		return errSaid
	case errors.As(err, new(notRunning)):
		fmt.Fprintln(p.err, term.CleanLines("onbehalf: "+err.Error()))
		if stops := p.stopsStart(); len(stops) > 0 {
			fmt.Fprintln(p.err, "It cannot start with the configuration as it is now:")
			daemon.PrintFindings(p.err, stops)
		}
		fmt.Fprintln(p.err, meanwhile)
		return errSaid
	}
	return err
}

// answer gets a document and prints it.
func answer[T any](p *program, client adminClient, path string, asJSON bool, say func(io.Writer, T)) error {
	var document T
	if err := client.get(path, &document); err != nil {
		return err
	}
	if !asJSON {
		say(p.out, document)
		return nil
	}
	return printJSON(p.out, document)
}

// stopsStart returns the errors that a daemon could not start with. What may not be read by who
// asks is none, what the daemon's user may not read is one; only root can find that out.
func (p *program) stopsStart() (stops config.Findings) {
	_, findings := daemon.Load(p.config)
	for _, f := range findings {
		if f.Level == config.Error && !f.Denied {
			stops = append(stops, f)
		}
	}
	denied, _ := p.deniedTo("")
	for _, f := range denied {
		if f.Level == config.Error {
			stops = append(stops, f)
		}
	}
	return stops
}

// refusable returns the first finding that a reload would be refused for; empty: none. What may
// not be read by who asks is none: the daemon is another user.
func refusable(findings config.Findings) string {
	for _, f := range findings {
		if (f.Level == config.Error || f.Truncated) && !f.Denied {
			return f.String()
		}
	}
	return ""
}

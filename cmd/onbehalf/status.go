package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/config"
)

func (p *program) status() *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status [TENANT]",
		Short: "Show how the running daemon is: reload, DNS, tenants, problems",
		Long: `Ask the running daemon, at the socket that admin in the configuration names, how it is:
what became of the last reload, whether DNS answers, in which ways the tenants' mail
leaves, what is wrong, and what has changed. With TENANT (an id): each of its domains,
what DNS has shown and when, and what that means for its mail. Exit status 0 when the
daemon answers, however it is.

With --check, one line for a monitor such as Nagios, and its exit status: 0 OK, 1 WARNING,
2 CRITICAL, 3 UNKNOWN (it could not be found out).

When the configuration cannot be read, its line "admin:" counts if it can be found, then
the default socket; --socket says where to ask whatever the configuration says.`,
		Args: cobra.MaximumNArgs(1),
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
	if ofTenant {
		return answer(p, client, "/tenants/"+url.PathEscape(id), options.json, print.Tenant)
	}
	return answer(p, client, "/status", options.json, func(out io.Writer, s admin.Status) {
		print.Status(out, s)
		if why := refusable(findings); why != "" && (s.Reload == nil || s.Reload.OK) {
			fmt.Fprintf(p.err, "\nThe configuration on disk would be refused now: %s\nonbehalf check-config shows all that is wrong.\n", why)
		}
	})
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

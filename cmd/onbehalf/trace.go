package main

import (
	"context"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/maillog"
	"onbehalf/postfix"
	"onbehalf/term"
	"onbehalf/trace"
)

func (p *program) trace() *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace ADDRESS|QUEUEID|MESSAGE-ID [FILE...]",
		Short: "Show what became of a message, by the mail log",
		Long: `Find the messages from or to an address, or one message by its queue id or Message-ID,
in the mail log, and say what became of each, the newest first: who handed it in, what
onbehalf decided, changed and signed, what each receiver answered and what that means,
and what came back.

The log is the journal, or the files in /var/log, also rotated and compressed ones:
whichever has Postfix's lines. FILE names others, in any order; - is standard input. They may
be of Postfix, of onbehalf, or both, in the formats of rsyslog, Postfix, onbehalf itself, or
journalctl -o json. Exit status 1 when nothing is found, or no log can be read.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.sinceGiven = cmd.Flags().Changed("since")
			return p.runTrace(cmd.Context(), args[0], args[1:], o)
		},
	}
	cmd.Flags().StringVar(&o.since, "since", "2d", sinceUsage+"; with FILE the default is all of it")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the stories as JSON")
	return cmd
}

// traceOptions are the flags of trace.
type traceOptions struct {
	since      string
	sinceGiven bool
	json       bool
}

func (p *program) runTrace(ctx context.Context, what string, files []string, o traceOptions) error {
	query, err := trace.ParseQuery(what)
	if err != nil {
		return misuse("%s: %w", what, err)
	}
	now := time.Now()
	since, err := parseSince(o.since, now)
	if err != nil {
		return err
	}
	options := trace.Options{Since: since, Location: time.Local}
	if len(files) > 0 && !o.sinceGiven {
		options.Since = time.Time{}
	}
	logs, err := p.openLogs(ctx, files, &options, now)
	if err != nil {
		return err
	}
	found := trace.Search(query, options, logs.Sources...)
	logs.Close()
	found.Notes = append(found.Notes, logs.Notes...)
	if o.json {
		err = printJSON(p.out, found)
	} else {
		printTrace(term.New(p.out), found)
	}
	if err == nil && len(found.Stories) == 0 {
		err = errSaid
	}
	return err
}

// openLogs opens the files, or the log of this host, of which Postfix is asked.
func (p *program) openLogs(ctx context.Context, files []string, o *trace.Options, now time.Time) (*maillog.Logs, error) {
	if len(files) > 0 {
		return maillog.Open(files, p.in, now)
	}
	logging := postfix.Instance("").Logging(ctx)
	o.Copy = logging.Copy
	host := maillog.Host{Folder: "/var/log"}
	if logging.File != "" {
		host.Files = []string{logging.File}
	}
	host.Journal, _ = exec.LookPath("journalctl") // without it there are the files
	return host.Open(ctx, o.Since)
}

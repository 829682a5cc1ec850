// Command onbehalf is a milter for Postfix that sends mail on behalf of a
// platform's customers: as themselves where their DNS allows it, in the platform's
// name where it does not.
//
// Each subcommand has a small file of its own. Results go to standard output, talk
// to standard error. Exit status: 0 fine, 1 the answer is no or it failed, 2 wrong
// usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/cmd/onbehalf/doctor"
	"onbehalf/config"
	"onbehalf/term"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == doctor.ConnectCommand {
		os.Exit(doctor.Connect(os.Args[2:], os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	exitFine  = 0
	exitNo    = 1
	exitUsage = 2
)

// errSaid ends a command whose output has said already what is wrong.
var errSaid = errors.New("")

// usageError is an argument that cannot be what was meant.
type usageError struct{ error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// program is what all subcommands share.
type program struct {
	in       io.Reader
	out, err io.Writer
	config   string // --config
	running  bool   // the command line was understood
}

func run(args []string, in io.Reader, out, talk io.Writer) int {
	p := &program{in: in, out: out, err: talk}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(talk)
	cmd, err := root.ExecuteContextC(context.Background())
	if isMonitor(args) {
		return monitorExit(out, err)
	}
	switch {
	case err == nil:
		return exitFine
	case !p.running || errors.As(err, new(usageError)):
		fmt.Fprintln(talk, term.CleanLines(seeHelp(cmd, err)))
		return exitUsage
	case err != errSaid:
		fmt.Fprintln(p.err, daemon.Priority(p.err, slog.LevelError)+term.CleanLines("onbehalf: "+err.Error()))
	}
	return exitNo
}

// seeHelp says which command was used wrongly, and where its usage stands.
func seeHelp(cmd *cobra.Command, err error) string {
	text, see := cmd.CommandPath()+": "+err.Error(), "see "+cmd.CommandPath()+" --help"
	switch {
	case strings.Contains(text, "\n"):
		return text + "\n" + see
	case strings.HasSuffix(text, "?"):
		return text + " (" + see + ")"
	}
	return text + "; " + see
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "onbehalf",
		Short:         "Send mail on behalf of customers, so that it arrives",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          needsCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := cmd.ValidateRequiredFlags()
			p.running = err == nil
			if cmd.Name() != "serve" { // whose log goes elsewhere
				p.repeatConfig(cmd.Root())
			}
			return err
		},
	}
	root.SetVersionTemplate(versionLine() + "\n")
	root.PersistentFlags().StringVar(&p.config, "config", config.DefaultFile, "main configuration file")
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(p.serve(), p.checkConfig(), p.check(), p.explain(), p.keygen(), p.bounce(), p.selftest(), p.setup(), p.doctor(), p.dns(), p.status(), p.history(), p.events(), p.trace(), p.demo(), p.docs(), p.version())
	addExamples(root)
	p.addCompletions(root)
	return root
}

// hostFlag adds the flag --host to a command, for what it decides by the name of this host.
func hostFlag(cmd *cobra.Command, host *string) {
	cmd.Flags().StringVar(host, "host", "", "name of the mail host (default: myhostname of Postfix, else the name of this machine)")
}

// needsCommand is the RunE of a command that only has subcommands.
func needsCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		hint := ""
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			hint = "; did you mean " + strings.Join(like, " or ") + "?"
		}
		return misuse("unknown command %s%s", config.Quoted(args[0]), hint)
	}
	cmd.SetOut(cmd.ErrOrStderr())
	cmd.Help()
	return misuse("a command is missing")
}

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
	"os"

	"github.com/spf13/cobra"

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
	err := root.ExecuteContext(context.Background())
	if err != nil && err != errSaid {
		fmt.Fprintln(talk, term.CleanLines("onbehalf: "+err.Error()))
	}
	switch {
	case err == nil:
		return exitFine
	case p.running && !errors.As(err, new(usageError)):
		return exitNo
	}
	fmt.Fprintln(talk, "Run 'onbehalf help' for usage.")
	return exitUsage
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "onbehalf",
		Short:         "Send mail on behalf of customers, so that it arrives",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          needsCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := cmd.ValidateRequiredFlags()
			p.running = err == nil
			return err
		},
	}
	root.SetVersionTemplate(versionLine() + "\n")
	root.PersistentFlags().StringVar(&p.config, "config", config.DefaultFile, "main configuration file")
	root.AddCommand(p.serve(), p.checkConfig(), p.check(), p.explain(), p.keygen(), p.bounce(), p.selftest(), p.setup(), p.doctor(), p.dns(), p.status(), p.history(), p.events(), p.trace(), p.demo(), p.docs(), p.version())
	addExamples(root)
	return root
}

// hostFlag adds the flag --host to a command, for what it decides by the name of this host.
func hostFlag(cmd *cobra.Command, host *string) {
	cmd.Flags().StringVar(host, "host", "", "name of the mail host (default: myhostname of Postfix, else the name of this machine)")
}

// needsCommand is the RunE of a command that only has subcommands.
func needsCommand(cmd *cobra.Command, args []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	cmd.Help()
	return misuse("a command is missing")
}

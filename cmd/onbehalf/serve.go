package main

import (
	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/daemon"
)

func (p *program) serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer Postfix: the daemon",
		Long: `Answer Postfix on the sockets that systemd hands over or, without such, on those in
listen, in the foreground, with the log on standard error. SIGHUP reloads the configuration, keys
and secrets; when anything is wrong with them, all stays as it was. A start with a configuration
that cannot be used fails; where systemd holds the sockets, the next one defers all mail (451)
until the configuration is right, and onbehalf status shows why. SIGTERM cuts messages that have
not come to the end of their header, which their clients send again, lets the others finish (30
seconds at most) and ends.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return daemon.Run(cmd.Context(), daemon.Options{Config: p.config, Version: version, Log: p.err, Check: checkOne})
		},
	}
}

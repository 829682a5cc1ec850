package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/demo"
)

func (p *program) demo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show on this machine, without root or network, what onbehalf does",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			// Also when the reader goes away or gives up, the daemon must not stay behind.
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
			defer stop()
			return demo.Run(ctx, self, p.out)
		},
	}
}

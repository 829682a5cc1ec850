package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/term"
)

// version is set by the linker: see the Makefile.
var version = "dev"

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("onbehalf %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// printJSON is how every command prints JSON: what strangers have put into their DNS does nothing
// to a terminal.
func printJSON(w io.Writer, value any) error {
	text, err := admin.Marshal(value)
	if err != nil {
		return err
	}
	_, err = term.Verbatim(w).Write(text)
	return err
}

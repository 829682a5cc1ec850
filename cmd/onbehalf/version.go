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
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return printJSON(p.out, struct {
					Version string `json:"version"`
					Go      string `json:"go"`
					System  string `json:"system"` // linux/amd64
				}{version, runtime.Version(), system})
			}
			_, err := fmt.Fprintln(p.out, versionLine())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

const system = runtime.GOOS + "/" + runtime.GOARCH

func versionLine() string {
	return fmt.Sprintf("onbehalf %s (%s, %s)", version, runtime.Version(), system)
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

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/config"
)

// takes checks the arguments of a command against their names; [TENANT] may be left out, ADDRESS
// may not.
func takes(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return misuse("one argument too many: %s", config.Quoted(args[len(names)]))
		}
		for _, name := range names[len(args):] {
			if !strings.HasPrefix(name, "[") {
				return misuse("%s is missing", name)
			}
		}
		return nil
	}
}

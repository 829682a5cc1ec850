package main

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCompletionOfAll: no argument and no value is completed by the files of the folder unless
// somebody chose that.
func TestCompletionOfAll(t *testing.T) {
	root := (&program{}).root()
	flags := 0
	each(root, func(cmd *cobra.Command) {
		if cmd.ValidArgsFunction == nil {
			t.Errorf("%s completes no arguments", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			flags++
			if _, chosen := cmd.GetFlagCompletionFunc(f.Name); !chosen {
				t.Errorf("%s completes no --%s", cmd.CommandPath(), f.Name)
			}
		})
	})
	if flags < 20 {
		t.Errorf("only %d flags were looked at", flags)
	}
}

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
)

func (p *program) checkConfig() *cobra.Command {
	var asJSON, asStart, asReload bool
	var user string
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Say all that is wrong with the configuration",
		Long: `Say all that is wrong with the configuration, its keys and secrets: the same checks
as at start and reload. An error stops both. A fault leaves out one tenant's key and
stops nobody else. Exit status 0 when there is neither; warnings then go to standard
error. With --start or --reload the answer is what the daemon would do: a fault stops neither,
a file that may be truncated, or a key that may not be read, stops a reload.

Root may read everything, and the daemon may not: as root, all is also read as the user that the
daemon runs as, and what that user may not read is an error, with the command that fixes it.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return p.runCheckConfig(user, asJSON, asStart, asReload) },
	}
	cmd.Flags().StringVar(&user, "user", "", "as root: the user that the daemon runs as (default, for "+config.DefaultFile+": User= of its unit)")
	cmd.Flags().BoolVar(&asStart, "start", false, "answer as a start would")
	cmd.Flags().BoolVar(&asReload, "reload", false, "answer as a reload would")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func (p *program) runCheckConfig(user string, asJSON, asStart, asReload bool) error {
	if asReload {
		runtime.GOMAXPROCS(1) // the daemon is at work beside it
	}
	now, findings := daemon.Load(p.config)
	denied, err := p.deniedTo(user)
	if err != nil {
		return err
	}
	findings = append(findings, denied...)
	switch {
	case asReload:
		findings = findings.AtReload()
	case !asStart:
		findings = findings.WithDenied()
	}
	sound := now != nil && !findings.Fatal()
	switch {
	case asReload: // the stricter of the two
		sound = daemon.Reloadable(now, findings)
	case !asStart:
		sound = sound && !hasFault(findings)
	}
	if asJSON {
		err := printJSON(p.out, map[string]any{"ok": sound, "findings": append(config.Findings{}, findings...)})
		if err != nil || sound {
			return err
		}
		return errSaid
	}
	if !sound {
		daemon.PrintFindings(p.out, findings)
		return errSaid
	}
	daemon.PrintFindings(p.err, findings) // warnings
	fmt.Fprintln(p.out, now.Summary())
	return nil
}

func hasFault(findings config.Findings) bool {
	for _, f := range findings {
		if f.Level == config.Fault {
			return true
		}
	}
	return false
}

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"onbehalf/config"
	"onbehalf/term"
)

func (p *program) checkConfig() *cobra.Command {
	var asJSON, asStart, asReload bool
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Say all that is wrong with the configuration",
		Long: `Say all that is wrong with the configuration, its keys and secrets: the same checks
as at start and reload. An error stops both. A fault leaves out one tenant's key and
stops nobody else. Exit status 0 when there is neither; warnings then go to standard
error. With --start or --reload the answer is what the daemon would do: a fault stops neither,
a file that may be truncated stops a reload.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.runCheckConfig(asJSON, asStart, asReload) },
	}
	cmd.Flags().BoolVar(&asStart, "start", false, "answer as a start would")
	cmd.Flags().BoolVar(&asReload, "reload", false, "answer as a reload would")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func (p *program) runCheckConfig(asJSON, asStart, asReload bool) error {
	now, findings := load(p.config)
	sound := now != nil && !hasFault(findings)
	switch {
	case asReload: // the stricter of the two
		sound = reloadable(now, findings)
	case asStart:
		sound = now != nil
	}
	if asJSON {
		err := printJSON(p.out, map[string]any{"ok": sound, "findings": append(config.Findings{}, findings...)})
		if err != nil || sound {
			return err
		}
		return errSaid
	}
	if !sound {
		printFindings(p.out, findings)
		return errSaid
	}
	printFindings(p.err, findings) // warnings
	fmt.Fprintln(p.out, now.summary())
	return nil
}

// summary says what was loaded, in the words that check-config promises.
func (l *loaded) summary() string {
	domains := 0
	for _, t := range l.Tenants {
		domains += len(t.Domains)
	}
	return fmt.Sprintf("ok: %d tenants, %d domains, %d keys", len(l.Tenants), domains, len(l.Keys))
}

func hasFault(findings config.Findings) bool {
	for _, f := range findings {
		if f.Level == config.Fault {
			return true
		}
	}
	return false
}

func printFindings(w io.Writer, findings config.Findings) {
	for _, f := range findings {
		fmt.Fprintln(w, term.CleanLines(fmt.Sprintf("%s: %s", f.Level, f)))
	}
}

// need loads for a command that cannot go on without; findings go to standard
// error.
func (p *program) need() (*loaded, error) {
	now, findings := load(p.config)
	if now == nil {
		printFindings(p.err, findings)
		return nil, fmt.Errorf("the configuration is not usable; fix the errors above, then: onbehalf check-config --config %s", p.config)
	}
	return now, nil
}

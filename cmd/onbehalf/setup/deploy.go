package setup

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Deploy brings Postfix to call onbehalf: it shows what is to be changed, and changes that
// where it was asked to.
type Deploy struct {
	Wanted
	Domain  string // of the platform
	Postfix Postfix
	Silent  error // why nothing is known of Postfix; nil: all is
	Apply   bool
	Talk    *Talk // nil: nobody to ask
	Out     io.Writer
	Say     func(format string, args ...any)
	Talking io.Writer // for what Postfix says itself
}

// Outcome is how far Postfix is.
type Outcome int

const (
	Open    Outcome = iota // settings are to be made
	Waiting                // they are made, and Postfix has to be reloaded once onbehalf runs
	Set                    // Postfix has all that it needs
)

// Run shows the changes and makes them, if they are to be made.
func (d Deploy) Run(ctx context.Context) (Outcome, error) {
	changes := d.Postfix.Changes(d.Wanted)
	d.show(changes)
	switch {
	case d.Apply && d.Silent != nil:
		return Open, fmt.Errorf("nothing was set in Postfix: %w", d.Silent)
	case d.Silent == nil && len(changes) == 0:
		return Set, nil
	case d.Apply:
		return d.apply(ctx, changes)
	}
	return Open, nil
}

// show prints the changes as lines for a shell, each below what it is for.
func (d Deploy) show(changes []Change) {
	fmt.Fprintln(d.Out)
	switch {
	case d.Silent != nil:
		item(d.Out, "", fmt.Sprintf("Postfix: what it has now is not known (%v). It needs these settings; merge them with those of the same names:", d.Silent))
	case len(changes) == 0:
		fmt.Fprintf(d.Out, "Postfix in %s: all is set already.\n", d.Postfix.folder())
	default:
		fmt.Fprintf(d.Out, "Postfix in %s: %d to change; no other setting is touched.\n", d.Postfix.folder(), len(changes))
	}
	for _, c := range changes {
		fmt.Fprintln(d.Out)
		item(d.Out, "# ", c.Why)
		if d.Postfix.expanded[c.Name] != "" {
			fmt.Fprintf(d.Out, "# now: %s\n", c.Now)
		}
		fmt.Fprintln(d.Out, c.Line())
	}
	for i, text := range d.Postfix.Cautions(d.Wanted, d.Domain) {
		if i == 0 {
			fmt.Fprintln(d.Out)
		}
		text, command, found := strings.Cut(text, "\n")
		item(d.Out, "# mind: ", text)
		if found {
			fmt.Fprintf(d.Out, "#   %s\n", command)
		}
	}
}

func (d Deploy) apply(ctx context.Context, changes []Change) (Outcome, error) {
	where, deaf := d.Deaf()
	if deaf != nil {
		d.Say("\nonbehalf does not answer at %s yet: %v.\nFrom when Postfix calls it until it is started, mail is answered 451, come back later.", where, deaf)
	}
	if d.Talk != nil {
		yes, err := d.Talk.Agree(fmt.Sprintf("\nRun these %d lines on %s/main.cf?", len(changes), d.Postfix.folder()), deaf == nil)
		if err != nil || !yes {
			return Open, err
		}
	}
	if err := Apply(ctx, changes, d.Say); err != nil {
		return Open, err
	}
	if err := d.verify(ctx); err != nil {
		return Open, err
	}
	return d.reload(ctx, deaf)
}

// verify asks Postfix whether it has what it was given.
func (d Deploy) verify(ctx context.Context) error {
	now, err := ReadPostfix(ctx)
	if err != nil {
		return err
	}
	if left := now.Changes(d.Wanted); len(left) > 0 {
		return fmt.Errorf("all lines ran, and Postfix still has other values for %s; look into main.cf", names(left))
	}
	return Sound(ctx, d.Talking)
}

// reload makes the settings work, unless that would hold up mail.
func (d Deploy) reload(ctx context.Context, deaf error) (Outcome, error) {
	switch {
	case !Running(ctx):
		d.Say("Postfix is not running; it will have the settings when it starts.")
		return Set, nil
	case deaf != nil:
		d.Say("Postfix was not reloaded, for onbehalf does not answer yet.")
		return Waiting, nil
	}
	if err := Reload(ctx); err != nil {
		return Waiting, err
	}
	d.Say("ran postfix reload")
	return Set, nil
}

// Steps says what is left to do.
func (d Deploy) Steps(outcome Outcome, shadow bool, place Place) {
	fmt.Fprintln(d.Out, "\nNext:")
	step := func(number, text string) { item(d.Out, "  "+number+" ", text) }
	step("1.", "Publish the DNS records above (onbehalf dns --zone prints a zone file); onbehalf check says when all is there.")
	step("2.", "systemctl restart onbehalf"+map[Outcome]string{
		Open:    "; then onbehalf setup --apply, or the postconf lines above and postfix reload.",
		Waiting: "; then postfix reload.",
		Set:     ", if it does not run with this configuration yet.",
	}[outcome])
	step("3.", fmt.Sprintf("Add your customers to %s or files in %s; onbehalf check-config; systemctl reload onbehalf; onbehalf selftest --to ADDRESS.", place.Config, place.Tenants))
	if shadow {
		fmt.Fprintln(d.Out)
		item(d.Out, "", "The mode is shadow: mail leaves as it did before, and the log (journalctl -u onbehalf) says what would become of it. "+
			"When that is what you expect, write mode: enforce and reload. From then on mail of who is no customer of yours leaves in your name, too (policy.unknown_domain).")
	}
}

// columns is the width of a terminal that anybody has.
const columns = 80

// item prints prose; its first line stands behind the label, the others below it. Behind a
// # all are comments.
func item(w io.Writer, label, text string) {
	indent := strings.Repeat(" ", len(label))
	if strings.HasPrefix(label, "#") {
		indent = "#" + indent[1:]
	}
	line, empty := label, true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > columns {
			fmt.Fprintln(w, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, line)
}

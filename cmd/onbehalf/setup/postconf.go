package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/term"
)

// Deploy makes Postfix call onbehalf: it shows what is to be changed, and changes that
// where it is asked to.
type Deploy struct {
	postfix.Wanted
	Sockets  []config.Socket // that Postfix will call
	Instance postfix.Instance
	Postfix  postfix.Configuration
	Unread   error // why nothing is known of Postfix; nil: all is
	Apply    bool
	Talk     *Talk // nil: there is no person to ask
	Out      io.Writer
	Say      func(format string, args ...any)
	Talking  io.Writer // for what Postfix says itself
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
	d.show(ctx, changes)
	switch {
	case d.Apply && d.Unread != nil:
		return Open, fmt.Errorf("nothing was set in Postfix: %w", d.Unread)
	case d.Unread == nil && len(changes) == 0:
		return Set, nil
	case d.Apply:
		return d.apply(ctx, changes)
	}
	return Open, nil
}

// show prints the changes as lines for a shell, each below what it is for.
func (d Deploy) show(ctx context.Context, changes []postfix.Change) {
	out := term.New(d.Out)
	out.Blank()
	switch {
	case d.Unread != nil:
		out.Text("Postfix: what it has now is not known (%v). It needs these settings; merge them with those of the same names:", d.Unread)
	case len(changes) == 0:
		out.Line("Postfix in %s: all is set already.", d.Postfix.Folder())
	default:
		out.Line("Postfix in %s: %d to change; no other setting is touched.", d.Postfix.Folder(), len(changes))
	}
	for _, c := range changes {
		out.Blank()
		out.Behind("# ", "# ", c.Why)
		if d.Postfix.Setting(c.Name) != "" {
			out.Line("# now: %s", c.Now)
		}
		out.Line("%s", d.Postfix.Here(c.Line()))
	}
	for i, f := range d.warnings(ctx) {
		if i == 0 {
			out.Blank()
		}
		word, text := "# warning: ", f.What
		if f.Level == postfix.Error {
			word = "# ERROR:   "
		}
		if f.Why != "" {
			text += "; " + f.Why
		}
		out.Behind(word, "#          ", text)
		out.Behind("#      do: ", "#          ", f.Fix)
		for _, line := range f.Commands {
			out.Line("#   %s", line)
		}
	}
}

// warnings are what in Postfix's settings is dangerous and not setup's to change, and what is not
// there yet.
func (d Deploy) warnings(ctx context.Context) []postfix.Finding {
	all := d.Postfix.Dangers(d.Wanted)
	for _, other := range d.Postfix.Others() {
		if c, err := other.Read(ctx); err != nil {
			all = append(all, postfix.Finding{What: "the Postfix in " + string(other) + " cannot be read", Why: err.Error(), Fix: "fix what postconf says"})
		} else if c.Enabled() {
			all = append(all, slices.DeleteFunc(c.OfAnother(d.Wanted, c.Lookup(ctx)), func(f postfix.Finding) bool { return f.Level == postfix.OK })...)
		}
	}
	path, unix := strings.CutPrefix(d.Milter, "unix:")
	if folder := filepath.Dir(path); unix && absent(folder) {
		all = append(all, postfix.Finding{What: "the folder of the socket does not exist", Fix: "create it",
			Commands: []string{"install -d -m 2750 -o onbehalf -g postfix " + folder}})
	}
	return all
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

func (d Deploy) apply(ctx context.Context, changes []postfix.Change) (Outcome, error) {
	where, down := d.down()
	if down != nil {
		d.Say("\nonbehalf does not answer at %s yet: %v.\nFrom when Postfix calls it until it is started, mail is answered 451, come back later.", where, down)
	}
	if d.Talk != nil {
		if !term.IsTerminal(d.Out) { // who is asked does not see what was shown there
			for _, c := range changes {
				d.Talk.show(d.Postfix.Here(c.Line()))
			}
		}
		yes, err := d.Talk.Agree(fmt.Sprintf("\nRun these %d lines on %s/main.cf?", len(changes), d.Postfix.Folder()), down == nil)
		if err != nil || !yes {
			return Open, err
		}
	}
	copies, err := postfix.Save(d.Postfix.Folder(), time.Now())
	if err != nil {
		return Open, err
	}
	d.Say("saved %s", strings.Join(copies, ", "))
	if err := d.Instance.Set(ctx, changes, d.Say); err != nil {
		return Open, err
	}
	if err := d.verify(ctx); err != nil {
		return Open, err
	}
	return d.reload(ctx, down)
}

// down returns the first of our sockets that Postfix will call where nothing answers, and why;
// nil: all are answered.
func (d Deploy) down() (config.Socket, error) {
	for _, socket := range d.Sockets {
		connection, err := net.DialTimeout(socket.Network, socket.Address, 2*time.Second)
		if failed := new(net.OpError); errors.As(err, &failed) {
			return socket, failed.Err
		} else if err != nil {
			return socket, err
		}
		connection.Close()
	}
	return config.Socket{}, nil
}

// verify asks Postfix whether it has what it was given.
func (d Deploy) verify(ctx context.Context) error {
	now, err := d.Instance.Read(ctx)
	if err != nil {
		return err
	}
	if left := now.Changes(d.Wanted); len(left) > 0 {
		return fmt.Errorf("all lines ran, and Postfix still has other values for %s; look into main.cf", postfix.Names(left))
	}
	return d.Instance.Check(ctx, d.Talking)
}

// reload makes the settings work, unless that would hold up mail.
func (d Deploy) reload(ctx context.Context, down error) (Outcome, error) {
	switch {
	case !d.Instance.Running(ctx):
		d.Say("Postfix is not running; it will have the settings when it starts.")
		return Set, nil
	case down != nil:
		d.Say("Postfix was not reloaded, because onbehalf does not answer yet.")
		return Waiting, nil
	}
	if err := d.Instance.Reload(ctx); err != nil {
		return Waiting, err
	}
	d.Say("ran postfix reload")
	return Set, nil
}

// Steps says what is left to do.
func (d Deploy) Steps(outcome Outcome, shadow bool, paths Paths) {
	out := term.New(d.Out)
	out.Blank()
	out.Heading("Next:")
	show(out, left(outcome, shadow, paths))
}

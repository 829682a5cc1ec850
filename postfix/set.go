package postfix

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Set makes the changes by postconf, one after the other, and says each. When one fails, those
// behind it are not tried; the error says how far it came.
func (i Instance) Set(ctx context.Context, changes []Change, say func(format string, args ...any)) error {
	for n, c := range changes {
		if _, err := i.run(ctx, "postconf", "-e", c.Name+" = "+c.Value); err != nil {
			return fmt.Errorf("%s could not be set: %w\n  set before it: %s\n  not set: %s", c.Name, err, Names(changes[:n]), Names(changes[n:]))
		}
		say("ran %s", c.Line())
	}
	return nil
}

// Remove makes removals, as Set makes changes.
func (i Instance) Remove(ctx context.Context, removals []Removal, say func(format string, args ...any)) error {
	for _, r := range removals {
		if _, err := i.run(ctx, "postconf", r.args()...); err != nil {
			return fmt.Errorf("%s could not be changed: %w; what was said before is done; fix this, and run it again", r.Name, err)
		}
		say("ran %s", r.Line())
	}
	return nil
}

// Names lists the settings that changes are about.
func Names(changes []Change) string {
	if len(changes) == 0 {
		return "nothing"
	}
	var all []string
	for _, c := range changes {
		all = append(all, c.Name)
	}
	return join(all)
}

// Check lets Postfix check its configuration, and writes what it says to talk.
func (i Instance) Check(ctx context.Context, talk io.Writer) error {
	command := i.command(ctx, "postfix", "check")
	command.Stdout, command.Stderr = talk, talk
	if err := command.Run(); err != nil {
		return fmt.Errorf("postfix check: %w; fix what it says, then run: postfix reload", err)
	}
	return nil
}

// Running reports whether Postfix runs.
func (i Instance) Running(ctx context.Context) bool {
	return i.command(ctx, "postfix", "status").Run() == nil
}

// Reload lets a running Postfix read its settings again.
func (i Instance) Reload(ctx context.Context) error {
	out, err := i.command(ctx, "postfix", "reload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("postfix reload: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

package setup

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/term"
)

// Remove takes onbehalf out of every Postfix of this host, as Deploy brought it in: it shows what
// is to be changed, and changes that when somebody agrees.
type Remove struct {
	postfix.Wanted
	Milters []string // all sockets of listen
	First   postfix.Instance
	Yes     bool  // nobody need be asked
	Talk    *Talk // nil: there is no person to ask
	Out     *term.Printer
	Seen    bool // Out is where Talk is
	Say     func(format string, args ...any)
	Talking io.Writer // for what Postfix says itself
}

// MiltersOf returns the sockets that Postfix may call, in its syntax.
func MiltersOf(c *config.Config) []string {
	var all []string
	for _, socket := range c.Listen {
		all = append(all, socket.String())
	}
	return all
}

// parting is what is to be done in one instance.
type parting struct {
	postfix.Instance
	postfix.Configuration
	postfix.Files
	removals []postfix.Removal
}

// Run shows what is to be done in each instance, and does it.
func (r Remove) Run(ctx context.Context) error {
	all, err := r.partings(ctx)
	if err != nil {
		return err
	}
	left := 0
	for _, one := range all {
		r.show(one)
		left += len(one.removals)
	}
	switch {
	case left == 0:
		return nil
	case !r.Yes && r.Talk == nil:
		r.Say("Nothing was changed; onbehalf setup --remove --yes runs these lines.")
		return nil
	case !r.Yes:
		r.again(all)
		yes, err := r.Talk.Agree(fmt.Sprintf("\nRun these %d lines?", left), false)
		if err != nil || !yes {
			return err
		}
	}
	for _, one := range all {
		if err := r.part(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// again shows who is asked the lines, where the output goes elsewhere.
func (r Remove) again(all []parting) {
	if r.Seen {
		return
	}
	for _, one := range all {
		for _, removal := range one.removals {
			r.Talk.show(one.Here(removal.Line()))
		}
	}
}

// partings reads all instances.
func (r Remove) partings(ctx context.Context) ([]parting, error) {
	first, err := r.First.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("nothing was changed in Postfix: %w", err)
	}
	one, err := r.parting(r.First, first)
	all := []parting{one}
	for _, other := range first.Others() {
		if err != nil {
			break
		}
		var c postfix.Configuration
		if c, err = other.Read(ctx); err == nil {
			one, err = r.parting(other, c)
			all = append(all, one)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("nothing was changed in Postfix: %w", err)
	}
	return all, nil
}

func (r Remove) parting(i postfix.Instance, c postfix.Configuration) (parting, error) {
	files, err := c.Files(r.Wanted, r.Milters)
	return parting{i, c, files, c.Removals(r.Wanted, r.Milters, files)}, err
}

// show prints the lines, each below its reason.
func (r Remove) show(one parting) {
	out := r.Out
	out.Blank()
	if len(one.removals) == 0 {
		out.Line("# Postfix in %s: nothing of onbehalf is in it.", one.Folder())
		return
	}
	out.Line("# Postfix in %s: %d to change; nothing of others is touched.", one.Folder(), len(one.removals))
	if one.Before == nil {
		out.Behind("# ", "# ", "No copy of main.cf from before onbehalf is there, so settings that setup has changed beside those that name it stay. They are right without it, too.")
	} else {
		out.Behind("# ", "# ", "Settings of before are those of "+filepath.Base(one.Path)+".")
	}
	for _, removal := range one.removals {
		out.Blank()
		out.Behind("# ", "# ", removal.Why)
		out.Line("# now: %s", strings.TrimSpace(removal.Service+" "+removal.Name+" = "+removal.Now))
		out.Line("%s", one.Here(removal.Line()))
	}
	out.Line("%s", one.Here("postfix reload"))
}

// part does in one instance what was shown.
func (r Remove) part(ctx context.Context, one parting) error {
	if len(one.removals) == 0 {
		return nil
	}
	copies, err := postfix.Save(one.Folder(), time.Now())
	if err != nil {
		return err
	}
	r.Say("saved %s", strings.Join(copies, ", "))
	if err := one.Remove(ctx, one.removals, r.Say); err != nil {
		return err
	}
	now, err := one.Read(ctx)
	if err != nil {
		return err
	}
	if left := now.Removals(r.Wanted, r.Milters, postfix.Files{}); len(left) > 0 {
		return fmt.Errorf("all lines ran, and %s of Postfix in %s still names onbehalf; look into main.cf and master.cf", left[0].Name, one.Folder())
	}
	return r.settle(ctx, one.Instance)
}

// settle has Postfix check its settings and take them.
func (r Remove) settle(ctx context.Context, i postfix.Instance) error {
	if err := i.Check(ctx, r.Talking); err != nil {
		return err
	}
	if !i.Running(ctx) {
		r.Say("Postfix is not running; it will have the settings when it starts.")
		return nil
	}
	if err := i.Reload(ctx); err != nil {
		return err
	}
	r.Say("ran postfix reload")
	return nil
}

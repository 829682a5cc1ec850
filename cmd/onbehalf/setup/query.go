package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// queryTime bounds a query: a table may be a database on another host.
const queryTime = 5 * time.Second

// patterns are the types of table that Postfix asks for whole addresses alone, never for the
// domain of one (DICT_FLAG_FIXED and DICT_FLAG_PATTERN in its source).
var patterns = map[string]bool{"regexp": true, "pcre": true, "static": true, "socketmap": true, "tcp": true, "fail": true}

// Indexed reports whether Postfix asks the table for the domain of an address, too.
func (t Table) Indexed() bool { return !patterns[t.Type()] }

// Query asks a table for all the keys at once, by postmap, as this Postfix reads it: with its
// configuration, from its queue directory. It returns what is there, by key. A key has no line
// ends.
func (p Postfix) Query(ctx context.Context, t Table, keys []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	var out, talk bytes.Buffer
	command := exec.CommandContext(ctx, tool("postmap"), "-c", p.folder(), "-q", "-", t.Text)
	command.Dir, command.WaitDelay = p.Queue(), time.Second
	command.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
	command.Stdout, command.Stderr = &out, &talk
	err := command.Run()
	switch said := strings.TrimSpace(talk.String()); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("postmap -q - %s: no answer in %s", t.Text, queryTime)
	case err != nil && (said != "" || !errors.As(err, new(*exec.ExitError))): // silent, and 1: none of the keys is there
		return nil, fmt.Errorf("postmap -q - %s: %w: %s", t.Text, err, said)
	}
	found := make(map[string]string)
	for line := range strings.Lines(out.String()) {
		if key, value, is := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); is {
			found[key] = value
		}
	}
	return found, nil
}

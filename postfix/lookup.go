package postfix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Table is one element of a list of tables, like transport_maps.
type Table struct {
	Text    string // as it is written
	Socket  string // of a socketmap, unix:PATH or inet:HOST:PORT; empty: it is none
	Name    string // of the map there
	Proxied bool   // proxymap asks in the place of the service
}

// ParseTables takes a list apart (socketmap_table(5), proxymap(8)).
func ParseTables(list string) []Table {
	var all []Table
	for _, text := range words(list) {
		t := Table{Text: text}
		text, t.Proxied = strings.CutPrefix(text, "proxy:")
		if place, is := strings.CutPrefix(text, "socketmap:"); is {
			if i := strings.LastIndexByte(place, ':'); i > 0 {
				t.Socket, t.Name = place[:i], place[i+1:]
			}
		}
		all = append(all, t)
	}
	return all
}

// Type returns the type of the table: hash, regexp, ... A proxied one has that of the table
// behind it.
func (t Table) Type() string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(t.Text, "proxy:"), ":")
	return kind
}

// patterns are the types of table that Postfix asks for whole addresses alone, never for the
// domain of one (DICT_FLAG_FIXED and DICT_FLAG_PATTERN in its source).
var patterns = map[string]bool{"regexp": true, "pcre": true, "static": true, "socketmap": true, "tcp": true, "fail": true}

// Indexed reports whether Postfix asks the table for the domain of an address, too.
func (t Table) Indexed() bool { return !patterns[t.Type()] }

// Lookup asks a table for all the keys at once, and returns what is there, by key.
type Lookup func(t Table, keys []string) (map[string]string, error)

// lookupTime bounds a lookup: a table may be a database on another host.
const lookupTime = 5 * time.Second

// Lookup asks by postmap, as this Postfix reads the table: with its configuration, from its queue
// directory. A key has no line ends.
func (c Configuration) Lookup(ctx context.Context) Lookup {
	return func(t Table, keys []string) (map[string]string, error) {
		ctx, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		var out, talk bytes.Buffer
		command := Instance(c.Folder()).command(ctx, "postmap", "-q", "-", t.Text)
		command.Dir, command.WaitDelay = c.Queue(), time.Second
		command.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
		command.Stdout, command.Stderr = &out, &talk
		err := command.Run()
		switch said := strings.TrimSpace(talk.String()); {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("postmap -q - %s: no answer in %s", t.Text, lookupTime)
		case err != nil && (said != "" || !errors.As(err, new(*exec.ExitError))): // quiet, and 1: none of the keys is there
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
}

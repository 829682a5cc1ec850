package postfix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Instance is one Postfix: the folder of its main.cf, as postmulti -l lists them. The empty
// Instance is the one that MAIL_CONFIG in the environment names, else /etc/postfix.
type Instance string

// Configuration is what one Postfix says of itself. The zero Configuration is one that nothing is
// known of, and that has the defaults of 3.7.
type Configuration struct {
	written   map[string]string // main.cf and defaults, as written
	expanded  map[string]string // with $names replaced
	overrides []Override
	services  []Service
}

// ErrAbsent says that there is no postconf to ask.
var ErrAbsent = errors.New("postconf is not on this host")

// Read asks postconf. The error is ErrAbsent, or has what postconf said.
func (i Instance) Read(ctx context.Context) (Configuration, error) {
	if _, err := exec.LookPath(tool("postconf")); err != nil {
		return Configuration{}, ErrAbsent
	}
	var texts [4]string
	for n, args := range [][]string{nil, {"-x"}, {"-P", "-x"}, {"-M"}} {
		var err error
		if texts[n], err = i.run(ctx, "postconf", args...); err != nil {
			return Configuration{}, err
		}
	}
	return Parse(texts[0], texts[1], texts[2], texts[3]), nil
}

// Parse reads what postconf prints: the settings as written, the settings with $names replaced
// (-x), those of master.cf (-P -x), and its services (-M).
func Parse(written, expanded, overrides, services string) Configuration {
	return Configuration{parseSettings(written), parseSettings(expanded), parseOverrides(overrides), parseServices(services)}
}

// Known reports whether Postfix was there to be asked.
func (c Configuration) Known() bool { return c.written != nil }

// parseSettings reads lines of "name = value".
func parseSettings(text string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(line, "="); found {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

// tool finds a command of Postfix, which not every administrator has on the path.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", name)
}

// command is one of Postfix's, for this instance. No shell is involved.
func (i Instance) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if i != "" {
		args = slices.Concat([]string{"-c", string(i)}, args)
	}
	return exec.CommandContext(ctx, tool(name), args...)
}

// run returns what a command prints; what it said on standard error is in the error.
func (i Instance) run(ctx context.Context, name string, args ...string) (string, error) {
	var out, talk bytes.Buffer
	command := i.command(ctx, name, args...)
	command.Stdout, command.Stderr = &out, &talk
	if err := command.Run(); err != nil {
		said := strings.Split(strings.TrimSpace(talk.String()), "\n")
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.Join(said[max(len(said)-3, 0):], "\n"))
	}
	return out.String(), nil
}

package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"onbehalf/term"
)

// Bounds of one run.
const (
	commandTime     = 30 * time.Second
	commandParallel = 2
)

// Command is a sink: a program on this host, which gets the event on standard input. There is no
// shell. Exit status 0 means that it has taken the event.
type Command struct{ argv []string }

// NewCommand returns a command of at least one word, of which the first is an absolute path.
func NewCommand(argv []string) *Command { return &Command{argv} }

// Name is of Sink.
func (c *Command) Name() string { return commandName }

// Target is of Sink: arguments may be secrets.
func (c *Command) Target() string { return c.argv[0] }

// Same is of Sink.
func (c *Command) Same(other Sink) bool {
	o, ok := other.(*Command)
	return ok && slices.Equal(c.argv, o.argv)
}

// Parallel is of Sink.
func (c *Command) Parallel() int { return commandParallel }

// environment is all that a program finds: the daemon's own may have secrets.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}

// Send is of Sink. What takes too long is killed, with all that it has started.
func (c *Command) Send(ctx context.Context, _ Event, body []byte) Answer {
	return c.run(ctx, body, commandTime)
}

func (c *Command) run(ctx context.Context, body []byte, limit time.Duration) Answer {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var said firstBytes
	begun := time.Now()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = "/", environment
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(body, '\n')), &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for who has left the group with the output in its hands
	err := cmd.Run()
	a := Answer{OK: err == nil, Text: "exit status 0"}
	var exited *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		a.OK, a.Text = false, fmt.Sprintf("it did not end in %s, and was killed", time.Since(begun).Round(100*time.Millisecond))
	case errors.Is(err, exec.ErrWaitDelay):
		a.OK, a.Text = true, "exit status 0, with a process left behind"
	case errors.As(err, &exited):
		a.Text = exited.Error()
	case err != nil:
		a.Text = "it cannot be run: " + reason(err)
	}
	if text := strings.TrimSpace(term.Clean(said.String())); text != "" {
		a.Text += ": " + cut(text, maxShown)
	}
	return a
}

// reason returns an error of the system without the path, which is known.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return term.Clean(cut(err.Error(), maxShown))
}

// firstBytes keeps the beginning of what a program says.
type firstBytes struct{ kept []byte }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.kept = append(f.kept, p[:min(len(p), maxAnswer-len(f.kept))]...)
	return len(p), nil
}

func (f *firstBytes) String() string {
	return strings.ToValidUTF8(strings.ReplaceAll(string(f.kept), "\n", " "), "?")
}

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"

	"onbehalf/config"
)

// Apply runs the changes, one after the other, and says each. When one fails, those
// behind it are not tried; the error says how far it came.
func Apply(ctx context.Context, changes []Change, say func(format string, args ...any)) error {
	for i, c := range changes {
		if _, err := output(ctx, "postconf", "-e", c.Name+" = "+c.Value); err != nil {
			return fmt.Errorf("%s could not be set: %w\n  set before it: %s\n  not set: %s", c.Name, err, names(changes[:i]), names(changes[i:]))
		}
		say("ran %s", c.Line())
	}
	return nil
}

func names(changes []Change) string {
	if len(changes) == 0 {
		return "nothing"
	}
	var all []string
	for _, c := range changes {
		all = append(all, c.Name)
	}
	return join(all)
}

// Sound lets Postfix check its configuration, and hands on what it says.
func Sound(ctx context.Context, talk io.Writer) error {
	command := exec.CommandContext(ctx, tool("postfix"), "check")
	command.Stdout, command.Stderr = talk, talk
	if err := command.Run(); err != nil {
		return fmt.Errorf("postfix check: %w; mend what it says, then: postfix reload", err)
	}
	return nil
}

// Running tells whether Postfix runs.
func Running(ctx context.Context) bool {
	return exec.CommandContext(ctx, tool("postfix"), "status").Run() == nil
}

// Reload lets a running Postfix take its new settings over.
func Reload(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, tool("postfix"), "reload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("postfix reload: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Deaf returns the first of our sockets that Postfix will call and that nobody answers at, and
// why; nil: all are answered.
func (w Wanted) Deaf() (config.Socket, error) {
	sockets := []config.Socket{w.Socket}
	if w.delivers() {
		sockets = append(sockets, w.Socketmap)
	}
	for _, socket := range sockets {
		if err := listening(socket); err != nil {
			return socket, err
		}
	}
	return config.Socket{}, nil
}

func listening(socket config.Socket) error {
	connection, err := net.DialTimeout(socket.Network, socket.Address, 2*time.Second)
	if err != nil {
		if failed := new(net.OpError); errors.As(err, &failed) {
			return failed.Err
		}
		return err
	}
	return connection.Close()
}

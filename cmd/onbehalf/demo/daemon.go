package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// daemon is a running `onbehalf serve`.
type daemon struct {
	command *exec.Cmd
	log     <-chan logLine
	said    strings.Builder // what it logged, for the case that it fails
	looked  map[string]bool // domains that it has looked up
}

// logLine is the part of a log line that the play shows.
type logLine struct {
	Level   string `json:"level"`
	Message string `json:"msg"`
	QueueID string `json:"queue_id"`
	Row     string `json:"row"`
	Reason  string `json:"reason"`

	Domain    string `json:"domain"`
	Mechanism string `json:"mechanism"`
	After     string `json:"after"`
}

func startDaemon(ctx context.Context, program string, s *stage) (*daemon, error) {
	d := &daemon{looked: make(map[string]bool), command: exec.CommandContext(ctx, program, "serve", "--config", s.config)}
	stderr, err := d.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.command.Start(); err != nil {
		return nil, err
	}
	lines := make(chan logLine, 100)
	d.log = lines
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(stderr)
		for scanner.Scan() {
			var line logLine
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				line = logLine{Message: scanner.Text()}
			}
			lines <- line
		}
	}()
	serving := false
	_, err = d.await(ctx, func(l logLine) bool {
		serving = serving || l.Message == "serving"
		return serving && d.hasLookedUp()
	})
	return d, err
}

// hasLookedUp reports whether the daemon knows what all customers have published.
func (d *daemon) hasLookedUp() bool {
	return !slices.ContainsFunc(customers, func(domain string) bool { return !d.looked[domain] })
}

// sees waits until the daemon has found a key of the domain.
func (d *daemon) sees(ctx context.Context, domain string) error {
	_, err := d.await(ctx, func(l logLine) bool {
		return l.Domain == domain && l.Mechanism == "dkim cw1" && l.After == "active"
	})
	return err
}

// await reads the log until a line is the wanted one.
func (d *daemon) await(ctx context.Context, wanted func(logLine) bool) (logLine, error) {
	for {
		select {
		case line, more := <-d.log:
			if !more {
				return logLine{}, fmt.Errorf("the daemon has ended: %s", d.said.String())
			}
			fmt.Fprintln(&d.said, line.Message)
			if line.Mechanism == "dmarc" { // the last of a lookup
				d.looked[line.Domain] = true
			}
			if wanted(line) {
				return line, nil
			}
		case <-ctx.Done():
			return logLine{}, ctx.Err()
		}
	}
}

// explain returns the log line of one message.
func (d *daemon) explain(ctx context.Context, queueID string) (logLine, error) {
	return d.await(ctx, func(l logLine) bool { return l.Message == "message" && l.QueueID == queueID })
}

// stop ends the daemon as systemd would.
func (d *daemon) stop() error {
	err := d.command.Process.Signal(syscall.SIGTERM)
	for range d.log {
	}
	return errors.Join(err, d.command.Wait())
}

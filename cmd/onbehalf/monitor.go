package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"onbehalf/admin"
	"onbehalf/config"
	"onbehalf/term"
)

// checkTime is how long a check waits for the daemon: monitors give up after ten seconds.
const checkTime = 8 * time.Second

// verdict ends a command whose exit status is a monitor's.
type verdict struct{ admin.Verdict }

func (v verdict) Error() string { return v.Level.String() + ": " + v.Text }

// isMonitor reports whether a command line is status --check. It counts even where the rest of it
// cannot be understood: a monitor would take exit status 2 for critical.
func isMonitor(args []string) bool {
	return slices.Contains(args, "status") && (slices.Contains(args, "--check") || slices.Contains(args, "--check=true"))
}

// monitorExit prints the line that monitors show, and returns their exit status.
func monitorExit(out io.Writer, err error) int {
	var v verdict
	if !errors.As(err, &v) {
		v.Level, v.Text = admin.Unknowable, "it was not asked"
		if err != nil {
			v.Text = err.Error()
		}
	}
	line := strings.Join(strings.Fields(v.Error()), " ")
	fmt.Fprintln(out, term.Clean(strings.ReplaceAll(line, "|", "/"))) // behind | monitors read numbers
	return int(v.Level)
}

// checkStatus asks the daemon, and judges it. The error is always a verdict, or says why there is
// none.
func (p *program) checkStatus(ofTenant bool, socket string) error {
	if ofTenant {
		return misuse("--check is of the daemon and all tenants; leave TENANT out")
	}
	conf, findings := config.Load(p.config, os.Environ())
	client, err := p.find(conf, findings, socket)
	if err != nil {
		return err
	}
	var s admin.Status
	asked := make(chan error, 1)
	go func() { asked <- admin.Ask(client.socket.Network, client.socket.Address, "/status", &s) }()
	select {
	case err := <-asked:
		if err == nil {
			return verdict{admin.Judge(s, refusable(findings))}
		}
		return client.unanswered(err, client.doubt != "" && deniedIn(findings))
	case <-time.After(checkTime):
		return fmt.Errorf("no answer at %s within %s", client.socket, checkTime)
	}
}

// unanswered says why there is no status: the daemon has no configuration to decide mail by; where
// nobody listens, the daemon does not run, unless the
// socket is but a guess because the configuration could not be read.
func (c adminClient) unanswered(err error, guess bool) error {
	if no := (admin.Error{}); errors.As(err, &no) && no.Unready != nil {
		return verdict{admin.Verdict{Level: admin.Critical, Text: no.Error() + "; onbehalf status shows what is wrong"}}
	}
	gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
	if err = c.explain(err); !gone || guess {
		return err
	}
	return verdict{admin.Verdict{Level: admin.Critical, Text: err.Error()}}
}

// deniedIn reports whether a file of the configuration could not be read by this user.
func deniedIn(findings config.Findings) bool {
	return slices.ContainsFunc(findings, func(f config.Finding) bool { return f.Denied && f.Level == config.Error })
}

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
)

func (p *program) status() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [TENANT]",
		Short: "Show how the running daemon is: reload, DNS, tenants, problems",
		Long: `Ask the running daemon, at the socket that admin in the configuration names, how it is:
what became of the last reload, whether DNS answers, in which ways the tenants' mail
leaves, what is wrong, and what has changed. With TENANT (an id): each of its domains,
what DNS has shown and when, and what that means for its mail. Exit status 0 when the
daemon answers, however it is.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.runStatus(strings.Join(args, ""), len(args) > 0, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the daemon's answer as JSON")
	return cmd
}

func (p *program) runStatus(id string, ofTenant, asJSON bool) error {
	conf, findings := config.Load(p.config, os.Environ())
	daemon := asked{socket: conf.Admin, listen: conf.Listen}
	if conf.Admin.IsZero() {
		if !findings.Fatal() {
			return fmt.Errorf("the admin socket is off in %s; write admin: %s there, and systemctl restart onbehalf", p.config, defaultAdmin)
		}
		daemon.socket, daemon.doubt = defaultAdmin, firstError(findings)
	}
	if ofTenant {
		return answer(p, daemon, "/tenants/"+url.PathEscape(id), asJSON, print.Tenant)
	}
	return answer(p, daemon, "/status", asJSON, func(out io.Writer, s admin.Status) {
		print.Status(out, s)
		if why := refusable(findings); why != "" && (s.Reload == nil || s.Reload.OK) {
			fmt.Fprintf(p.err, "\nThe configuration on disk would be refused now: %s\nonbehalf check-config shows all that is wrong.\n", why)
		}
	})
}

// answer gets a document and prints it.
func answer[T any](p *program, daemon asked, path string, asJSON bool, say func(io.Writer, T)) error {
	var document T
	if err := daemon.get(path, &document); err != nil {
		return err
	}
	if !asJSON {
		say(p.out, document)
		return nil
	}
	return printJSON(p.out, document)
}

// defaultAdmin is where most daemons answer. It is asked when the configuration cannot be
// read: just then someone wants to know.
var defaultAdmin = config.Socket{Network: "unix", Address: "/run/onbehalf/admin.sock"}

func firstError(findings config.Findings) string {
	for _, f := range findings {
		if f.Level == config.Error {
			return f.String()
		}
	}
	return ""
}

// refusable gives the first finding that a reload would be refused for; empty: none. What only
// we may not read is none.
func refusable(findings config.Findings) string {
	for _, f := range findings {
		if (f.Level == config.Error || f.Truncated) && !strings.Contains(f.Cause, "may not be read by us") {
			return f.String()
		}
	}
	return ""
}

// asked is a daemon that is asked.
type asked struct {
	socket config.Socket
	listen []config.Socket // where it answers Postfix
	doubt  string          // why socket is but a guess; empty: it is none
}

func (a asked) get(path string, document any) error {
	err := admin.Ask(a.socket.Network, a.socket.Address, path, document)
	if err == nil {
		return nil
	}
	err = a.explain(err)
	if a.doubt != "" {
		err = fmt.Errorf("%w\nThat is where most daemons answer; the configuration does not tell: %s", err, a.doubt)
	}
	return err
}

// explain says why nobody has answered, and what to do about it.
func (a asked) explain(err error) error {
	var no admin.Error
	switch {
	case errors.As(err, &no):
		return fmt.Errorf("%w; see onbehalf status for when the daemon's configuration was loaded", no)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not connect to %s; run this as %s", a.socket, whoMay(a.socket.Address))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		if busy := a.answersPostfix(); busy != "" {
			return fmt.Errorf("nobody answers at %s, but somebody does at %s: the daemon runs without an admin socket, or with another one than the configuration now names; "+
				"journalctl -u onbehalf says why, and systemctl restart onbehalf takes what is configured", a.socket, busy)
		}
		return fmt.Errorf("onbehalf is not running: nobody answers at %s; systemctl start onbehalf starts it, journalctl -u onbehalf says why it ended", a.socket)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("no answer at %s: %w", a.socket, err)
}

// answersPostfix gives a socket of the milter at which somebody answers.
func (a asked) answersPostfix() string {
	for _, socket := range a.listen {
		if conn, err := net.DialTimeout(socket.Network, socket.Address, time.Second); err == nil {
			conn.Close()
			return socket.String()
		}
	}
	return ""
}

// whoMay names who may connect to a socket: owner and group of it or, when even that
// cannot be seen, of its folder.
func whoMay(path string) string {
	for _, path := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			return fmt.Sprintf("root, as user %s, or as a member of group %s", access.UserName(int(s.Uid)), access.GroupName(int(s.Gid)))
		}
	}
	return "root"
}

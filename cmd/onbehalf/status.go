package main

import (
	"bufio"
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
	"onbehalf/disk"
)

func (p *program) status() *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status [TENANT]",
		Short: "Show how the running daemon is: reload, DNS, tenants, problems",
		Long: `Ask the running daemon, at the socket that admin in the configuration names, how it is:
what became of the last reload, whether DNS answers, in which ways the tenants' mail
leaves, what is wrong, and what has changed. With TENANT (an id): each of its domains,
what DNS has shown and when, and what that means for its mail. Exit status 0 when the
daemon answers, however it is.

When the configuration cannot be read, its line "admin:" counts if it can be found, then
the default socket; --socket says where to ask whatever the configuration says.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.runStatus(strings.Join(args, ""), len(args) > 0, options)
		},
	}
	cmd.Flags().BoolVar(&options.json, "json", false, "print the daemon's answer as JSON")
	cmd.Flags().StringVar(&options.socket, "socket", "", "the daemon's admin socket: unix:PATH or inet:HOST:PORT")
	return cmd
}

// statusOptions are the flags of status.
type statusOptions struct {
	json   bool
	socket string
}

func (p *program) runStatus(id string, ofTenant bool, options statusOptions) error {
	conf, findings := config.Load(p.config, os.Environ())
	daemon, err := p.find(conf, findings, options.socket)
	if err != nil {
		return err
	}
	if ofTenant {
		return answer(p, daemon, "/tenants/"+url.PathEscape(id), options.json, print.Tenant)
	}
	return answer(p, daemon, "/status", options.json, func(out io.Writer, s admin.Status) {
		print.Status(out, s)
		if why := refusable(findings); why != "" && (s.Reload == nil || s.Reload.OK) {
			fmt.Fprintf(p.err, "\nThe configuration on disk would be refused now: %s\nonbehalf check-config shows all that is wrong.\n", why)
		}
	})
}

// find finds out where to ask the daemon: at the socket that a flag names, else at the one in the
// configuration or, where that cannot be read, in what is left of it.
func (p *program) find(conf *config.Config, findings config.Findings, flag string) (asked, error) {
	daemon := asked{socket: conf.Admin, listen: conf.Listen}
	switch {
	case flag != "":
		var err error
		if daemon.socket, err = config.ParseSocket("", flag); err != nil {
			return asked{}, misuse("--socket: %v", err)
		}
	case !conf.Admin.IsZero():
	case !findings.Fatal():
		return asked{}, fmt.Errorf("the admin socket is off in %s; write admin: %s there, and systemctl restart onbehalf", p.config, config.DefaultAdmin)
	default:
		daemon.socket, daemon.doubt = config.DefaultAdmin, firstError(findings)
		if named := p.salvage(); !named.IsZero() && mayAnswer(named) {
			daemon.socket = named
		}
	}
	return daemon, nil
}

// salvage returns the admin socket that the environment or a line of a configuration names that
// cannot be read as a whole; zero: none is found.
func (p *program) salvage() config.Socket {
	texts := []string{os.Getenv("ONBEHALF_ADMIN")}
	file, _, err := disk.Open(p.config, config.MaxFile)
	if err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if value, found := strings.CutPrefix(lines.Text(), "admin:"); found {
				value, _, _ = strings.Cut(value, " #")
				texts = append(texts, strings.Trim(value, " \t\r\"'"))
			}
		}
	}
	for _, text := range texts {
		if s, err := config.ParseSocket(filepath.Dir(p.config), text); err == nil {
			return s
		}
	}
	return config.Socket{}
}

// mayAnswer reports whether somebody listens at a socket, or may: we might not be allowed to connect.
func mayAnswer(s config.Socket) bool {
	conn, err := net.DialTimeout(s.Network, s.Address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED)
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

func firstError(findings config.Findings) string {
	for _, f := range findings {
		if f.Level == config.Error {
			return f.String()
		}
	}
	return ""
}

// refusable returns the first finding that a reload would be refused for; empty: none. What may
// not be read by who asks is none: the daemon is another user.
func refusable(findings config.Findings) string {
	for _, f := range findings {
		if (f.Level == config.Error || f.Truncated) && !f.Denied {
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

// answersPostfix returns a socket of the milter at which somebody answers.
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

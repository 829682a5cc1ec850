package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
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
		RunE: func(_ *cobra.Command, args []string) error { return p.runStatus(strings.Join(args, ""), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the daemon's answer as JSON")
	return cmd
}

func (p *program) runStatus(id string, asJSON bool) error {
	conf, findings := config.Load(p.config, os.Environ())
	socket, err := adminSocket(p.config, conf, findings)
	if err != nil {
		return err
	}
	daemon := asked{socket: socket, listen: conf.Listen}
	if id != "" {
		var t admin.Tenant
		err := daemon.get("/tenants/"+url.PathEscape(id), &t)
		if err == nil && asJSON {
			return p.printDocument(t)
		} else if err == nil {
			print.Tenant(p.out, t)
		}
		return err
	}
	var s admin.Status
	if err := daemon.get("/status", &s); err != nil {
		return err
	}
	if asJSON {
		return p.printDocument(s)
	}
	print.Status(p.out, s)
	if why := refusable(findings); why != "" && (s.Reload == nil || s.Reload.OK) {
		fmt.Fprintf(p.err, "\nThe configuration on disk would be refused now: %s\nonbehalf check-config shows all that is wrong.\n", why)
	}
	return nil
}

func (p *program) printDocument(document any) error {
	text, err := admin.Marshal(document)
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}

// defaultAdmin is where most daemons answer. It is asked when the configuration cannot be
// read: just then someone wants to know.
var defaultAdmin = config.Socket{Network: "unix", Address: "/run/onbehalf/admin.sock"}

// adminSocket finds out where to ask, in a configuration that may be broken.
func adminSocket(file string, conf *config.Config, findings config.Findings) (config.Socket, error) {
	switch {
	case !conf.Admin.IsZero():
		return conf.Admin, nil
	case findings.Fatal():
		return defaultAdmin, nil
	}
	return config.Socket{}, fmt.Errorf("the admin socket is off in %s; write admin: %s there, and systemctl restart onbehalf", file, defaultAdmin)
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
}

// Bounds of an answer.
const (
	statusTime = 30 * time.Second
	maxStatus  = 64 << 20
)

func (a asked) get(path string, document any) error {
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, a.socket.Network, a.socket.Address)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return a.explain(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxStatus))
	if err != nil {
		return a.explain(err)
	}
	if answer.StatusCode != http.StatusOK {
		var no admin.Error
		if json.Unmarshal(body, &no) != nil || no.Error == "" {
			return a.stranger()
		}
		return fmt.Errorf("%s; the daemon may have an older configuration: see onbehalf status", no.Error)
	}
	if err := json.Unmarshal(body, document); err != nil {
		return a.stranger()
	}
	return nil
}

func (a asked) stranger() error {
	return fmt.Errorf("what answers at %s is not onbehalf, or of another version", a.socket)
}

// explain says why nobody has answered, and what to do about it.
func (a asked) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not connect to %s; run this as root%s", a.socket, orAs(a.socket.Address))
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

// orAs names who else may connect to a socket: the group of it or, when even that cannot be
// seen, of its folder.
func orAs(path string) string {
	for _, path := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			return fmt.Sprintf(", as user %s, or as a member of group %s", userName(s.Uid), groupName(s.Gid))
		}
	}
	return ""
}

func userName(id uint32) string {
	text := strconv.Itoa(int(id))
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

func groupName(id uint32) string {
	text := strconv.Itoa(int(id))
	if g, err := user.LookupGroupId(text); err == nil {
		return g.Name
	}
	return text
}

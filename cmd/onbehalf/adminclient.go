package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/milter/mta"
	"onbehalf/tenant"
)

// adminClient asks the running daemon.
type adminClient struct {
	socket config.Socket
	listen []config.Socket // where it answers Postfix
	doubt  string          // why socket is but a guess; empty: it is none
	other  bool            // it is not the daemon that the package's unit runs
}

// find finds out where to ask the daemon: at the socket that a flag names, else at the one in the
// configuration or, where that cannot be read, in what is left of it.
func (p *program) find(conf *config.Config, findings config.Findings, flag string) (adminClient, error) {
	client := adminClient{socket: conf.Admin, listen: conf.Listen, other: p.config != config.DefaultFile}
	switch {
	case flag != "":
		var err error
		if client.socket, err = config.ParseSocket("", flag); err != nil {
			return adminClient{}, misuse("--socket: %v", err)
		}
	case !conf.Admin.IsZero():
	case !findings.Fatal():
		return adminClient{}, fmt.Errorf("the admin socket is off in %s; write admin: %s there, and systemctl restart onbehalf", p.config, config.DefaultAdmin)
	default:
		client.socket, client.doubt = config.DefaultAdmin, firstError(findings)
		if named := config.NamedAdmin(p.config, os.Environ()); mayAnswer(named) {
			client.socket = named
		}
	}
	return client, nil
}

// mayAnswer reports whether a process listens at a socket, or may: perhaps this user may not connect.
func mayAnswer(s config.Socket) bool {
	conn, err := net.DialTimeout(s.Network, s.Address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED)
}

func firstError(findings config.Findings) string {
	for _, f := range findings {
		if f.Level == config.Error {
			return f.String()
		}
	}
	return ""
}

func (c adminClient) get(path string, document any) error {
	err := admin.Ask(c.socket.Network, c.socket.Address, path, document)
	if err == nil {
		return nil
	}
	err = c.explain(err)
	if c.doubt != "" && !errors.As(err, new(admin.Error)) {
		err = fmt.Errorf("%w\nThat is the default socket; which one the daemon has is not known, because the configuration cannot be read: %s", err, c.doubt)
	}
	return err
}

// findInstead finds out where to ask the daemon when the configuration cannot be used here.
func (p *program) findInstead() (adminClient, error) {
	conf, findings := config.Load(p.config, os.Environ())
	return p.find(conf, findings, "")
}

// askInstead asks the daemon for what a command cannot work out by itself, because the configuration
// cannot be used here: it may be for others to read, or broken since the daemon has loaded it.
func (p *program) askInstead(what, tenant, host string, document any) bool {
	client, err := p.findInstead()
	if err != nil || client.socket.IsZero() {
		return false
	}
	path := "/" + what + "/" + url.PathEscape(tenant) + "?host=" + url.QueryEscape(host)
	if err := admin.Ask(client.socket.Network, client.socket.Address, path, document); err != nil {
		if errors.As(err, new(admin.Error)) {
			p.sayLine("onbehalf: the daemon says: %v", err)
		}
		return false
	}
	p.sayLine("onbehalf: by what the daemon runs with, because the configuration on disk cannot be used here")
	return true
}

// standings returns all that the daemon knows of the domains of patterns; of none: of all domains.
func (c adminClient) standings(of []tenant.Pattern) (all []tenant.Standing, err error) {
	for after := ""; ; {
		var page admin.Standings
		if err := c.get(admin.StandingsPath(after, of), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Standings...)
		if page.Next <= after { // the last page, or an answer that would go round in circles
			return all, nil
		}
		after = page.Next
	}
}

// explain says why there is no answer, and what to do about it.
func (c adminClient) explain(err error) error {
	var no admin.Error
	switch {
	case errors.As(err, &no) && no.Unready != nil:
		return no
	case errors.As(err, &no):
		return fmt.Errorf("%w\nThat is by the configuration that the daemon runs with; onbehalf status says when it was loaded", no)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not connect to %s; run this as %s", c.socket, whoMay(c.socket.Address))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return c.absent()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("no answer at %s: %w", c.socket, err)
}

// notRunning is that there is no daemon.
type notRunning struct{ error }

// absent says what it means that no process answers at the admin socket. A connection to the milter's
// says nothing: systemd takes it whether there is a daemon or not, and starts one. So systemd is
// asked first.
func (c adminClient) absent() error {
	state, stopped := "", false
	if !c.other {
		state, stopped = unitState()
	}
	if state != "" {
		state = "\nsystemd says: " + state
	}
	answers, held := "", ""
	if !stopped {
		answers, held = c.milter()
	}
	switch {
	case answers != "":
		return fmt.Errorf("no process answers at %s, but one does at %s: the daemon runs without an admin socket, or with another one than the configuration now names; "+
			"journalctl -u onbehalf says why, and systemctl restart onbehalf takes what is configured%s", c.socket, answers, state)
	case held != "":
		held = ", nor at " + held + ", where connections are taken (systemd does that)"
	}
	return notRunning{fmt.Errorf("onbehalf is NOT running: no process answers at %s%s; systemctl start onbehalf starts it, journalctl -u onbehalf says why it ended%s", c.socket, held, state)}
}

// firstAnswer is how long a daemon may take to answer the first frame of the milter protocol.
const firstAnswer = 3 * time.Second

// milter returns the socket in listen at which a milter answers, or one at which connections are
// taken and no process answers.
func (c adminClient) milter() (answers, held string) {
	for _, socket := range c.listen {
		client, err := mta.DialWithin(socket.Network, socket.Address, firstAnswer)
		if err == nil {
			client.Close()
			return socket.String(), ""
		}
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			held = socket.String()
		}
	}
	return "", held
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

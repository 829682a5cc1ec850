package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
)

func (p *program) serve() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer Postfix: the daemon",
		Long: `Answer Postfix on the sockets that systemd hands over or, without such, on those in
listen, in the foreground, with the log on standard error. SIGHUP reloads the configuration, keys
and secrets; when anything is wrong with them, all stays as it was. A start with a configuration
that cannot be used fails; where systemd holds the sockets, the next one defers all mail (451)
until the configuration is right, and onbehalf status shows why. SIGTERM cuts messages that have
not come to the end of their header, which their clients send again, lets the others finish (30
seconds at most) and ends.

Where root starts it without systemd, it makes the folders that are missing (state_dir, and those of
the sockets), and goes on as the user in --user, who reads the configuration, keys and secrets.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := p.servingUser(user)
			if err != nil {
				return err
			}
			return daemon.Run(cmd.Context(), daemon.Options{Config: p.config, Version: version, Log: p.err, Check: checkOne, User: who})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "as root: the user to go on as (default, for "+config.DefaultFile+": "+defaultUser+")")
	return cmd
}

// servingUser returns whom a daemon goes on as that root starts; nil: it stays who it is. Where
// systemd holds the sockets, its unit has the user (User=). With another configuration than the
// default nobody knows whose daemon it is, as for check-config, and the log says that it is root's.
func (p *program) servingUser(name string) (*access.User, error) {
	root, handed := os.Geteuid() == 0, os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
	if handed || name == "" && (!root || p.config != config.DefaultFile) {
		return nil, nil
	}
	who, err := access.Lookup(cmp.Or(name, defaultUser))
	switch {
	case err != nil && name != "":
		return nil, misuse("--user: %v", err)
	case err != nil:
		return nil, fmt.Errorf("not started: it does not run as root, and its user is not there: %w; make it (systemd-sysusers onbehalf.conf, or useradd --system %s), or name another one: onbehalf serve --user NAME", err, defaultUser)
	case int(who.UID) == os.Geteuid():
		return nil, nil
	case !root:
		return nil, misuse("--user %s: only root can start the daemon as another user", name)
	}
	return who, nil
}

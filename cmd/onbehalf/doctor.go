package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/cmd/onbehalf/doctor"
	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/config"
)

func (p *program) doctor() *cobra.Command {
	var asJSON bool
	user := "onbehalf"
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Prove that the installation works, and say how to mend what does not",
		Long: `Try all that mail depends on: the configuration, its files as the user that the daemon
runs as, the daemon, the socket as Postfix's user from inside its chroot, Postfix's
settings, a message through the socket whose signatures have to verify, and the DNS of
the platform. For each it says ok, warning or ERROR, why, and what to do. It writes
nothing, changes nothing and sends nothing. Run it as root. Exit status 0 when there is
no error.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runDoctor(cmd.Context(), user, asJSON) },
	}
	cmd.Flags().StringVar(&user, "user", user, "user that the daemon runs as")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func (p *program) runDoctor(ctx context.Context, user string, asJSON bool) error {
	findings := p.installation(ctx, user).Examine(ctx)
	bad := doctor.Bad(findings)
	if asJSON {
		if err := printJSON(p.out, map[string]any{"ok": !bad, "findings": findings}); err != nil {
			return err
		}
	} else {
		doctor.Print(p.out, findings)
	}
	if bad {
		return errSaid
	}
	return nil
}

// installation gathers what is to be examined. A configuration that does not load is taken as
// far as it can be read.
func (p *program) installation(ctx context.Context, user string) doctor.Installation {
	in := doctor.Installation{Path: p.config, User: user, Version: version, Secrets: secretsFile(p.config)}
	now, findings := load(p.config)
	in.Findings = findings
	if now != nil {
		in.Config, in.Summary, in.Table, in.Keys = now.Config, now.summary(), now.table, now.ring
		in.DNS = now.lookAtPlatform
	} else {
		in.Config, _ = config.Load(p.config, os.Environ())
	}
	in.Postfix, in.Silent = setup.ReadPostfix(ctx)
	daemon := asked{socket: in.Config.Admin, listen: in.Config.Listen}
	if daemon.socket.IsZero() {
		daemon.socket, daemon.doubt = defaultAdmin, firstError(findings)
	}
	in.Ask = func(s *admin.Status) error { return daemon.get("/status", s) }
	return in
}

// platformTime bounds the look at the platform's DNS.
const platformTime = time.Minute

func (l *loaded) lookAtPlatform(ctx context.Context) (check.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, platformTime)
	defer cancel()
	client, err := newResolver(l.DNS)
	if err != nil {
		return check.Result{}, err
	}
	host, _ := os.Hostname()
	c, err := check.New(check.Source{Table: l.table, Keys: l.ring, Refused: l.refused(), Hostname: host})
	if err != nil {
		return check.Result{}, err
	}
	return c.Judge(c.Observe(ctx, client, nil), nil), nil
}

// secretsFile gives the file of srs.secrets, of which the configuration keeps only what is in
// it; empty: the main file cannot be read.
func secretsFile(path string) string {
	var file struct {
		SRS struct{ Secrets string }
	}
	text, err := os.ReadFile(path)
	if err != nil || yaml.Unmarshal(text, &file) != nil {
		return ""
	}
	secrets := cmp.Or(os.Getenv("ONBEHALF_SRS_SECRETS"), file.SRS.Secrets, "/etc/onbehalf/srs.secrets")
	if !filepath.IsAbs(secrets) {
		secrets = filepath.Join(filepath.Dir(path), secrets)
	}
	return secrets
}

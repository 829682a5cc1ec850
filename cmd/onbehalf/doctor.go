package main

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/cmd/onbehalf/doctor"
	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/term"
)

func (p *program) doctor() *cobra.Command {
	var asJSON, bySMTP bool
	user, host := defaultUser, ""
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Prove that the installation works, and say how to fix what does not",
		Long: `Try all that mail depends on: the configuration, the files that the daemon may use, the
daemon, the socket as Postfix's user from inside its chroot, Postfix's settings, a
message through the socket whose signatures have to verify, and the DNS of the platform.
For each it says ok, warning or ERROR, why, and what to do. It writes nothing, changes
nothing and sends nothing. The message bypasses Postfix; with --smtp another one goes
through it. Run it as root. Exit status 0 when there is no error.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.runDoctor(cmd.Context(), user, host, asJSON, bySMTP)
		},
	}
	cmd.Flags().StringVar(&user, "user", user, "user that the daemon runs as, where none runs to ask")
	hostFlag(cmd, &host)
	cmd.Flags().BoolVar(&bySMTP, "smtp", false, "also hand Postfix a message that onbehalf refuses: a Postfix that does not call onbehalf takes it and sends it to platform.bounces_to")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func (p *program) runDoctor(ctx context.Context, user, host string, asJSON, bySMTP bool) error {
	in := p.installation(ctx, user, host)
	in.SMTP = bySMTP
	findings := in.Examine(ctx)
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
func (p *program) installation(ctx context.Context, user, host string) doctor.Installation {
	in := doctor.Installation{Path: p.config, User: user, Version: version, Progress: term.NewProgress(p.err)}
	now, findings := daemon.Load(p.config)
	in.Findings = findings
	if now != nil {
		in.Config, in.Summary, in.Table, in.Keys = now.Config, now.Summary(), now.Table(), now.Ring()
		in.DNS = func(ctx context.Context) (check.Result, error) {
			return checkPlatform(ctx, now, in.Host, in.Postfix.HELO())
		}
	} else {
		in.Config, _ = config.Load(p.config, os.Environ())
	}
	in.Postfix, in.Unread = postfix.Instance("").Read(ctx)
	in.Host = cmp.Or(host, in.Postfix.Hostname())
	client := adminClient{socket: in.Config.Admin, listen: in.Config.Listen, other: p.config != config.DefaultFile}
	if client.socket.IsZero() {
		client.socket, client.doubt = config.DefaultAdmin, firstError(findings)
	}
	in.Ask = func(s *admin.Status) error { return client.get("/status", s) }
	in.AskFiles = func(f *admin.Files) error { return client.get("/files", f) }
	return in
}

// platformTime bounds the look at the platform's DNS.
const platformTime = time.Minute

func checkPlatform(ctx context.Context, now *daemon.Generation, host, helo string) (check.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, platformTime)
	defer cancel()
	client, err := now.NewResolver()
	if err != nil {
		return check.Result{}, err
	}
	c, err := check.New(checkSource(now, host, helo))
	if err != nil {
		return check.Result{}, err
	}
	return c.Judge(c.Observe(ctx, client, nil), nil), nil
}

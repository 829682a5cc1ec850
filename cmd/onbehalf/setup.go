package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"onbehalf/authorize/publish"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/config"
	"onbehalf/postfix"
	"onbehalf/tenant"
	"onbehalf/term"
)

// setupOptions is what setup is asked.
type setupOptions struct {
	given      setup.Answers
	example    string
	mailHost   string
	apply, yes bool
	asJSON     bool
	remove     bool

	host setup.Host
}

func (p *program) setup() *cobra.Command {
	var q setupOptions
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Write the configuration, make keys, and say what DNS and Postfix need",
		Long: `Write the configuration, make two keys and a secret, and print the DNS records to
publish and the settings that Postfix needs. On a terminal it asks what the options do
not say. A configuration that somebody has written or changed is never overwritten, nor are
keys; a second run changes nothing. With --apply the settings are then made in Postfix
by postconf, each as it was shown, and no other; main.cf and master.cf are saved before.

With --remove it shows what takes onbehalf out of Postfix again, of every instance of this
host, and does that when somebody agrees (--yes: at once). Milters and tables of others stay;
what --apply has changed gets back what it was. The configuration, keys and secrets stay.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case q.remove && (q.apply || q.asJSON):
				return misuse("--remove goes with neither --apply nor --json")
			case q.remove:
				return p.runRemove(cmd.Context(), q.yes)
			}
			return p.runSetup(cmd.Context(), q)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.given.Name, "name", "", "name of the platform, which recipients read")
	flags.StringVar(&q.given.Domain, "domain", "", "its domain, which signs")
	flags.StringVar(&q.given.BounceDomain, "bounce-domain", "", "domain of bounce addresses (default bounces.DOMAIN)")
	flags.StringVar(&q.given.From, "from", "", "address in a rewritten From (default noreply@DOMAIN)")
	flags.StringVar(&q.given.BouncesTo, "bounces-to", "", "mailbox for bounces that belong to no author (default postmaster@DOMAIN)")
	flags.StringSliceVar(&q.given.SendingIPs, "sending-ip", nil, "IP address that receivers see mail come from; may be repeated (default: the public ones of this host)")
	flags.StringSliceVar(&q.given.Selectors, "selector", nil, "selectors of the RSA and the Ed25519 key (default ob1,ob2)")
	flags.StringSliceVar(&q.given.Trusted, "trust", nil, "network of application servers, whose mail is signed and rewritten without a login, or \"none\"; may be repeated (default none; on a terminal what mynetworks of Postfix holds is offered)")
	flags.StringVar(&q.given.SPFInclude, "spf-include", "", "name that tenants include in SPF, or \"none\" to give them addresses (default spf.DOMAIN)")
	flags.StringVar(&q.mailHost, "mail-host", "", "name of the host that bounces come to, for its MX record (default: what DNS says, else the name of this machine)")
	flags.BoolVar(&q.apply, "apply", false, "make the settings in Postfix after showing them")
	flags.BoolVar(&q.remove, "remove", false, "take onbehalf out of Postfix again")
	flags.BoolVar(&q.asJSON, "json", false, "print what was found and done as JSON")
	flags.BoolVar(&q.yes, "yes", false, "ask nothing: take the defaults, and yes for an answer")
	flags.StringVar(&q.example, "example", setup.Example, "the example that the package brought: a configuration that is the same may be overwritten")
	return cmd
}

func (p *program) runSetup(ctx context.Context, q setupOptions) error {
	var talk *setup.Talk
	if !q.yes && term.IsTerminal(p.in) {
		talk = setup.NewTalk(p.in, p.err)
	}
	var instance postfix.Instance
	there, unread := instance.Read(ctx)
	q.host = setup.ThisHost(there)
	if talk != nil && len(q.given.SendingIPs) == 0 {
		q.host.AskDNS(ctx)
	}
	paths, err := setup.PathsOf(p.config, there.Queue())
	if err != nil {
		return err
	}
	written, err := p.configuration(q, paths, talk)
	if err != nil {
		return err
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	doc := setup.Document{Config: paths.Config, Written: written}
	out := p.out
	if q.asJSON {
		out = io.Discard
	}
	if doc.DNS, err = p.platformRecords(ctx, now, q); err != nil {
		return err
	}
	fmt.Fprintln(out, "DNS records to publish.")
	doc.DNS.Print(out)
	deploy := setup.Deploy{
		Wanted: setup.WantedOf(now.Config), Sockets: []config.Socket{now.Listen[0]},
		Instance: instance, Postfix: there, Unread: unread, Apply: q.apply, Talk: talk, Out: out, Say: p.sayLine, Talking: p.err,
	}
	if len(deploy.Direct) > 0 && !now.Socketmap.IsZero() {
		deploy.Sockets = append(deploy.Sockets, now.Socketmap)
	}
	outcome, err := deploy.Run(ctx)
	if err != nil {
		return err
	}
	shadow := now.Platform.Policy.Mode == tenant.Shadow
	if !q.asJSON {
		deploy.Steps(outcome, shadow, paths)
		return nil
	}
	doc.Postfix, doc.Next = deploy.Document(ctx), setup.NextOf(outcome, shadow, paths)
	doc.Postfix.Outcome = outcome.String()
	return printJSON(p.out, doc)
}

// runRemove takes onbehalf out of Postfix. A configuration that does not load is taken as far as it
// can be read: what the package brings is found without it.
func (p *program) runRemove(ctx context.Context, yes bool) error {
	conf, _ := config.Load(p.config, os.Environ())
	r := setup.Remove{Wanted: setup.WantedOf(conf), Milters: setup.MiltersOf(conf), Yes: yes, Out: term.New(p.out), Seen: term.IsTerminal(p.out), Say: p.sayLine, Talking: p.err}
	if term.IsTerminal(p.in) {
		r.Talk = setup.NewTalk(p.in, p.err)
	}
	return r.Run(ctx)
}

// configuration writes the configuration, or follows the one that is there.
func (p *program) configuration(q setupOptions, paths setup.Paths, talk *setup.Talk) (written bool, err error) {
	state, err := setup.Look(paths.Config, q.example)
	switch {
	case err != nil:
		return false, err
	case state == setup.Own:
		return false, p.keepConfig(q, paths)
	}
	return true, p.writeConfig(q, paths, talk)
}

// platformRecords returns what the platform has to publish, as onbehalf dns shows it.
func (p *program) platformRecords(ctx context.Context, now *daemon.Generation, q setupOptions) (publish.Sheet, error) {
	advisor, err := advisorOf(now, q.host.Name, q.mailHost)
	if err != nil {
		return publish.Sheet{}, err
	}
	sheet, err := p.observed(ctx, now, advisor, nil)
	if err != nil {
		return sheet, err
	}
	if len(sheet.Unanswered()) > 0 {
		p.sayUnanswered(sheet)
		p.sayLine("onbehalf: when DNS answers, onbehalf dns shows the records again, with what is there.")
	}
	p.sayLine("")
	return sheet, nil
}

// keepConfig follows a configuration that somebody has written. What is asked for must be
// what it says.
func (p *program) keepConfig(q setupOptions, paths setup.Paths) error {
	now, findings := daemon.Load(paths.Config)
	daemon.PrintFindings(p.err, findings)
	again := fmt.Sprintf("to begin again: mv %s %[1]s.old, and run setup again", paths.Config)
	if now == nil {
		if whole, missing := q.given.Complete(q.host); len(missing) == 0 {
			fmt.Fprintf(p.out, "# Not written; what setup would write to %s:\n%s", paths.Config, paths.Text(whole))
		}
		return fmt.Errorf("%s is not the example of the package, so it is left as it is; it has the errors above: fix them, or %s", paths.Config, again)
	}
	different, err := q.given.Differences(setup.AnswersOf(now.Config))
	if err != nil {
		return misuse("%w", err)
	}
	if len(different) > 0 {
		var lines []string
		for _, d := range different {
			lines = append(lines, fmt.Sprintf("  %s is %s, and --%s says %s", d.Key, d.There, d.Flag, d.Given))
		}
		return fmt.Errorf("%s differs from what you give, and nothing was changed:\n%s\n  Edit it and run setup without these options; or %s", paths.Config, strings.Join(lines, "\n"), again)
	}
	fmt.Fprintf(p.err, "%s is there, with its keys and secret; nothing was changed.\n", paths.Config)
	return nil
}

// writeConfig makes the configuration and all that it names.
func (p *program) writeConfig(q setupOptions, paths setup.Paths, talk *setup.Talk) error {
	if err := paths.Ready(); err != nil {
		return err
	}
	answers, err := p.answers(q.given, q.host, talk)
	if err != nil {
		return err
	}
	if talk != nil {
		yes, err := talk.Agree(fmt.Sprintf("\nWrite %s, and beside it the keys and the secret that are missing?", paths.Config), true)
		if err != nil {
			return err
		}
		if !yes {
			return setup.ErrLeft
		}
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(p.err, "You are not root: the files will be yours, and the daemon may not be able to read them.")
	}
	maker := setup.Maker{Paths: paths, Say: p.sayLine}
	return maker.Make(answers, func(draft string) error { return p.checkDraft(draft, paths.Config) })
}

func (p *program) sayLine(format string, args ...any) { fmt.Fprintf(p.err, format+"\n", args...) }

// answers asks a person, or takes flags and defaults.
func (p *program) answers(given setup.Answers, host setup.Host, talk *setup.Talk) (setup.Answers, error) {
	whole, missing := given.Complete(host)
	if talk != nil {
		var err error
		if whole, err = talk.Ask(given, host); err != nil {
			return whole, err
		}
	} else if len(missing) > 0 {
		why := ""
		if behind := host.Behind(); behind != "" && len(given.SendingIPs) == 0 {
			why = ": " + behind
		}
		return whole, misuse("%s must be given%s", strings.Join(missing, ", "), why)
	}
	wrong, warnings := whole.Check()
	if len(wrong) > 0 {
		return whole, misuse("%w", wrong)
	}
	if talk == nil {
		for _, text := range warnings {
			p.sayLine("warning: %s", text)
		}
		p.sayLine("sending addresses: %s", strings.Join(whole.SendingIPs, ", "))
	}
	return whole, nil
}

// checkDraft is check-config for a file that is not in paths yet, and reported as if it
// were.
func (p *program) checkDraft(draft, as string) error {
	now, findings := daemon.Load(draft)
	var said config.Findings
	for _, f := range findings {
		if f.File == draft {
			f.File = as
		}
		if f.Level != config.Warning || now == nil {
			said = append(said, f)
		}
	}
	daemon.PrintFindings(p.err, said)
	if now == nil || hasFault(findings) {
		return errors.New("what setup would write does not work with what is here, so " + filepath.Base(as) + " was not written; fix the errors above, and run setup again")
	}
	return nil
}

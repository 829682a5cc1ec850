package setup

import (
	"strings"

	"onbehalf/config"
	"onbehalf/term"
)

// step is one of those from an installed package to mail that leaves as it should.
type step struct {
	name string // for left
	do   string // a command, or a line of the configuration
	why  string
}

// steps are all, in their order. They are written here alone: README.md, the package and
// onbehalf(8) show what NextSteps makes of them, setup what left leaves.
var steps = []step{
	{"setup", "onbehalf setup", "asks for your names, writes /etc/onbehalf/onbehalf.yaml, and makes keys and a secret"},
	{"restart", "systemctl restart onbehalf", "has the daemon take them"},
	{"dns", "onbehalf dns", "prints the records to publish in your DNS; onbehalf check says when all of them are there"},
	{"apply", "onbehalf setup --apply", "shows the settings that Postfix lacks, and makes them; or merge them by hand from " +
		"/usr/share/doc/onbehalf/postfix.example.cf, and run: postfix reload"},
	{"tenants", "onbehalf check-config && systemctl reload onbehalf", "when your customers stand in files in /etc/onbehalf/tenants.d"},
	{"selftest", "onbehalf selftest --to ADDRESS", "sends a mailbox of yours two messages to compare"},
	{"enforce", "mode: enforce", "in /etc/onbehalf/onbehalf.yaml, and a reload, when the log (journalctl -u onbehalf) shows what you expect. " +
		"The mode is shadow until then, and mail leaves as it did before. With enforce, mail of domains that belong to no tenant leaves in the platform's name, too (policy.unknown_domain)"},
}

// NextSteps returns the steps after an installation, as lines of at most 80 columns.
func NextSteps() string {
	var b strings.Builder
	show(term.New(&b), steps)
	return b.String()
}

// show prints steps, each with what it is for below it.
func show(out *term.Printer, steps []step) {
	for i, s := range steps {
		out.Line("  %d. %s", i+1, s.do)
		out.Item("", 7, "%s", s.why)
	}
}

// left returns the steps that are left after setup.
func left(outcome Outcome, shadow bool, paths Paths) []step {
	here := strings.NewReplacer(config.DefaultFile, paths.Config, "/etc/onbehalf/tenants.d", paths.Tenants)
	var all []step
	for _, s := range steps {
		switch {
		case s.name == "setup", s.name == "apply" && outcome != Open, s.name == "enforce" && !shadow:
			continue
		case s.name == "restart" && outcome == Waiting:
			s.do += "; then postfix reload"
		case s.name == "restart" && outcome == Set:
			s.why += ", if it does not run with them yet"
		}
		s.why = here.Replace(s.why)
		all = append(all, s)
	}
	return all
}

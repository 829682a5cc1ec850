package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// This file has what help and man pages say beside a command's own text. A command that has no
// examples here fails TestManual.

// examples are lines that people run, by the name of the command; each stands behind what it is
// for. --help and the man pages show them.
var examples = map[string]string{
	"serve": `
		# in the foreground, with another configuration
		onbehalf serve --config /srv/mail/onbehalf.yaml
		# by root, without systemd: make the folders that are missing, and go on as a user
		onbehalf serve --config /srv/mail/onbehalf.yaml --user mailmilter`,
	"check-config": `
		# after an edit
		onbehalf check-config && systemctl reload onbehalf
		# would the daemon start?
		onbehalf check-config --start`,
	"setup": `
		# ask what is not known; Postfix is left as it is
		onbehalf setup
		# for scripts
		onbehalf setup --yes --name Courseware --domain courseware.nl --sending-ip 80.84.235.70
		# show the settings that Postfix lacks, and make them
		onbehalf setup --apply
		# show what takes it out of Postfix again, and do it
		onbehalf setup --remove`,
	"doctor": `
		# as root, after each change to the host
		onbehalf doctor
		# for monitoring
		onbehalf doctor --json`,
	"explain": `
		# what would become of a message that a user has sent
		onbehalf explain message.eml
		# the same for a client on another host that has logged in
		onbehalf explain --login lms-university --client 192.0.2.10 --rcpt student@example.org message.eml`,
	"keygen": `
		# a key to sign as a tenant; then name it in the tenant's dkim
		onbehalf keygen --domain university.example --selector cw1
		# a second one, short and modern
		onbehalf keygen --domain university.example --selector cw2 --type ed25519`,
	"dns": `
		# what the platform publishes, as a zone file
		onbehalf dns --zone
		# the letter to a tenant's DNS administrator
		onbehalf dns university --text`,
	"check": `
		# the platform and all tenants
		onbehalf check
		# a line for each that lacks something; exit status 1 when that is on our side
		onbehalf check --brief --problems
		# what is still missing at one tenant
		onbehalf check university
		# the same, and have the daemon look now
		onbehalf check university --now
		# would its own mail server take our mail?
		onbehalf check university --probe`,
	"status": `
		# the daemon, and what is wrong
		onbehalf status
		# one tenant
		onbehalf status university
		# for a monitor such as Nagios
		onbehalf status --check`,
	"history": `
		# what happened to one tenant in the last month
		onbehalf history university
		# all tenants, for a program
		onbehalf history --since 7d --json`,
	"events": `
		# what somebody should have heard of
		onbehalf events
		# new ones as they come, a line of JSON each
		onbehalf events --follow --json
		# does the receiver take them?
		onbehalf events --test`,
	"trace": `
		# a user's mail did not arrive: what became of it?
		onbehalf trace student@example.org
		# one message, by what Postfix or the application calls it
		onbehalf trace 4jZw872b6Zz1VJwp
		onbehalf trace '<1234.5678@courseware.nl>' --since 7d
		# logs of another host, and of another time
		onbehalf trace student@example.org mail.log.1 mail.log.2.gz onbehalf.log`,
	"selftest": `
		# two messages to compare in a mailbox of yours
		onbehalf selftest --to you@example.org --tenant university`,
	"bounce": `
		# whose bounce is this?
		onbehalf bounce decode 'SRS0=k3v7qm2x=ab=university.example=someone@bounces.courseware.nl'
		onbehalf bounce encode someone@university.example`,
	"demo":    "\n\t\tonbehalf demo",
	"version": "\n\t\tonbehalf version",
	"completion": `
		# in this shell; the package brings it for new ones
		source <(onbehalf completion bash)`,
}

// file is a file or folder that commands read or make.
type file struct {
	path, text string
	of         []string // commands; none: all
}

var files = []file{
	{"/etc/onbehalf/onbehalf.yaml, /etc/onbehalf/tenants.d/*.yaml", "The configuration, onbehalf.yaml(5).", nil},
	{"/etc/onbehalf/keys", "Private keys, readable for the group onbehalf. No upgrade and no removal of the package touches them.",
		[]string{"serve", "check-config", "setup", "doctor", "keygen", "dns", "check"}},
	{"/etc/onbehalf/srs.secrets", "The secrets of bounce addresses.", []string{"serve", "check-config", "setup", "doctor", "bounce"}},
	{"/usr/share/onbehalf/onbehalf.yaml", "The example that a new installation begins with. setup replaces a configuration that is the same.", []string{"setup"}},
	{"/var/lib/onbehalf", "What DNS has shown, and history, kept over a restart.", []string{"serve"}},
	{"/var/spool/postfix/onbehalf/milter.sock", "Where Postfix calls; in main.cf it is unix:onbehalf/milter.sock.", []string{"serve", "doctor"}},
	{"/var/spool/postfix/onbehalf/socketmap.sock", "Where Postfix asks its tables; in main.cf it is socketmap:unix:onbehalf/socketmap.sock:transport and others.",
		[]string{"serve", "doctor"}},
	{"/run/onbehalf/admin.sock", "Where onbehalf status and others ask, for root and the group onbehalf-status.", []string{"serve", "status", "history", "events", "doctor"}},
	{"/etc/postfix/main.cf, /etc/postfix/master.cf", "Read, by postconf(1). Only setup --apply and --remove change them, after saving copies: main.cf.onbehalf-TIME.", []string{"setup", "doctor", "selftest", "trace"}},
	{"/var/log/mail.log, /var/log/maillog, /var/log/mail, /var/log/syslog, /var/log/messages", "With their rotated ones, where Postfix's lines are not in the journal.", []string{"trace"}},
}

// statuses are the exit statuses of all commands.
var statuses = []struct {
	number int
	text   string
}{
	{exitFine, "Fine."},
	{exitNo, "The answer is no, or it failed."},
	{exitUsage, "Wrong usage."},
}

// ofMonitor are those of status --check.
const ofMonitor = "With **--check**: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as monitors expect.\n\n"

// addExamples adds its examples to each command.
func addExamples(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		cmd.Example = strings.ReplaceAll(strings.Trim(examples[cmd.Name()], "\n"), "\t\t", "  ")
	}
}

// manual prints the sections that end a man page of a command, or that of all: an empty name.
func manual(name string) string {
	var b strings.Builder
	if text := examples[name]; text != "" {
		b.WriteString("# EXAMPLES\n\n```\n" + strings.ReplaceAll(strings.Trim(text, "\n"), "\t\t", "") + "\n```\n\n")
	}
	b.WriteString("# EXIT STATUS\n\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, "**%d**\n:   %s\n\n", s.number, s.text)
	}
	if name == "status" {
		b.WriteString(ofMonitor)
	}
	b.WriteString("# FILES\n\n")
	for _, f := range files {
		if name == "" || f.of == nil || slices.Contains(f.of, name) {
			fmt.Fprintf(&b, "*%s*\n:   %s\n\n", plain(f.path), plain(f.text))
		}
	}
	return b.String()
}

package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onbehalf/cmd/onbehalf/setup"
)

// postfix compares its settings with those that setup makes.
func (d *doctor) postfix() {
	const what = "Postfix's settings were not compared"
	switch {
	case errors.Is(d.Silent, setup.ErrNoPostfix):
		d.skip(what, d.Silent.Error(), "where Postfix runs on another host, do this there")
		return
	case d.Silent != nil:
		d.add(Finding{Level: Error, What: what, Why: d.Silent.Error(), Mend: "mend what postconf says"})
		return
	}
	d.runs()
	w, known := d.wanted()
	if !known || w.Bounce.IsZero() {
		d.skip(what, "what it needs depends on listen and platform.bounce_domain, and the configuration does not tell", "")
		return
	}
	for _, c := range d.Postfix.Needs(w) {
		d.setting(c, w)
	}
	d.tableSettings(w)
	for _, text := range d.Postfix.Obstacles(w, d.Config.Platform.Domain.String()) {
		why, mend, _ := strings.Cut(text, ": ")
		d.add(Finding{Level: Warning, What: why, Mend: mend})
	}
	for _, o := range d.Postfix.Overrides() {
		if o.Name == "receive_override_options" && o.Holds("no_milters") {
			d.add(Finding{Level: Warning, What: fmt.Sprintf("in master.cf %s has no_milters", o.Service), Why: "what comes in there is neither signed nor rewritten",
				Mend: "right where a content filter hands mail back; take it out elsewhere"})
		}
	}
	if w.Direct {
		d.direct(w)
	}
}

// grave are the settings without which mail leaves as it should not, or bounces are
// refused. Without the others some messages fare worse.
var grave = []string{"smtpd_milters", "non_smtpd_milters", "milter_default_action", "relay_domains", "transport_maps"}

func (d *doctor) setting(c setup.Change, w setup.Wanted) {
	switch {
	case d.saidOfTables(c.Name, w): // see tableSettings
		return
	case c.Value == "" && c.Now == "": // this Postfix has no such setting, or needs none
		return
	case c.Value == c.Now:
		d.ok("%s = %s", c.Name, strings.Join(strings.Fields(c.Now), " "))
		return
	}
	f := Finding{Level: Warning, What: c.Name + " is " + orEmpty(d.Postfix.Setting(c.Name)), Why: "it should be " + c.Value + ": " + c.Why,
		Mend: "set it, then reload Postfix", Commands: []string{c.Line(), "postfix reload"}}
	called := strings.HasSuffix(c.Name, "_milters") && d.Postfix.Calls(c.Name, w)
	switch {
	case called:
		f.Why = "milters behind onbehalf break its signatures if they change anything"
	case c.Name == "smtpd_milters":
		f.What = c.Name + " does not name our socket, it is " + orEmpty(c.Now)
		f.Why = "onbehalf is not called for mail that comes by SMTP, which leaves as it came"
	case c.Name == "non_smtpd_milters":
		f.What = c.Name + " does not name our socket, it is " + orEmpty(c.Now)
		f.Why = "onbehalf is not called for mail of local programs (sendmail), which leaves as it came"
	case c.Name == "transport_maps":
		f.What = c.Name + " does not name our socketmap, it is " + orEmpty(c.Now)
		f.Why = "Postfix does not ask onbehalf for the way, so mail to directly delivered domains goes by MX like any other"
	case c.Name == "smtp_tls_policy_maps":
		f.What = c.Name + " does not name our socketmap, it is " + orEmpty(c.Now)
		f.Why = "Postfix does not know which TLS tenants want on the way to their servers, and does by smtp_tls_security_level"
		if len(d.strict()) > 0 {
			f.Level = Error
		}
	}
	if slices.Contains(grave, c.Name) && !called {
		f.Level = Error
	}
	d.add(f)
}

func orEmpty(value string) string {
	if value == "" {
		return "empty"
	}
	return value
}

// oldest is the version of Postfix that onbehalf is tested with.
const oldest = "3.7"

// runs looks at the process that Postfix notes in its queue directory. Postfix status would tell
// too, and write into the mail log.
func (d *doctor) runs() {
	version := d.Postfix.Setting("mail_version")
	if setup.Older(version, oldest) {
		d.add(Finding{Level: Warning, What: "Postfix " + version + " is older than any that onbehalf is tested with", Why: "those are " + oldest + " and later"})
	}
	text, err := os.ReadFile(filepath.Join(d.Postfix.Queue(), "pid", "master.pid"))
	if errors.Is(err, os.ErrPermission) {
		return
	}
	pid := strings.TrimSpace(string(text))
	called, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")) // of one that has ended: empty
	if program, _, _ := strings.Cut(string(called), "\x00"); err == nil && pid != "" && filepath.Base(program) == "master" {
		d.ok("Postfix %s runs, process %s, with %s", version, pid, d.Postfix.Setting("config_directory"))
		return
	}
	d.add(Finding{Level: Error, What: "Postfix (" + d.Postfix.Setting("config_directory") + ") is not running", Why: "no mail is taken, nor sent", Mend: "start it, and see its log",
		Commands: []string{"systemctl restart postfix"}})
}

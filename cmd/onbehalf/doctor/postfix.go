package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"onbehalf/postfix"
)

// postfix judges its settings.
func (d *doctor) postfix() {
	const what = "Postfix's settings were not compared"
	switch {
	case errors.Is(d.Unread, postfix.ErrAbsent):
		d.skip(what, d.Unread.Error(), "where Postfix runs on another host, do this there")
		return
	case d.Unread != nil:
		d.add(Finding{Level: Error, What: what, Why: d.Unread.Error(), Fix: "fix what postconf says"})
		return
	}
	d.running()
	w, _ := d.wanted()
	if w.Milter == "" || w.Bounce == "" {
		d.skip(what, "what it needs depends on listen and platform.bounce_domain, and the configuration has none that can be read", "")
		return
	}
	for _, f := range d.Postfix.Findings(w, d.Postfix.Lookup(d.ctx)) {
		d.add(Finding{Level: f.Level, What: f.What, Why: f.Why, Fix: f.Fix, Commands: f.Commands})
	}
}

// oldest is the version of Postfix that onbehalf is tested with.
const oldest = "3.7"

// running looks at the process that Postfix notes in its queue directory. Postfix status would
// tell too, and write into the mail log.
func (d *doctor) running() {
	version, folder := d.Postfix.Setting("mail_version"), d.Postfix.Folder()
	if postfix.Older(version, oldest) {
		d.add(Finding{Level: Warning, What: "Postfix " + version + " is older than any that onbehalf is tested with", Why: "those are " + oldest + " and later"})
	}
	text, err := os.ReadFile(filepath.Join(d.Postfix.Queue(), "pid", "master.pid"))
	if errors.Is(err, os.ErrPermission) {
		return
	}
	pid := strings.TrimSpace(string(text))
	called, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")) // of one that has ended: empty
	if program, _, _ := strings.Cut(string(called), "\x00"); err == nil && pid != "" && filepath.Base(program) == "master" {
		d.ok("Postfix %s runs, process %s, with %s", version, pid, folder)
		return
	}
	d.add(Finding{Level: Error, What: "Postfix (" + folder + ") is not running", Why: "no mail is accepted, nor sent", Fix: "start it, and see its log",
		Commands: []string{"systemctl restart postfix"}})
}

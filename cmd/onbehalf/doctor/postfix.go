package doctor

import (
	"errors"
	"fmt"
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
	d.running(d.Postfix)
	w, _ := d.wanted()
	if w.Milter == "" || w.Bounce == "" {
		d.skip(what, "what it needs depends on listen and platform.bounce_domain, and the configuration has none that can be read", "")
		return
	}
	d.addAll(d.Postfix.Findings(w, d.Postfix.Lookup(d.ctx)))
	for _, other := range d.Postfix.Others() {
		d.another(other, w)
	}
}

func (d *doctor) addAll(all []postfix.Finding) {
	for _, f := range all {
		d.add(Finding{Level: f.Level, What: f.What, Why: f.Why, Fix: f.Fix, Commands: f.Commands})
	}
}

// another judges another instance of this host. One that is not enabled takes no mail.
func (d *doctor) another(instance postfix.Instance, w postfix.Wanted) {
	d.part = "Postfix in " + string(instance)
	c, err := instance.Read(d.ctx)
	switch {
	case err != nil:
		d.add(Finding{Level: Error, What: "its settings were not compared", Why: err.Error(), Fix: "fix what postconf says"})
	case !c.Enabled():
		d.ok("it is not enabled (multi_instance_enable = no), so it was not looked at")
	default:
		d.running(c)
		d.addAll(c.OfAnother(w, c.Lookup(d.ctx)))
	}
}

// oldest is the version of Postfix that onbehalf is tested with.
const oldest = "3.7"

// running looks at the process that Postfix notes in its queue directory. Postfix status would
// also say so, and write into the mail log.
func (d *doctor) running(c postfix.Configuration) {
	version, folder := c.Setting("mail_version"), c.Folder()
	if postfix.Older(version, oldest) {
		d.add(Finding{Level: Warning, What: "Postfix " + version + " is older than any that onbehalf is tested with", Why: "those are " + oldest + " and later"})
	}
	text, err := os.ReadFile(filepath.Join(c.Queue(), "pid", "master.pid"))
	if errors.Is(err, os.ErrPermission) {
		return
	}
	pid := strings.TrimSpace(string(text))
	called, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")) // of one that has ended: empty
	program, _, _ := strings.Cut(string(called), "\x00")
	switch {
	case err != nil || pid == "" || filepath.Base(program) != "master":
		d.add(Finding{Level: Error, What: "Postfix (" + folder + ") is not running", Why: "no mail is accepted, nor sent", Fix: "start it, and see its log",
			Commands: []string{"systemctl restart postfix"}})
	case replaced(pid):
		d.add(Finding{Level: Error, What: fmt.Sprintf("Postfix was upgraded to %s, and process %s (%s) still runs the program that was replaced", version, pid, folder),
			Why: "the old master starts new programs, which may not understand it: mail gets stuck, and a reload can end it", Fix: "restart it", Commands: restartPostfix})
	default:
		d.ok("Postfix %s runs, process %s, with %s", version, pid, folder)
	}
}

// restartPostfix ends a master that the unit of Debian 12 has started, too, of which that of
// Debian 13 does not know.
var restartPostfix = []string{"systemctl stop 'postfix@*'; systemctl restart postfix"}

// replaced reports whether the program file of a process was replaced or removed since it was
// started (proc_pid_exe(5)). Who may not look does not know.
func replaced(pid string) bool {
	program, err := os.Readlink(filepath.Join("/proc", pid, "exe"))
	return err == nil && strings.HasSuffix(program, " (deleted)")
}

package daemon

import (
	"errors"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"

	"onbehalf/admin"
	"onbehalf/config"
)

// reloadEach reloads beside signals and mail: with a million tenants it takes a while, and a
// SIGTERM must not wait for it.
func (d *daemon) reloadEach(requests <-chan os.Signal) {
	d.awaitConfiguration(requests)
	follow := time.NewTicker(followEvery)
	defer follow.Stop()
	for {
		select {
		case <-requests:
			d.reload()
		case <-follow.C:
			d.followServers()
		}
	}
}

// reload builds a new generation aside and swaps it in, or leaves all as it was.
// Messages under way keep the generation that they began with.
func (d *daemon) reload() {
	d.notify(sdnotify.SdNotifyReloading + "\n" + sdnotify.SdNotifyMonotonicUsec())
	last := admin.Reload{At: time.Now()}
	done := unbounded(d.server.Memory)
	last.Result = d.tryReload(&last)
	d.proof.forget()
	done(last.OK)
	d.history.remember(last)
	d.notify("READY=1\nSTATUS=" + last.Result)
}

// tryReload says what became of a reload, in a line and in last.
func (d *daemon) tryReload(last *admin.Reload) (status string) {
	before := d.current.Load()
	defer func() {
		if fault := recover(); fault != nil {
			status = "reload failed, the old configuration stays; " + before.Summary()
			d.log.Error(status, "panic", fault, "stack", string(debug.Stack()))
			d.notices.reloadRefused(nil, errors.New("a fault of onbehalf, which the log shows"))
		}
	}()
	next, findings := loadAfter(before, d.options.Config, d.loader)
	last.Findings = toAdmin(findings)
	d.logFindings(findings)
	if !Reloadable(next, findings) {
		d.log.Error("reload refused, the old configuration stays", "remedy", "fix the errors above, then reload again; onbehalf check-config shows them too")
		d.notices.reloadRefused(findings, nil)
		return "reload refused, the old configuration stays; " + before.Summary()
	}
	next.prepare(before)
	err := d.ending.unless(func() error { return d.watcher.Adopt(next) }) // the standings come along
	if err != nil {
		d.log.Error("reload refused, the old configuration stays", "error", err)
		d.notices.reloadRefused(nil, err)
		return "reload refused: " + err.Error()
	}
	d.warnOfRestart(next)
	d.level.Set(next.Log.Level)
	d.current.Store(next)
	d.server.Counts.Tally.Follow(next.Metrics.Tenants)
	d.recorder.reconfigured()
	d.notices.use(next)
	d.notices.reconfigured(before, next, breather())
	if !reflect.DeepEqual(next.DNS, before.DNS) || !before.asksAnybody() {
		d.logServers()
	}
	if next.loader.Engine != before.loader.Engine {
		d.logEngine(next.loader.Engine)
	}
	last.OK = true
	d.log.Info("reloaded", "config", next.Summary(), "duration", time.Since(last.At).Round(time.Millisecond))
	return next.Summary()
}

// warnOfRestart names what a reload does not change.
func (d *daemon) warnOfRestart(next *Generation) {
	for _, name := range needRestart(&d.history.opened, next.Config) {
		d.log.Warn(name+" differs from what the daemon runs with, and needs a restart", "remedy", "systemctl restart onbehalf")
	}
}

// needRestart names the keys that have changed and that a reload does not take.
func needRestart(before, next *config.Config) []string {
	var names []string
	for name, changed := range map[string]bool{
		"listen":             !slices.Equal(before.Listen, next.Listen),
		"socketmap":          before.Socketmap != next.Socketmap,
		"admin":              before.Admin != next.Admin,
		"state_dir":          before.StateDir != next.StateDir,
		"log.format":         before.Log.Format != next.Log.Format,
		"metrics.listen":     before.Metrics.Listen != next.Metrics.Listen,
		"limits.connections": before.Limits.Connections != next.Limits.Connections,
	} {
		if changed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// notify reports to systemd, where there is one (sd_notify(3)).
func (d *daemon) notify(state string) {
	if _, err := sdnotify.SdNotify(false, state); err != nil {
		d.log.Warn("systemd does not take notifications", "error", err)
	}
}

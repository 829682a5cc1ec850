package daemon

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"

	"onbehalf/admin"
	"onbehalf/config"
)

// A daemon that cannot start leaves the sockets to systemd, which takes connections and says
// nothing: Postfix would wait 30 seconds at each, and its tables 100. So the daemon answers
// without a configuration, too. All mail is deferred (451 4.7.1), all lookups that could lose
// mail are (TEMP), and the reason is in the log, in the unit's status and in onbehalf status.
// Where nobody holds the sockets there is no such daemon: Postfix is refused there, and defers at
// once.

// beginToDefer begins to answer without a configuration, for what is wrong with it. The first start
// with it fails, though: who has asked for it is to see that.
func (d *daemon) beginToDefer(findings config.Findings, why error, sockets sockets) (failed <-chan error, err error) {
	if failsFirst() {
		sockets.close()
		if d.out != nil { // the configuration is all right
			d.out.Close()
			return nil, why
		}
		return nil, d.notStarted(nil, findings)
	}
	conf, broken := config.Load(d.options.Config, os.Environ())
	if conf.Admin.IsZero() && broken.Fatal() {
		conf.Admin = config.NamedAdmin(d.options.Config, os.Environ())
	}
	if d.out == nil {
		d.openLog(conf.Log)
	}
	d.handed = sockets
	d.refuse(findings, why)
	failed = d.serveMilter(sockets.milter, conf.Limits.Connections)
	opened := config.Config{Admin: conf.Admin, Log: conf.Log, Metrics: config.Metrics{Listen: conf.Metrics.Listen}}
	opened.Limits.Connections = connections(d.server).Limit
	d.history.deferring = &opened
	d.serveBeside(sockets, &config.Config{Admin: opened.Admin, Metrics: opened.Metrics})
	d.notify("READY=1\nSTATUS=" + d.refused.Load().Status())
	return failed, nil
}

// refuse notes, and logs unless that was done, why mail is deferred.
func (d *daemon) refuse(findings config.Findings, why error) {
	reason := ""
	if why != nil {
		reason = why.Error()
	}
	now := d.unreadyFor(reason, toAdmin(findings))
	before := d.refused.Swap(now)
	if before != nil && before.Reason == now.Reason && reflect.DeepEqual(before.Findings, now.Findings) {
		return
	}
	d.logFindings(findings)
	remedy := "fix the errors above, then: systemctl reload onbehalf"
	if why != nil {
		remedy = "fix that; it is tried again by itself"
	}
	d.log.Error("NOT READY, so all mail is deferred with 451 4.7.1, and stays with its senders", "error", cmp.Or(now.Reason, "the configuration cannot be used"), "remedy", remedy)
}

func (d *daemon) unreadyFor(reason string, findings []admin.Finding) *admin.Unready {
	return &admin.Unready{
		Version: d.options.Version, PID: os.Getpid(), Started: d.history.started, File: absolute(d.options.Config),
		Tried: time.Now(), Reason: reason, Findings: findings,
	}
}

// unready says why mail is deferred; nil: it is not.
func (d *daemon) unready() *admin.Unready {
	if d.current.Load() != nil {
		return nil
	}
	now := *d.refused.Load()
	now.Deferred = d.server.Counts.Deferred.Load()
	return &now
}

// Between two tries at a configuration, a try takes a tenth of the time at most.
const (
	tryAgainAfter = 2 * time.Second
	tryShare      = 10
)

// awaitConfiguration tries again, at each request and from time to time, until there is a
// configuration to decide mail by. systemd shows why there is none, whenever that changes.
func (d *daemon) awaitConfiguration(requests <-chan os.Signal) {
	pause := tryAgainAfter
	for d.current.Load() == nil {
		asked := false
		select {
		case <-requests:
			asked = true
			d.notify(sdnotify.SdNotifyReloading + "\n" + sdnotify.SdNotifyMonotonicUsec())
		case <-time.After(pause):
		}
		begun, before := time.Now(), d.refused.Load().Status()
		if !d.tryStart(asked) {
			d.notifyRefused(asked, before)
		}
		pause = max(tryAgainAfter, tryShare*time.Since(begun))
	}
}

// notifyRefused reports to systemd that mail is still deferred: to a request always, and else when
// there is another reason than before.
func (d *daemon) notifyRefused(asked bool, before string) {
	switch status := d.refused.Load().Status(); {
	case asked:
		d.notify("READY=1\nSTATUS=" + status)
	case status != before:
		d.notify("STATUS=" + status)
	}
}

// tryStart begins to decide mail, if the configuration is right now. A request adopts what a start
// would. Unasked, only what a reload would take is adopted, and only when its files have settled:
// with half of them tenants are missing, whose mail is refused and whose standings are forgotten.
func (d *daemon) tryStart(asked bool) (started bool) {
	first, findings := loadAfter(nil, d.options.Config, d.loader)
	if first != nil && !asked {
		findings = findings.AtReload()
	}
	if first == nil || !asked && !Reloadable(first, findings) {
		d.quiet = quiet{}
		d.refuse(findings, nil)
		return false
	}
	if !asked && !d.mayAdopt(first) {
		return false
	}
	err := d.ending.unless(func() error {
		if err := d.adopt(first, findings); err != nil {
			return err
		}
		d.serveBeside(d.handed, first.Config)
		d.current.Store(first)
		d.closers = append(d.closers, d.watchLimits(), d.proveKeys())
		return nil
	})
	if err != nil {
		d.refuse(findings, err)
		return false
	}
	d.level.Set(first.Log.Level)
	d.log.Info("the configuration can be used now, and mail is no longer deferred", "deferred", d.server.Counts.Deferred.Load())
	d.begun(first, findings, d.handed, true)
	d.warnOfRestart(first)
	return true
}

// soonest is when systemd starts a daemon again that has failed (RestartSec= of the unit), and a
// little less. Who is quicker is somebody else.
const soonest = 1500 * time.Millisecond

// failsFirst reports whether a start is to fail that could only defer mail: the first one does, so
// that "systemctl restart" fails, and the next one, by which systemd starts the daemon again, does
// not. A file in the folder that systemd gives the daemon (StateDirectory=, systemd.exec(5)) knows.
func failsFirst() bool {
	path := refusalFile()
	if path == "" {
		return false // nobody asks for its exit status
	}
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) >= soonest {
		os.Remove(path)
		return false
	}
	return os.WriteFile(path, nil, 0o640) == nil
}

// forgetRefusal has the next start that can only defer mail fail.
func forgetRefusal() {
	if path := refusalFile(); path != "" {
		os.Remove(path)
	}
}

func refusalFile() string {
	dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "start.refused")
}

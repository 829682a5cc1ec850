package daemon

import (
	"maps"
	"time"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/disk"
)

// settleTime is for how long files have to stay as they are before a daemon that defers mail adopts
// them unasked: whoever repairs them may save one, copy the next, and be half through.
const settleTime = 10 * time.Second

// settling says that it waits for that.
const settling = "the configuration can be used now; it is adopted when its files have not changed for 10 seconds, and at once after: systemctl reload onbehalf"

// quiet is what files look like, and since when they have.
type quiet struct {
	files map[string]disk.Stamp
	since time.Time
}

// lasts reports whether files have looked like this for settleTime.
func (q *quiet) lasts(files map[string]disk.Stamp, now time.Time) bool {
	if q.files == nil || !maps.Equal(q.files, files) {
		*q = quiet{files, now}
	}
	return now.Sub(q.since) >= settleTime
}

// stamps returns what the files look like that a generation was loaded from, and tenants_dir, in
// which others may appear. They are taken after loading: when they were the same before it, it is
// they that were read.
func (g *Generation) stamps(main string) map[string]disk.Stamp {
	all := make(map[string]disk.Stamp)
	for _, file := range access.Files(main, g.Config) {
		if !file.State {
			all[file.Path] = disk.StampOf(file.Path)
		}
	}
	return all
}

// mayAdopt reports whether a generation that nobody asked to adopt may be adopted. While it may not
// for its files alone, status says so.
func (d *daemon) mayAdopt(next *Generation) bool {
	if d.quiet.lasts(next.stamps(d.options.Config), time.Now()) {
		return true
	}
	if d.refused.Load().Reason == "" { // else it was noted, or something else is in the way
		d.refused.Store(d.unreadyFor(settling, nil))
		d.log.Info("the configuration can be used now, and is adopted when its files have stayed as they are", "unchanged_for", settleTime,
			"at_once", "systemctl reload onbehalf")
	}
	return false
}

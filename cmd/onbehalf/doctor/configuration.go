package doctor

import (
	"fmt"
	"strings"

	"onbehalf/config"
)

// configuration reports what load has found, as check-config does.
func (d *doctor) configuration() {
	if d.Table != nil {
		d.ok("%s loads: %s", d.Path, strings.TrimPrefix(d.Summary, "ok: "))
	} else {
		d.add(Finding{Level: Error, What: d.Path + " does not load",
			Why: "a daemon that runs keeps what it has, and does not start again",
			Fix: "fix the errors below; onbehalf check-config says when all is well"})
	}
	for _, f := range d.Findings {
		d.add(ofConfig(f))
	}
}

func ofConfig(f config.Finding) Finding {
	level := Error
	switch {
	case f.Level == config.Warning && !f.Truncated, f.Level == config.Fault: // one tenant's key, all else goes on
		level = Warning
	}
	fix := f.Remedy
	f.Remedy = ""
	one := Finding{Level: level, What: f.String(), Fix: fix}
	if f.Level == config.Fault {
		one.Why = fmt.Sprintf("%s sends without this key until it is fixed", f.Item)
	}
	if f.Truncated {
		one.Why = "a reload is refused, because tenants that are missing would be dropped"
	}
	return one
}

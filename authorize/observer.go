package authorize

import (
	"context"

	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// Observer observes one domain after the other, for a Watcher.
type Observer struct {
	DNS      resolve.Asker
	Platform *tenant.Platform
	Kept     *Kept // keeps the last observation of each domain; nil: none is kept
}

// Look observes a domain, and judges it.
func (o Observer) Look(ctx context.Context, t Target) Report {
	observation, err := Observe(ctx, o.DNS, o.Platform, []Target{t})
	report := Judge(observation, o.Platform, t)
	if err == nil && o.Kept != nil && report.Answered {
		o.Kept.Keep(t.Domain, observation)
	}
	return report
}

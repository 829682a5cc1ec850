package authorize

import (
	"context"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Proven reports whether DNS shows now that a domain is the tenant's, as rewrite.Proven has
// it. What is seen becomes the standings in the table, so that must not be the one that the
// daemon decides by.
func (l Looker) Proven(ctx context.Context, table *tenant.Table, ring Keyring, t *tenant.Tenant, d message.Domain) bool {
	for _, s := range Subjects(t, ring) {
		if !d.Within(s.Domain) {
			continue
		}
		s.SPF = false // it proves nothing: an include can be left over from another time
		report := l.Look(ctx, s)
		table.SetStandings(report.Standing(time.Now())) // a table takes any
	}
	return rewrite.Proven(table.Snapshot(), t, d)
}

package authorize

import (
	"strings"
	"testing"
	"time"

	"onbehalf/tenant"
)

// TestSinceByMonotonicClock: how long a mechanism is lost is measured by the monotonic clock, which
// Go prints as m=, for as long as the daemon runs: a clock that is set ahead loses nothing earlier.
func TestSinceByMonotonicClock(t *testing.T) {
	m := usual.move(tenant.Mechanism{State: tenant.Active}, Finding{Verdict: Missing}, time.Now())
	if m.State != tenant.Warning || !strings.Contains(m.Since.String(), " m=") {
		t.Errorf("%q since %s", m.State, m.Since)
	}
}

package rewrite_test

import (
	"errors"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/srs"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestClassicEndsByTheClock: accept_classic_until ends by the system's clock, whatever other time it
// may be besides: a host that once booted in the year 2000 must not take such addresses for ever.
func TestClassicEndsByTheClock(t *testing.T) {
	table := cases.NewCast(t).Table(t)
	platform := *table.Platform()
	platform.SRS.ClassicUntil = cases.Now
	s := must(tenant.NewTable(&platform, table.Tenants())).Snapshot()
	author := must(message.ParseAddress("ann@club.example"))
	to := message.PathOf(rewrite.NewCodec(platform.SRS, cases.Now).ClassicBounce(author, platform.Bounce))
	if x, ours, err := rewrite.Route(message.Path{}, to, s, cases.Now); !ours || err != nil || x.Kind != rewrite.KindClassic {
		t.Fatalf("before the end: %s address, %v, %v", x.Kind, ours, err)
	}
	if _, _, err := rewrite.Route(message.PathOf(author), to, s, cases.Now); !errors.Is(err, rewrite.ErrClassic) {
		t.Errorf("mail that is no bounce: %v", err)
	}
	after := cases.Now.Add(48 * time.Hour)
	for _, besides := range [][]time.Time{nil, {cases.Now}, {cases.Now.AddDate(-26, 0, 0)}} {
		if x, _, err := rewrite.Route(message.Path{}, to, s, after, besides...); !errors.Is(err, srs.ErrForged) {
			t.Errorf("besides %v: leads to %s, %v", besides, x.To, err)
		}
	}
}

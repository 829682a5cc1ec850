package milter

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRate: so many in a row, and then again as the time passes; each key for itself.
func TestRate(t *testing.T) {
	now := time.Date(2026, time.June, 1, 9, 0, 0, 0, time.UTC)
	r := newRate(10, time.Hour, slots)
	for i := range 12 {
		if exceeded, taken := r.exceeded("a", now), r.take("a", now); taken != (i < 10) || exceeded == taken {
			t.Errorf("%d in a row: taken %v, exceeded %v", i+1, taken, exceeded)
		}
	}
	if !r.take("b", now) {
		t.Error("another key pays too")
	}
	if now = now.Add(6 * time.Minute); !r.take("a", now) || r.take("a", now) {
		t.Error("a tenth of the period does not grant one, or more than one")
	}
	if now = now.Add(-30 * 24 * time.Hour); r.take("a", now) { // the clock is set back
		t.Error("a clock that is set back grants more")
	}
	if now = now.Add(time.Hour); !r.take("a", now) {
		t.Error("after a clock was set back nobody is let in again")
	}
}

// TestRateByMonotonicClock: a time that Go prints with m= has the monotonic clock, and two such are
// compared by it, whatever the clock on the wall was set to between them.
func TestRateByMonotonicClock(t *testing.T) {
	if r := newRate(1, time.Hour, 1); !strings.Contains(r.origin.String(), " m=") || r.at(time.Now()) <= int64(r.period) {
		t.Errorf("it counts from %s", r.origin)
	}
}

// TestNetworkOf: who has one address can have those beside it.
func TestNetworkOf(t *testing.T) {
	for client, want := range map[string]string{
		"203.0.113.5": "203.0.113.0/24", "203.0.113.255": "203.0.113.0/24", "2001:db8:1:2ff::1": "2001:db8:1:200::/56", "::1": "::/56",
	} {
		if got := networkOf(netip.MustParseAddr(client)); got.String() != want {
			t.Errorf("%s is of %s, want %s", client, got, want)
		}
	}
	if networkOf(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("no address has a network")
	}
}

// TestRateIsShared: many at once take no more than there is.
func TestRateIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, taken := newRate(100, time.Hour, 1), make(chan bool, 1000)
		for range 1000 {
			go func() { taken <- r.take("a", time.Now()) }()
		}
		synctest.Wait()
		sum := 0
		for range 1000 {
			if <-taken {
				sum++
			}
		}
		if sum != 100 {
			t.Errorf("%d were granted, want 100", sum)
		}
	})
}

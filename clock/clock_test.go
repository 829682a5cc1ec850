package clock

import (
	"slices"
	"testing"
	"time"
)

const day = 24 * time.Hour

var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// host is a machine whose clock is set.
type host struct {
	passed, set time.Duration
}

func (h *host) system() time.Time { return noon.Add(h.passed + h.set) }
func (h *host) clock(written time.Time, others ...time.Time) *Clock {
	start := h.passed
	return newClock(h.system, func() time.Duration { return h.passed - start }, written, others)
}

func check(t *testing.T, c *Clock, what string, now time.Time, others ...time.Time) {
	t.Helper()
	if got := c.Now(); !got.Equal(now) {
		t.Errorf("%s: it is %s, want %s", what, got, now)
	}
	if got := c.Others(); !slices.EqualFunc(got, others, time.Time.Equal) {
		t.Errorf("%s: it may be %s, want %s", what, got, others)
	}
}

// TestJump sets a clock 30 days ahead or back, and right again.
func TestJump(t *testing.T) {
	for _, by := range []time.Duration{30 * day, -30 * day} {
		h := &host{}
		c := h.clock(time.Time{})
		h.passed = day
		check(t, c, "before", noon.Add(day))
		h.set = by
		check(t, c, "after the jump", noon.Add(day+by), noon.Add(day))
		h.passed = 3 * day
		check(t, c, "two days later", noon.Add(3*day+by), noon.Add(3*day))
		h.set = 0
		check(t, c, "right again", noon.Add(3*day), noon.Add(3*day+by))
		h.set = by
		check(t, c, "and again", noon.Add(3*day+by), noon.Add(3*day))
	}
}

// TestSlew: a clock that drifts, or is set by an hour, has not jumped.
func TestSlew(t *testing.T) {
	h := &host{}
	c := h.clock(time.Time{})
	for range 100 {
		h.passed += day
		h.set += time.Hour
		check(t, c, "slewed", noon.Add(h.passed+h.set))
	}
}

func TestBound(t *testing.T) {
	h := &host{}
	c := h.clock(time.Time{})
	for range 100 {
		h.set += 10 * day
		c.Now()
	}
	check(t, c, "after many jumps", noon.Add(1000*day), noon.Add(960*day), noon.Add(970*day), noon.Add(980*day), noon.Add(990*day))
}

// TestRestart: what was written last says what time it was at least, and which others it may be.
func TestRestart(t *testing.T) {
	for name, test := range map[string]struct {
		set    time.Duration
		others []time.Time
		want   []time.Time
	}{
		"at once":         {0, nil, nil},
		"ahead":           {30 * day, nil, []time.Time{noon.Add(time.Hour)}},
		"back":            {-30 * day, nil, []time.Time{noon.Add(time.Hour)}},
		"after a jump":    {0, []time.Time{noon.Add(30 * day)}, []time.Time{noon.Add(30*day + time.Hour)}},
		"back to another": {30 * day, []time.Time{noon.Add(-30 * day)}, []time.Time{noon.Add(time.Hour)}},
	} {
		h := &host{set: test.set}
		c := h.clock(noon, test.others...)
		h.passed = time.Hour
		check(t, c, name, noon.Add(test.set+time.Hour), test.want...)
	}
}

func TestSystem(t *testing.T) {
	c := New(time.Time{})
	if got := c.Now(); time.Since(got).Abs() > time.Minute || len(c.Others()) != 0 {
		t.Errorf("%s, %s", got, c.Others())
	}
}

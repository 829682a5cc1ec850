// Package clock keeps the times that it may be on a host whose clock jumps.
//
// Bounce addresses carry the day on which they were made, and expire. A clock that is set a month
// ahead by mistake makes those of yesterday look a month old, and those that are made meanwhile
// come from the future once it is right again. Nobody can say which of two times is right, so a
// Clock keeps both: each time that the system's clock was set to goes on beside it, by the
// monotonic clock, which is never set.
package clock

import (
	"slices"
	"sync"
	"time"
)

const (
	jump = 12 * time.Hour // less than this is no jump: addresses have days
	most = 4              // times that are kept beside the system's, the last ones
)

// Clock is the system's clock and those that it was before it jumped. It may be used by many
// goroutines.
type Clock struct {
	system func() time.Time     // the wall clock
	passed func() time.Duration // since the Clock was made, by the monotonic clock

	mu     sync.Mutex
	at     time.Time // by the system, when it was made
	now    time.Duration
	others []time.Duration // of clocks against the one that was not set since then; the last one set comes last
}

// New makes a clock. What the last run noted (see Times in store), if there was one, is when
// it wrote last, by the system's clock and by the others.
func New(written time.Time, others ...time.Time) *Clock {
	start := time.Now()
	return newClock(time.Now, func() time.Duration { return time.Since(start) }, written, others)
}

func newClock(system func() time.Time, passed func() time.Duration, written time.Time, others []time.Time) *Clock {
	c := &Clock{system: system, passed: passed, at: system().Round(0)}
	if written.IsZero() {
		return c
	}
	for _, other := range others { // which have gone on as the system's has
		c.keep(other.Sub(written))
	}
	c.keep(written.Sub(c.at)) // the last time known, had none passed
	return c
}

// Now returns the time by the system's clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.update()
}

// update notes a jump, and returns the time by the system's clock.
func (c *Clock) update() time.Time {
	system := c.system()
	now := system.Round(0).Sub(c.at) - c.passed()
	if !near(now, c.now) {
		before := c.now
		c.others = slices.DeleteFunc(c.others, func(other time.Duration) bool { return near(other, now) })
		c.now = now
		c.keep(before)
	}
	c.now = now // a clock may drift
	return system
}

// keep takes a clock among the others.
func (c *Clock) keep(other time.Duration) {
	c.others = slices.DeleteFunc(c.others, func(known time.Duration) bool { return near(known, other) })
	if near(other, c.now) {
		return
	}
	c.others = append(c.others, other)
	c.others = c.others[max(0, len(c.others)-most):]
}

func near(a, b time.Duration) bool { return (a - b).Abs() < jump }

// Others returns the other times that it may be, at most four; none: the clock has not jumped.
func (c *Clock) Others() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.update()
	var all []time.Time
	for _, other := range c.others {
		all = append(all, c.at.Add(c.passed()+other))
	}
	return all
}

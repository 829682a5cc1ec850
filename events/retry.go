package events

import (
	"math/rand/v2"
	"time"
)

// waits are the times before the second try and those after it; the last one stays.
var waits = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

const (
	lifetime   = 3 * 24 * time.Hour // of an event that a receiver does not take
	shortLife  = 24 * time.Hour     // of one that it says it will never take
	leastTries = 3                  // before an event is given up: the clock may have jumped
	maxPause   = 24 * time.Hour     // that a receiver may ask for
)

// waitAfter returns how long to wait after so many tries, 10 % more or less.
func waitAfter(tries int) time.Duration {
	wait := waits[min(max(tries, 1), len(waits))-1]
	return wait*9/10 + rand.N(wait/5)
}

// isDead reports whether an event that has waited so long is given up.
func isDead(age time.Duration, tries int, a Answer) bool {
	life := lifetime
	if a.Never {
		life = shortLife
	}
	return tries >= leastTries && age > life
}

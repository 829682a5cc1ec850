package daemon

import "time"

// A reload works for a millisecond and rests for one, so that messages under way find a
// processor at once even where there is only one.
const (
	workFor = time.Millisecond
	restFor = time.Millisecond
)

// breather returns what a reload calls all the time, one call at a time, to rest when it is time.
func breather() func() {
	begun, calls := time.Now(), 0
	return func() {
		if calls++; calls%8 != 0 || time.Since(begun) < workFor {
			return
		}
		time.Sleep(restFor)
		begun = time.Now()
	}
}

package resolve

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Counts are the questions of one or more clients. The zero value is ready. It may be used by many
// goroutines.
type Counts struct {
	results [len(Results)]atomic.Int64

	mu      sync.Mutex
	packets [window + 1]struct { // one more, for the second under way
		second int64 // Unix time
		sent   int
	}
}

// Results are what may come of a question.
var Results = [...]string{
	"found",      // there are records, or what is found is too large
	"none",       // the name has none of that type
	"no-name",    // the name does not exist
	"unanswered", // no server answered
	"no-turn",    // nobody was asked in time, because too many questions wait (dns.max_per_second)
}

// window is how many seconds Rate looks back.
const window = 10

// note counts a question.
func (c *Counts) note(a Answer, err error) {
	i := 0
	switch {
	case errors.Is(err, ErrNoTurn):
		i = 4
	case err != nil && !errors.Is(err, ErrTooLarge):
		i = 3
	case a.NoName:
		i = 2
	case err == nil && len(a.Records) == 0:
		i = 1
	}
	c.results[i].Add(1)
}

// Each calls yield with the number of questions by what came of them.
func (c *Counts) Each(yield func(result string, n int64)) {
	for i, result := range Results {
		yield(result, c.results[i].Load())
	}
}

// sent counts a packet.
func (c *Counts) sent(at time.Time) {
	second := at.Unix()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.packets[uint64(second)%uint64(len(c.packets))]
	if p.second != second {
		p.second, p.sent = second, 0
	}
	p.sent++
}

// Rate returns how many packets were sent in a second, over the last ten that have ended.
func (c *Counts) Rate(now time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, this := 0, now.Unix()
	for _, p := range c.packets {
		if p.second < this && p.second >= this-window {
			sum += p.sent
		}
	}
	return float64(sum) / window
}

package resolve

import (
	"errors"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestCounts(t *testing.T) {
	var c Counts
	c.note(Answer{Records: []dns.RR{new(dns.TXT)}}, nil)
	c.note(Answer{}, &Error{"x.example", "TXT", ErrTooLarge})
	c.note(Answer{}, nil)
	c.note(Answer{NoName: true}, nil)
	c.note(Answer{}, &Error{"x.example", "TXT", errors.New("no answer in time")})
	c.note(Answer{}, &Error{"x.example", "TXT", errors.Join(errors.New("no answer in time"), ErrNoTurn)})
	want := map[string]int64{"found": 2, "none": 1, "no-name": 1, "unanswered": 1, "no-turn": 1}
	c.Each(func(result string, n int64) {
		if n != want[result] {
			t.Errorf("%s: %d, want %d", result, n, want[result])
		}
	})
}

// TestRate: the second under way does not count, nor what is longer ago than the window.
func TestRate(t *testing.T) {
	var c Counts
	begin := time.Unix(1_800_000_000, 0)
	for i := range 300 { // 20 in each of 15 seconds
		c.sent(begin.Add(time.Duration(i) * time.Second / 20))
	}
	for after, want := range map[time.Duration]float64{15 * time.Second: 20, 20 * time.Second: 10, time.Minute: 0} {
		if got := c.Rate(begin.Add(after)); got != want {
			t.Errorf("after %s: %v, want %v", after, got, want)
		}
	}
}

package resolve_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// crowded is a client whose next turn comes after about a minute.
func crowded(t *testing.T) *resolve.Client {
	t.Helper()
	c := clientOf(t, resolve.Options{Servers: []string{serve(t, zone("x.nl TXT a")).Addr}, Timeout: patience, MaxPerSecond: 1})
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	t.Cleanup(func() { cancel(); waiting.Wait() })
	for range 60 {
		waiting.Go(func() { c.Ask(ctx, "crowd.nl", dns.TypeTXT) })
	}
	time.Sleep(haste)
	return c
}

// TestTook: what servers take counts, and what we wait for our turn does not.
func TestTook(t *testing.T) {
	t.Parallel()
	slow := func(h dns.HandlerFunc) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(haste)
			h(w, q)
		}
	}
	for name, row := range map[string]struct {
		handler dns.HandlerFunc
		times   time.Duration // haste, at least
		fails   bool
	}{
		"answer":  {slow(zone("x.nl TXT a")), 1, false},
		"TCP":     {slow(onTCP(zone("x.nl TXT a"))), 2, false},
		"aliases": {slow(zone("x.nl CNAME y.nl", "y.nl CNAME z.nl", "z.nl TXT a")), 3, false},
		"no data": {slow(zone()), 1, false},
		"REFUSED": {slow(says(dns.RcodeRefused)), 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientOf(t, resolve.Options{Servers: []string{serve(t, row.handler).Addr}, Timeout: patience, MaxPerSecond: 2})
			ask(c, "crowd.nl")
			start := time.Now()
			got, err := ask(c, "x.nl")
			if (err != nil) != row.fails || got.Took < row.times*haste || got.Took > time.Since(start)-300*time.Millisecond {
				t.Errorf("%v of %v: %v", got.Took, time.Since(start), err)
			}
		})
	}
}

// TestNoTurn: where the deadline would come before the turn, it is said at once, and no server is
// blamed for it.
func TestNoTurn(t *testing.T) {
	t.Parallel()
	c := crowded(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	got, err := c.Ask(ctx, "x.nl", dns.TypeTXT)
	unanswered := new(resolve.Error)
	if !errors.As(err, &unanswered) || unanswered.Cause.Error() != resolve.ErrNoTurn.Error() || !errors.Is(err, resolve.ErrNoTurn) || got.Took > 0 || time.Since(start) > patience/2 {
		t.Errorf("%v after %v: %v", err, time.Since(start), got)
	}
}

// TestCancelInQueue ends the wait for a turn.
func TestCancelInQueue(t *testing.T) {
	t.Parallel()
	c := crowded(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(haste, cancel)
	start := time.Now()
	if _, err := c.Ask(ctx, "x.nl", dns.TypeTXT); !errors.Is(err, context.Canceled) || time.Since(start) > patience/2 {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestLongestQuestion: a chain of aliases, each behind silence, takes no longer than one name.
func TestLongestQuestion(t *testing.T) {
	t.Parallel()
	const timeout = 4 * haste
	all := zone(append(chain(8), "c8.nl TXT a")...)
	var mu sync.Mutex
	asked := make(map[string]bool)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		before := asked[q.Question[0].Name]
		asked[q.Question[0].Name] = true
		mu.Unlock()
		if before { // what is asked first is lost
			all(w, q)
		}
	})
	got, err := ask(clientOf(t, resolve.Options{Servers: []string{s.Addr}, Timeout: timeout}), "c0.nl")
	if err == nil || got.Took < 2*timeout || got.Took > 6*timeout {
		t.Errorf("%v: %v", got.Took, err)
	}
}

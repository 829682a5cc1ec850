package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"onbehalf/store"
)

// Status is how the deliveries to one sink go.
type Status struct {
	Sink    string    `json:"sink"`   // webhook or command
	Target  string    `json:"target"` // host of the webhook, or path of the command
	Queued  int       `json:"queued"`
	Oldest  time.Time `json:"oldest,omitzero"`   // of those
	Paused  time.Time `json:"paused,omitzero"`   // until when the receiver wants none
	Problem string    `json:"problem,omitempty"` // what it said to the last one; empty: it took it
	Since   time.Time `json:"since,omitzero"`    // when it began to refuse
	Tally
}

// Status returns one for each sink in use, by name. It waits for nothing.
func (o *Outbox) Status() []Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := []Status{}
	for _, l := range o.lines {
		if l.sink == nil {
			continue
		}
		s := Status{Sink: l.name, Target: l.sink.Target(), Queued: l.queued, Oldest: l.oldest(), Problem: l.problem, Since: l.since, Tally: l.tally}
		if l.pause.After(o.now()) {
			s.Paused = l.pause.UTC()
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Sink, b.Sink) })
	return all
}

// Page is a part of the events that are kept, the oldest first.
type Page struct {
	Events []Event `json:"events"`
	Last   string  `json:"last"` // where the next page begins, though there may be none yet
}

// List returns the last events, so many at most; or those after what a page has said is its last.
func (o *Outbox) List(after string, most int) (Page, error) {
	page := Page{Events: []Event{}, Last: after}
	r := store.Range{Reverse: after == ""}
	if after != "" {
		number, err := parsePlace(after)
		if err != nil {
			return page, err
		}
		r.From = keyOf(number + 1)
	}
	var last uint64
	var failure error
	err := o.store.Walk(store.BucketEvents, r, func(key string, body []byte) bool {
		number, ours := numberOf(key)
		if !ours {
			return true
		}
		var e Event
		if failure = json.Unmarshal(body, &e); failure != nil {
			return false
		}
		last = max(last, number)
		page.Events = append(page.Events, e)
		return len(page.Events) < most
	})
	if err == nil {
		err = failure
	}
	if r.Reverse {
		slices.Reverse(page.Events)
	}
	if last > 0 || after == "" {
		page.Last = fmt.Sprintf("%016x", last)
	}
	return page, err
}

// parsePlace reads what a page has said is its last.
func parsePlace(text string) (number uint64, err error) {
	if _, err := fmt.Sscanf(text, "%016x", &number); err != nil || fmt.Sprintf("%016x", number) != text {
		return 0, ErrPage
	}
	return number, nil
}

// ErrPage is returned for a place that no page has said.
var ErrPage = fmt.Errorf("there is no such page")

// read returns an event and its JSON; nil: there is none.
func (o *Outbox) read(number uint64) (e Event, body []byte, err error) {
	o.mu.Lock()
	body = o.bodies.of[number]
	o.mu.Unlock()
	if body == nil {
		var found bool
		if body, found, err = o.store.Get(store.BucketEvents, keyOf(number)); err != nil || !found {
			return e, nil, err
		}
	}
	return e, body, json.Unmarshal(body, &e)
}

// Tried is what became of a test.
type Tried struct {
	Sink         string `json:"sink"`
	Target       string `json:"target"`
	OK           bool   `json:"ok"`
	Answer       string `json:"answer"`
	Milliseconds int64  `json:"duration_ms"`
}

// Try sends a test event to each sink at once, past what waits, and says what the receivers answered.
// It is not kept, and not tried again.
func (o *Outbox) Try(ctx context.Context) []Tried {
	o.mu.Lock()
	var sinks []Sink
	for _, l := range o.lines {
		if l.sink != nil {
			sinks = append(sinks, l.sink)
		}
	}
	o.mu.Unlock()
	e := NewTest(o.now())
	body, err := e.body()
	tried := make([]Tried, len(sinks))
	var sends sync.WaitGroup
	for i, s := range sinks {
		sends.Go(func() {
			begun := time.Now()
			a := Answer{Text: fmt.Sprint(err)}
			if err == nil {
				a = send(ctx, s, e, body)
			}
			tried[i] = Tried{s.Name(), s.Target(), a.OK, a.Text, time.Since(begun).Milliseconds()}
		})
	}
	sends.Wait()
	slices.SortFunc(tried, func(a, b Tried) int { return strings.Compare(a.Sink, b.Sink) })
	return tried
}

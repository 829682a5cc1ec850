package events

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"onbehalf/store"
)

// The store has each event as it is sent, under a number that ascends; each delivery that is not
// done, under the name of the sink and that number; and what became of those that were given up.

// waiting is a delivery that is not done.
type waiting struct {
	Tenant string    `json:"tenant,omitempty"`
	At     time.Time `json:"at"` // of the event
	Tries  int       `json:"tries,omitempty"`
}

// Tally counts what a sink never got, over restarts.
type Tally struct {
	Dead    int64     `json:"dead_letters"`         // given up
	Dropped int64     `json:"dropped"`              // without a try: too many waited, or it was lost
	Last    time.Time `json:"last,omitzero"`        // of either
	Cause   string    `json:"last_cause,omitempty"` // of that
}

// markTally is where the store has the tallies.
const markTally = "events\x00"

func keyOf(number uint64) string { return string(binary.BigEndian.AppendUint64(nil, number)) }

func numberOf(key string) (uint64, bool) {
	if len(key) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(key)), true
}

func deliveryKey(sink string, number uint64) string { return sink + "\x00" + keyOf(number) }

func eventChange(number uint64, body []byte) store.Change {
	return store.Change{Bucket: store.BucketEvents, Key: keyOf(number), Value: body}
}

func forget(number uint64) store.Change {
	return store.Change{Bucket: store.BucketEvents, Key: keyOf(number), Delete: true}
}

func deliveryChange(sink string, i item) store.Change {
	text, _ := json.Marshal(waiting{i.tenant, i.at, i.tries}) // the time was in an event's JSON already
	return store.Change{Bucket: store.BucketDeliveries, Key: deliveryKey(sink, i.number), Value: text}
}

func doneChange(sink string, i item) store.Change {
	return store.Change{Bucket: store.BucketDeliveries, Key: deliveryKey(sink, i.number), Delete: true}
}

func tallyChange(sink string, t Tally) store.Change {
	text, _ := json.Marshal(t)
	return store.Change{Bucket: store.BucketMarks, Key: markTally + sink, Value: text}
}

// recall reads what the last run has left.
func (o *Outbox) recall() error {
	err := o.store.Walk(store.BucketDeliveries, store.Range{}, func(key string, text []byte) bool {
		name, rest, _ := strings.Cut(key, "\x00")
		number, ours := numberOf(rest)
		var w waiting
		if ours && json.Unmarshal(text, &w) == nil {
			o.line(name).add(item{number: number, tenant: w.Tenant, at: w.At, tries: w.Tries})
			o.pending[number]++
			o.last = max(o.last, number)
		}
		return true
	})
	if err != nil {
		return err
	}
	err = o.store.Walk(store.BucketEvents, store.Range{}, func(key string, body []byte) bool {
		if number, ours := numberOf(key); ours {
			o.kept, o.last = append(o.kept, number), max(o.last, number)
			if o.pending[number] > 0 {
				o.bodies.keep(number, slices.Clone(body))
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return o.store.Walk(store.BucketMarks, store.Range{From: markTally, To: markTally + "\xff"}, func(key string, text []byte) bool {
		var t Tally
		if json.Unmarshal(text, &t) == nil {
			o.line(key[len(markTally):]).tally = t
		}
		return true
	})
}

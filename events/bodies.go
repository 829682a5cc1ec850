package events

import (
	"slices"

	"onbehalf/store"
)

// maxBodies bounds the JSON of events that is kept in memory, in bytes. An event has some 500.
const maxBodies = 32 << 20

// bodies has the JSON of events that wait, so that they can be delivered, and saved again, when the
// file of the store had to be replaced. What is beyond its bound is in the store alone.
type bodies struct {
	of   map[uint64][]byte
	size int
}

func (b *bodies) keep(number uint64, body []byte) {
	if b.of[number] == nil && b.size+len(body) <= maxBodies {
		b.of[number] = slices.Clip(body) // a sink may append to it
		b.size += len(body)
	}
}

func (b *bodies) forget(number uint64) {
	b.size -= len(b.of[number])
	delete(b.of, number)
}

// SaveAgain writes what waits, and the tallies, after the store has lost them.
func (o *Outbox) SaveAgain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	var changes []store.Change
	for number, body := range o.bodies.of {
		changes = append(changes, eventChange(number, body))
	}
	for _, l := range o.lines {
		l.lost = false
		if l.tally != (Tally{}) {
			changes = append(changes, tallyChange(l.name, l.tally))
		}
		for _, one := range l.lanes {
			for _, i := range one.items {
				changes = append(changes, deliveryChange(l.name, i))
			}
		}
	}
	if len(changes) > 0 {
		o.store.Write(changes...)
	}
}

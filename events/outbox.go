package events

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"onbehalf/store"
)

// Sinks are the names of all that there are.
var Sinks = [...]string{webhookName, commandName}

const (
	webhookName = "webhook"
	commandName = "command"
)

// Sink brings events to one receiver.
type Sink interface {
	// Name is by which the store knows it.
	Name() string
	// Target says where they go, for people; it shows no secret.
	Target() string
	// Same reports whether another one has the same receiver.
	Same(other Sink) bool
	// Parallel is how many events may be under way at the same time.
	Parallel() int
	// Send delivers one, whose JSON is body, in bounded time.
	Send(ctx context.Context, e Event, body []byte) Answer
}

// Answer is what a receiver said to an event.
type Answer struct {
	OK    bool
	Text  string        // what it said, clean, at most some 300 bytes
	Never bool          // it says that trying again is of no use
	Pause time.Duration // for which it wants no event; 0: it says nothing of that
}

// keptEvents is how many are kept after they are delivered, for onbehalf events.
const keptEvents = 1000

// Outbox keeps events until each sink has them. It may be used by many goroutines.
type Outbox struct {
	store store.Store
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{}

	mu      sync.Mutex // waits for nothing
	last    uint64     // number of the last event
	kept    []uint64   // numbers of events in the store, ascending
	pending map[uint64]int
	bodies  bodies // of those
	lines   map[string]*line
}

// Open returns the outbox in a store, with what the last run has left. The error says what of that
// cannot be read; the outbox works all the same.
func Open(s store.Store, log *slog.Logger) (*Outbox, error) {
	o := &Outbox{store: s, log: log, now: time.Now, wake: make(chan struct{}, 1), pending: make(map[uint64]int), bodies: bodies{of: make(map[uint64][]byte)}, lines: make(map[string]*line)}
	return o, o.recall()
}

func (o *Outbox) line(name string) *line {
	l := o.lines[name]
	if l == nil {
		l = &line{name: name, lanes: make(map[string]*lane)}
		o.lines[name] = l
	}
	return l
}

// Use has events go to these sinks from now on. What waits for another one is dropped: its receiver
// is no longer wanted. What a receiver has said counts for no other.
func (o *Outbox) Use(sinks ...Sink) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := make(map[*line]Sink)
	for _, l := range o.lines {
		before[l], l.sink = l.sink, nil
	}
	for _, s := range sinks {
		l := o.line(s.Name())
		l.sink, l.full, l.lost = s, false, false
	}
	for _, l := range o.lines {
		if last := before[l]; last != nil && !l.isFor(last) {
			l.forget()
		}
		if l.sink == nil && l.queued > 0 {
			o.clear(l)
		}
	}
	o.nudge()
}

// clear drops what waits for a sink that is gone. What is under way ends by itself.
func (o *Outbox) clear(l *line) {
	var gone []item
	for tenant, one := range l.lanes {
		stays := 0
		if one.busy {
			stays = 1
		}
		gone = append(gone, one.items[stays:]...)
		if one.items = one.items[:stays]; stays == 0 {
			delete(l.lanes, tenant)
		}
	}
	for _, i := range gone {
		o.settle(i.number)
		o.store.Write(doneChange(l.name, i))
	}
	if l.queued -= len(gone); len(gone) > 0 {
		o.drop(l, int64(len(gone)), unconfigured(l))
	}
}

func unconfigured(l *line) string { return "events." + l.name + " is no longer configured" }

// Notice takes events, and waits for nothing.
func (o *Outbox) Notice(all ...Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range all {
		if body, err := e.body(); err == nil { // else its time is beyond the year 9999
			o.take(e, body)
		}
	}
	o.prune()
	o.nudge()
}

func (o *Outbox) take(e Event, body []byte) {
	o.last = max(o.last+1, uint64(max(e.At.UnixNano(), 0)))
	changes := []store.Change{eventChange(o.last, body)}
	i := item{number: o.last, tenant: e.Data.Tenant, at: e.At}
	for _, l := range o.lines {
		switch {
		case l.sink == nil:
		case !l.fits(i.tenant):
			o.drop(l, 1, fmt.Sprintf("%d events wait already, of this tenant or of all", maxOfTenant))
		default:
			l.add(i)
			o.pending[i.number]++
			changes = append(changes, deliveryChange(l.name, i))
		}
	}
	if o.pending[o.last] > 0 {
		o.bodies.keep(o.last, body)
	}
	o.kept = append(o.kept, o.last)
	o.store.Write(changes...)
}

// drop counts events that a sink will never get, and logs the first.
func (o *Outbox) drop(l *line, count int64, why string) {
	o.countDropped(l, count, why)
	if !l.full {
		l.full = true
		o.log.Error("events are dropped", "to", "events."+l.name, "count", l.tally.Dropped, "why", why, "remedy", "see onbehalf status for why the receiver does not take them")
	}
}

func (o *Outbox) countDropped(l *line, count int64, why string) {
	l.tally.Dropped += count
	l.tally.Last, l.tally.Cause = o.now().UTC(), why
	o.store.Write(tallyChange(l.name, l.tally))
}

// miss drops the first of a lane, because the store has lost it. It says nothing of the receiver.
func (o *Outbox) miss(l *line, one *lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	const why = "the state file was replaced, and they were lost with it"
	o.countDropped(l, 1, why)
	if !l.lost {
		l.lost = true
		o.log.Error("events are dropped", "to", "events."+l.name, "count", l.tally.Dropped, "why", why, "remedy", "see the log for why the state file was replaced, and onbehalf status for how many are lost")
	}
	o.finish(l, one)
}

// finish takes the first of a lane out for good.
func (o *Outbox) finish(l *line, one *lane) {
	i := one.items[0]
	o.store.Write(doneChange(l.name, i))
	o.settle(i.number)
	l.end(one, true, time.Time{})
	o.nudge()
}

// settle notes that a delivery of an event is no longer to come.
func (o *Outbox) settle(number uint64) {
	if o.pending[number]--; o.pending[number] <= 0 {
		delete(o.pending, number)
		o.bodies.forget(number)
	}
}

// prune forgets events that are no longer among the last, and that no sink waits for.
func (o *Outbox) prune() {
	const slack = 100 // a look at all for so many
	if len(o.kept) < keptEvents+len(o.pending)+slack {
		return
	}
	surplus := len(o.kept) - keptEvents
	kept := o.kept[:0]
	var gone []store.Change
	for i, number := range o.kept {
		if i < surplus && o.pending[number] == 0 {
			gone = append(gone, forget(number))
		} else {
			kept = append(kept, number)
		}
	}
	o.kept = kept
	if len(gone) > 0 {
		o.store.Write(gone...)
	}
}

// nudge makes Run look again.
func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then those under way end too, and are tried again by the next run.
func (o *Outbox) Run(ctx context.Context) {
	var sends sync.WaitGroup
	defer sends.Wait()
	for ctx.Err() == nil {
		l, one, wait := o.begin()
		if one != nil {
			sends.Go(func() { o.deliver(ctx, l, one) })
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (o *Outbox) begin() (of *line, due *lane, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait = time.Hour
	for _, l := range o.lines {
		one, left := l.begin(o.now())
		if one != nil {
			return l, one, 0
		}
		wait = min(wait, left)
	}
	return nil, nil, wait
}

// deliver sends the first of a lane, and notes what became of it.
func (o *Outbox) deliver(ctx context.Context, l *line, one *lane) {
	o.mu.Lock()
	i, sink := one.items[0], l.sink
	o.mu.Unlock()
	if sink == nil {
		o.note(l, one, nil, Event{}, Answer{})
		return
	}
	var answer Answer
	e, body, err := o.read(i.number)
	switch {
	case err != nil:
		answer = Answer{Text: err.Error()}
	case body == nil:
		o.miss(l, one)
		return
	default:
		answer = send(ctx, sink, e, body)
	}
	if ctx.Err() != nil && !answer.OK {
		return // the end of the program has cut it short
	}
	o.note(l, one, sink, e, answer)
}

// send is Send for sinks that read what strangers answer: a panic over it must not end the program.
func send(ctx context.Context, s Sink, e Event, body []byte) (a Answer) {
	defer func() {
		if fault := recover(); fault != nil {
			a = Answer{Text: fmt.Sprintf("a fault in this program: %v at %.200s", fault, debug.Stack())}
		}
	}()
	return s.Send(ctx, e, body)
}

// note notes what the receiver of a sink answered to the first of a lane.
func (o *Outbox) note(l *line, one *lane, from Sink, e Event, a Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.nudge()
	if !l.isFor(from) {
		o.noteLate(l, one, a)
		return
	}
	now := o.now()
	i := &one.items[0]
	i.tries++
	o.noteProblem(l, a, now)
	if a.Pause > 0 {
		l.pause = now.Add(min(a.Pause, maxPause))
	}
	if !a.OK && !isDead(now.Sub(i.at), i.tries, a) {
		o.store.Write(deliveryChange(l.name, *i))
		l.end(one, false, now.Add(waitAfter(i.tries)))
		return
	}
	changes := []store.Change{doneChange(l.name, *i)}
	if !a.OK {
		l.tally.Dead++
		l.tally.Last, l.tally.Cause = now.UTC(), a.Text
		changes = append(changes, tallyChange(l.name, l.tally))
		o.log.Error("an event was given up", "to", "events."+l.name, "event", e.ID, "type", string(e.Type), "tenant", e.Data.Tenant, "tries", i.tries, "answer", a.Text)
	}
	o.store.Write(changes...)
	o.settle(i.number)
	l.end(one, true, time.Time{})
}

// noteLate notes the answer of a receiver that was replaced meanwhile: what it refuses goes to the
// one that is there now.
func (o *Outbox) noteLate(l *line, one *lane, a Answer) {
	switch {
	case a.OK:
		o.finish(l, one)
	case l.sink != nil:
		l.end(one, false, time.Time{})
	default:
		o.drop(l, 1, unconfigured(l))
		o.finish(l, one)
	}
}

// noteProblem logs when a receiver begins and ends to refuse events.
func (o *Outbox) noteProblem(l *line, a Answer, now time.Time) {
	switch {
	case a.OK && l.problem != "":
		o.log.Info("events are delivered again", "to", "events."+l.name, "after", now.Sub(l.since).Round(time.Second))
		l.problem, l.since = "", time.Time{}
	case !a.OK && l.problem == "":
		o.log.Warn("an event was not delivered, and is tried again", "to", "events."+l.name, "answer", a.Text, "remedy", "onbehalf events --test says what the receiver answers")
		l.since = now
		l.problem = a.Text
	case !a.OK:
		l.problem = a.Text
	}
}

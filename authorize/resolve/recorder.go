package resolve

import (
	"context"
	"errors"
	"sync"
)

// Asker asks questions: a Client.
type Asker interface {
	Ask(ctx context.Context, name string, qtype uint16) (Answer, error)
}

// ErrNotAsked is the Cause of a question that was not asked. It says nothing of anybody.
var ErrNotAsked = errors.New("not asked")

// maxRecorded is how many octets of answers a Recorder keeps, roughly.
const maxRecorded = 32 << 20

// Recorder is Answers with DNS behind them: it asks each question once, and records what comes of
// it. It may be used by many goroutines, one of which asks at a time.
type Recorder struct {
	ctx context.Context

	mu       sync.Mutex
	asker    Asker
	recorded Recorded
	octets   int // that may still be recorded
}

// NewRecorder makes a Recorder that asks until ctx ends.
func NewRecorder(ctx context.Context, asker Asker) *Recorder {
	return &Recorder{ctx: ctx, asker: asker, octets: maxRecorded}
}

// AskBy changes whom to ask from now on. Questions that could not be asked are asked again.
func (r *Recorder) AskBy(asker Asker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asker = asker
}

// To returns the answer to a question, and asks it if need be. What is recorded took no time.
func (r *Recorder) To(name string, qtype uint16) (Answer, error) {
	q := questionOf(name, qtype)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, found := r.recorded.find(q)
	if found && !errors.Is(before.Err, ErrNotAsked) && !errors.Is(before.Err, ErrNoTurn) {
		return before.answer()
	}
	if r.octets <= 0 {
		return q.unanswered(errElsewhere)
	}
	answer, err := r.asker.Ask(r.ctx, q.name, qtype)
	if err != nil && !errors.As(err, new(*Error)) {
		err = &Error{q.name, typeName(qtype), err}
	}
	r.octets -= answer.held()
	r.recorded.put(Reply{Name: q.name, Type: qtype, Answer: answer, Err: err})
	return answer, err
}

// Recorded returns all replies so far.
func (r *Recorder) Recorded() Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorded.clone()
}

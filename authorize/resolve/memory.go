package resolve

import (
	"context"
	"errors"
	"sync"
)

// Asker answers questions: a Client, or a Memory before one.
type Asker interface {
	Ask(ctx context.Context, name string, qtype uint16) (Answer, error)
}

// ErrTooMany is the Cause of a question that a Memory did not let through: what was
// looked at leads to more names than any honest set-up needs. Unlike other errors it is the fault
// of the domain that was looked at.
var ErrTooMany = errors.New("it leads to too many DNS questions")

// Memory asks each question once, and remembers the answer or error. It bounds the
// number of questions, so that no record can make us ask without end. Make a new
// one for each look at a domain: answers do not age here.
type Memory struct {
	asker Asker
	left  int

	mu    sync.Mutex
	known map[question]remembered
}

type question struct {
	name  string
	qtype uint16
}

type remembered struct {
	answer Answer
	err    error
}

// Remember makes a Memory that lets at most so many questions through.
func Remember(asker Asker, most int) *Memory {
	return &Memory{asker: asker, left: most, known: make(map[question]remembered)}
}

// Ask is Client.Ask, once for each question.
func (m *Memory) Ask(ctx context.Context, name string, qtype uint16) (Answer, error) {
	name, _ = canonical(name)
	q := question{name, qtype}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, found := m.known[q]; found {
		return r.answer, r.err
	}
	if m.left == 0 {
		return Answer{Chain: []string{name}}, &Error{name, typeName(qtype), ErrTooMany}
	}
	m.left--
	var r remembered
	r.answer, r.err = m.asker.Ask(ctx, name, qtype)
	m.known[q] = r
	return r.answer, r.err
}

// Answered tells how many questions had a definitive answer, and how many had none.
func (m *Memory) Answered() (definitive, none int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.known {
		if r.err == nil {
			definitive++
		} else {
			none++
		}
	}
	return definitive, none
}

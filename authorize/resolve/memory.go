package resolve

import (
	"context"
	"errors"
	"sync"

	"github.com/miekg/dns"
)

// Asker answers questions: a Client, or a Memory before one.
type Asker interface {
	Ask(ctx context.Context, name string, qtype uint16) (Answer, error)
}

// ErrTooMany is the Cause of a question that a Memory did not let through: what was
// looked at leads to more names, or to more at those names, than any honest set-up needs. Like
// ErrTooLarge it is the fault of the domain that was looked at.
var ErrTooMany = errors.New("it leads to too many DNS questions")

// errElsewhere stands for ErrTooMany of a Memory behind another one.
var errElsewhere = errors.New("not asked, for too much was asked about other names before")

// Memory asks each question once, and remembers the answer or error. Answers do not age
// here: make a new one for each look at a domain, or for some looks in a row.
type Memory struct {
	asker  Asker
	shared bool

	mu     sync.Mutex
	known  map[question]remembered
	left   int // questions; of no meaning when shared
	octets int // that may still be remembered
}

type question struct {
	name  string
	qtype uint16
}

type remembered struct {
	answer Answer
	err    error
}

// Octets that a Memory holds, roughly. An honest look needs some ten thousand.
const (
	maxHeld   = 1 << 20
	maxShared = 32 << 20
)

// Remember makes a Memory for one look. It lets at most so many questions through, and 1 MiB of
// answers, so that no record can make us ask without end.
func Remember(asker Asker, most int) *Memory {
	return &Memory{asker: asker, left: most, octets: maxHeld, known: make(map[question]remembered)}
}

// Share makes a Memory for many looks, each of which bounds what it asks by a Memory of its
// own. This one lets all questions through; it never gives ErrTooMany. What is beyond
// 32 MiB is asked for again.
func Share(asker Asker) *Memory {
	return &Memory{asker: asker, shared: true, octets: maxShared, known: make(map[question]remembered)}
}

// Ask is Client.Ask, once for each question. What is remembered took no time.
func (m *Memory) Ask(ctx context.Context, name string, qtype uint16) (Answer, error) {
	name, _ = canonical(name)
	q := question{name, qtype}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, found := m.known[q]; found {
		return r.answer, r.err
	}
	if !m.shared && (m.left == 0 || m.octets <= 0) {
		return Answer{Chain: []string{name}}, &Error{name, typeName(qtype), ErrTooMany}
	}
	m.left--
	answer, err := m.asker.Ask(ctx, name, qtype)
	if errors.Is(err, ErrTooMany) { // a bound on more than what is looked at here
		err = &Error{name, typeName(qtype), errElsewhere}
	}
	m.keep(q, answer, err)
	return answer, err
}

func (m *Memory) keep(q question, answer Answer, err error) {
	if m.octets <= 0 { // it is shared
		return
	}
	m.octets -= answer.held()
	answer.Took = 0
	m.known[q] = remembered{answer, err}
}

// held tells how many octets an answer takes in memory, within a factor of three.
func (a Answer) held() int {
	const entry, record = 300, 100 // in the map; of a record of any type
	n := entry
	for _, name := range a.Chain {
		n += len(name)
	}
	for _, rr := range a.Records {
		n += record + dns.Len(rr)
	}
	return n
}

// Answered tells how many questions had a definitive answer, and how many had none.
func (m *Memory) Answered() (definitive, none int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.known {
		if r.err == nil || errors.Is(r.err, ErrTooLarge) {
			definitive++
		} else {
			none++
		}
	}
	return definitive, none
}

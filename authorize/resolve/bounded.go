package resolve

import (
	"errors"
	"sync"

	"github.com/miekg/dns"
)

// ErrTooMany is the Cause of a question that a Bounded does not let through: what is judged
// leads to more names, or to more at those names, than any honest set-up needs. Like
// ErrTooLarge it is the fault of the domain that is judged.
var ErrTooMany = errors.New("it leads to too many DNS questions")

// errElsewhere stands for a bound on more than what is judged.
var errElsewhere = errors.New("not asked, because too much was asked about other names before")

// Bounded are the Answers for one judgement. It bounds how many questions that takes, and how
// large their answers are in all, so that no record can make us ask without end. It may be used
// by many goroutines.
type Bounded struct {
	answers Answers

	mu               sync.Mutex
	asked            map[question]bool
	left             int // questions
	octets           int // of answers
	definitive, none int
	texts            bool // a question for TXT led to something
}

// maxHeld is how many octets of answers one judgement may take, roughly. An honest one needs some
// ten thousand.
const maxHeld = 1 << 20

// Bound returns the answers for one judgement: to at most so many questions, and at most 1 MiB.
func Bound(answers Answers, most int) *Bounded {
	return &Bounded{answers: answers, left: most, octets: maxHeld, asked: make(map[question]bool)}
}

// To returns the answer to a question. One that was answered before does not count again.
func (b *Bounded) To(name string, qtype uint16) (Answer, error) {
	q := questionOf(name, qtype)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.asked[q] && (b.left == 0 || b.octets <= 0) {
		return q.unanswered(ErrTooMany)
	}
	answer, err := b.answers.To(q.name, qtype)
	if errors.Is(err, ErrTooMany) { // of a bound on more than this judgement
		_, err = q.unanswered(errElsewhere)
	}
	if !b.asked[q] {
		b.count(q, answer, err)
	}
	return answer, err
}

func (b *Bounded) count(q question, answer Answer, err error) {
	b.asked[q] = true
	b.left--
	b.octets -= answer.held()
	if err == nil || errors.Is(err, ErrTooLarge) {
		b.definitive++
		b.texts = b.texts || err != nil || q.qtype == dns.TypeTXT && (len(answer.Records) > 0 || len(answer.Chain) > 1)
	} else {
		b.none++
	}
}

// Answered returns how many questions had a definitive answer, and how many had none.
func (b *Bounded) Answered() (definitive, none int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.definitive, b.none
}

// FoundText reports whether any question for TXT records found one, or an alias, or more than is
// read.
func (b *Bounded) FoundText() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.texts
}

// held returns how many octets an answer takes in memory, within a factor of three.
func (a Answer) held() int {
	const entry, record = 300, 100 // in a map; of a record of any type
	n := entry
	for _, name := range a.Chain {
		n += len(name)
	}
	for _, rr := range a.Records {
		n += record + dns.Len(rr)
	}
	return n
}

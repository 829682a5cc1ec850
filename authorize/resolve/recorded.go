package resolve

import (
	"maps"
	"slices"
	"strings"
)

// Answers is what a judge of DNS goes by: the answers that were Recorded or, while they are, a
// Recorder. An error is an *Error.
type Answers interface {
	To(name string, qtype uint16) (Answer, error)
}

// question is a name, as canonical has it, and a type.
type question struct {
	name  string
	qtype uint16
}

func questionOf(name string, qtype uint16) question {
	name, valid := canonical(name)
	if !valid { // it may be any octets, and JSON has characters
		name = strings.ToValidUTF8(name, "?")
	}
	return question{name, qtype}
}

func (q question) unanswered(cause error) (Answer, error) {
	return Answer{Chain: []string{q.name}}, &Error{q.name, typeName(q.qtype), cause}
}

// Recorded are answers as data, in the order in which the questions came up. It is written as
// JSON, and read back, with nothing lost. The zero Recorded has none.
type Recorded struct {
	replies []Reply
	at      map[question]int
}

// Reply is a question, and what became of it.
type Reply struct {
	Name   string
	Type   uint16
	Answer Answer // of an error, as far as it came
	Err    error  // an *Error, or nil
}

func (r Reply) answer() (Answer, error) { return r.Answer, r.Err }

// All returns the replies. They must not be changed.
func (r Recorded) All() []Reply { return r.replies }

// To returns the recorded answer. A question that was never asked is an *Error of ErrNotAsked.
func (r Recorded) To(name string, qtype uint16) (Answer, error) {
	q := questionOf(name, qtype)
	if reply, found := r.find(q); found {
		return reply.answer()
	}
	return q.unanswered(ErrNotAsked)
}

func (r Recorded) find(q question) (Reply, bool) {
	i, found := r.at[q]
	if !found {
		return Reply{}, false
	}
	return r.replies[i], true
}

// put records a reply, in the place of an earlier one to the same question.
func (r *Recorded) put(reply Reply) {
	q := question{reply.Name, reply.Type}
	reply.Answer.Took = 0
	if i, found := r.at[q]; found {
		r.replies[i] = reply
		return
	}
	if r.at == nil {
		r.at = make(map[question]int)
	}
	r.at[q] = len(r.replies)
	r.replies = append(r.replies, reply)
}

func (r Recorded) clone() Recorded { return Recorded{slices.Clone(r.replies), maps.Clone(r.at)} }

package trace

import (
	"strings"
	"time"

	"onbehalf/receivers"
)

// Refusal is that this host refused a message, or one recipient of it.
type Refusal struct {
	Time      time.Time          `json:"time"`
	By        string             `json:"by"`    // onbehalf, a milter, Postfix
	Stage     string             `json:"stage"` // MAIL, RCPT, END-OF-MESSAGE, ...
	Recipient string             `json:"recipient,omitempty"`
	Words     string             `json:"words"`
	Temporary bool               `json:"temporary,omitempty"` // the client tries again
	Discarded bool               `json:"discarded,omitempty"` // the client does not know
	Meaning   *receivers.Meaning `json:"meaning,omitempty"`   // of what Postfix says by itself
}

// refuse takes a refusal.
func (s *Story) refuse(e *event) {
	s.setOrigin(e)
	s.setSender(e)
	r := Refusal{Time: e.time, By: "Postfix", Stage: e.stage, Recipient: e.to, Words: e.words, Discarded: e.status == "discard"}
	switch {
	case e.kind == unroutable:
		r.By = program
	case e.byMilter:
		r.By = "a milter"
		r.Temporary = strings.HasPrefix(e.words, "4")
	default:
		reply := receivers.ParseReply(e.words)
		meaning := receivers.Explain(reply)
		r.Meaning, r.Temporary = &meaning, strings.HasPrefix(e.words, "4")
	}
	s.addRefusal(r)
}

// addRefusal adds a refusal. One of onbehalf is in Postfix's log, too, at about the same time, with
// the words that the client got.
func (s *Story) addRefusal(r Refusal) {
	if len(s.Refusals) > 0 {
		if one := &s.Refusals[len(s.Refusals)-1]; sameRefusal(*one, r) {
			one.merge(r)
			return
		}
	}
	s.Refusals = append(s.Refusals, r)
}

// sameRefusal reports whether two lines are about one refusal: one of onbehalf and one of Postfix, or
// the same line.
func sameRefusal(a, b Refusal) bool {
	if a.By == b.By { // from two files
		return a.Stage == b.Stage && a.Words == b.Words && a.Recipient == b.Recipient && a.Time.Sub(b.Time).Abs() <= time.Second
	}
	ours, milter := a.By == program, a.By == "a milter"
	return (ours && b.By == "a milter" || milter && b.By == program) && a.Stage == b.Stage &&
		(a.Recipient == "" || b.Recipient == "" || strings.EqualFold(a.Recipient, b.Recipient)) && a.Time.Sub(b.Time).Abs() < 2*time.Second
}

// merge takes from the other line what it has and this one has not.
func (r *Refusal) merge(other Refusal) {
	if other.By == program {
		r.By, r.Words = other.By, other.Words
	}
	if r.Recipient == "" {
		r.Recipient = other.Recipient
	}
	r.Temporary = r.Temporary || other.Temporary
}

// joinRefusals makes one story of the two lines, of onbehalf and of Postfix, about what was refused
// before it had a queue id.
func joinRefusals(all []Story) []Story {
	single := func(s Story) bool { return len(s.QueueIDs) == 0 && len(s.Refusals) == 1 }
	var joined []Story
	for _, s := range all {
		last := len(joined) - 1
		if last >= 0 && single(s) && single(joined[last]) && sameRefusal(joined[last].Refusals[0], s.Refusals[0]) {
			into := &joined[last]
			into.Refusals[0].merge(s.Refusals[0])
			into.lines.postfix += s.lines.postfix
			into.lines.ours += s.lines.ours
			into.setOrigin(&event{client: s.Client, login: s.Login})
			if into.Sender == "" {
				into.Sender = s.Sender
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

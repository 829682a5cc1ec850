package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"onbehalf/receivers"
)

// outcome is what became of a recipient.
type outcome int

const (
	refusedThere outcome = iota // by the receiver's server
	unreached                   // no server took or refused it, and it was given up
	cameBack                    // it was taken, and returned later
	deletedHere
	waiting
	arrived // as far as this host knows
)

// finish works out the answer and the notes, once all lines are there.
func (s *Story) finish(anyOurs bool) {
	s.Answer = s.answer()
	s.note(anyOurs)
}

// answer is what became of the message, the worst first.
func (s *Story) answer() string {
	if len(s.Recipients) == 0 {
		return s.undelivered()
	}
	by := make(map[outcome][]Recipient)
	meant, others := s.meant()
	for _, r := range meant {
		o := s.outcomeOf(r)
		by[o] = append(by[o], r)
	}
	var parts []string
	for _, part := range []string{
		alike(by[refusedThere], s.refusedPart), alike(by[unreached], s.unreachedPart), alike(by[cameBack], s.returnedPart),
		s.deletedPart(by[deletedHere]), alike(by[waiting], s.waitingPart), s.arrivedPart(by[arrived]),
		s.othersPart(others), s.refusalPart(), s.notifiedPart(),
	} {
		if part != "" {
			parts = append(parts, clause(part))
		}
	}
	return capital(s.subject() + sentence(strings.Join(parts, "; ")))
}

// mostOthers is how many recipients an answer is about beside the one who was asked about.
const mostOthers = 4

// meant are the recipients that the answer is about. Of many that is the one who was asked about.
func (s *Story) meant() (meant, others []Recipient) {
	for _, r := range s.Recipients {
		if s.query.is(r.Address) || s.query.is(r.For) {
			meant = append(meant, r)
		} else {
			others = append(others, r)
		}
	}
	if len(meant) == 0 || len(others) <= mostOthers {
		return s.Recipients, nil
	}
	return meant, others
}

// subject says what the message is, where it is no ordinary one.
func (s *Story) subject() string {
	switch {
	case s.Decision != nil && s.Decision.DSN != "" && s.Decision.Row == "return":
		return "A notification from outside (" + s.Decision.DSN + "): "
	case s.Sender == "<>":
		return "A notification: "
	case s.Decision != nil && s.Decision.ForwardedTo != "":
		return "Mail to a bounce or reply address: "
	}
	return ""
}

func (s *Story) outcomeOf(r Recipient) outcome {
	last := r.last()
	switch {
	case last.Status == "sent" || last.Status == "deliverable":
		if s.returned(r) != nil {
			return cameBack
		}
		return arrived
	case last.Status != "deferred" && last.answered():
		return refusedThere
	case last.Status != "deferred" || s.expired:
		return unreached
	case s.deleted:
		return deletedHere
	}
	return waiting
}

// answered reports whether a server answered.
func (t Try) answered() bool { return t.said.Host != "" || t.Relay != "" && t.Relay != "none" }

// returned is the notification from outside that says that a recipient did not get it; nil: there
// is none.
func (s *Story) returned(r Recipient) *Return {
	for i := range s.Returned {
		one := &s.Returned[i]
		if !one.Outside || one.Decision == nil {
			continue
		}
		about := failed(one.Decision.DSN)
		if slices.ContainsFunc(about, func(to string) bool { return strings.EqualFold(to, r.Address) || strings.EqualFold(to, r.For) }) {
			return one
		}
	}
	return nil
}

// undelivered is the answer where no line is about a delivery.
func (s *Story) undelivered() string {
	switch {
	case len(s.Refusals) > 0:
		return capital(s.subject()+s.refusalPart()) + "; nothing was delivered."
	case s.deleted:
		return "Deleted from the queue by an administrator (postsuper) before any delivery."
	case s.held:
		return "On hold in the queue: nothing is delivered until an administrator releases it (postsuper -H)."
	case s.expired:
		return "Given up by this host: it was in the queue for too long; no line says why."
	case s.left:
		return "It has left the queue, but no line says to where."
	case s.queued:
		return "In the queue: no line is about a delivery yet."
	case s.lines.postfix == 0:
		return fmt.Sprintf("onbehalf decided about it (row %s, result %s), but no line of Postfix says what became of it.", s.Decision.Row, s.Decision.Result)
	}
	if !s.started {
		return "Its lines in this log do not say what became of it."
	}
	return "It began to come in, but no line says that it was queued or refused: the client may have left."
}

// whoSaid is the server whose words they are.
func whoSaid(t Try) string {
	return cmp.Or(t.said.Host, host(t.Relay))
}

// codeAndClass: "550 5.1.1, mailbox".
func codeAndClass(t Try) string {
	if t.Meaning == nil {
		return codeOf(t)
	}
	return codeOf(t) + ", " + ClassName(t.Meaning.Class)
}

// codeOf is the code of the last line of a reply.
func codeOf(t Try) string {
	said := t.said.Lines
	if len(said) == 0 || t.Cut { // then only dsn= is of the last line
		return t.DSN
	}
	switch last := said[len(said)-1]; {
	case last.Code == 0:
		return t.DSN
	case last.Enhanced != "":
		return fmt.Sprint(last.Code, " ", last.Enhanced)
	case strings.HasSuffix(t.DSN, ".0.0"): // Postfix made it up
		return fmt.Sprint(last.Code)
	default:
		return fmt.Sprint(last.Code, " ", t.DSN)
	}
}

// ClassName returns a class for people.
func ClassName(c receivers.Class) string {
	switch c {
	case receivers.Auth:
		return "authentication"
	case receivers.Ours:
		return "this host"
	case receivers.Form:
		return "form of the message"
	}
	return string(c)
}

func addresses(all []Recipient) []string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Address
		if r.For != "" && r.For != r.Address {
			names[i] += " (for " + r.For + ")"
		}
		if r.Copy {
			names[i] += " (a copy)"
		}
	}
	return names
}

func hosts(all []Recipient) (names []string) {
	for _, r := range all {
		if name := host(r.last().Relay); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func capital(text string) string {
	if text == "" || strings.HasPrefix(text, program) {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

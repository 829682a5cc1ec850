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
	for _, r := range s.Recipients {
		o := s.outcomeOf(r)
		by[o] = append(by[o], r)
	}
	var parts []string
	for _, part := range []string{
		s.refusedPart(by[refusedThere]), s.unreachedPart(by[unreached]), s.returnedPart(by[cameBack]),
		s.deletedPart(by[deletedHere]), s.waitingPart(by[waiting]), s.arrivedPart(by[arrived]),
		s.refusalPart(), s.notifiedPart(),
	} {
		if part != "" {
			parts = append(parts, strings.TrimSuffix(part, "."))
		}
	}
	return capital(s.subject()+strings.Join(parts, "; ")) + "."
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
	said := receivers.ParseReply(last.Words)
	switch {
	case last.Status == "sent" || last.Status == "deliverable":
		if s.returned(r) != nil {
			return cameBack
		}
		return arrived
	case last.Status != "deferred" && (said.Host != "" || answered(last.Relay)):
		return refusedThere
	case last.Status != "deferred" || s.expired:
		return unreached
	case s.deleted:
		return deletedHere
	}
	return waiting
}

// answered reports whether a server answered.
func answered(relay string) bool { return relay != "" && relay != "none" }

// returned is the notification from outside that says that a recipient did not get it; nil: there is none.
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

// refusalPart says what this host refused.
func (s *Story) refusalPart() string {
	if len(s.Refusals) == 0 {
		return ""
	}
	r := s.Refusals[len(s.Refusals)-1]
	verb := "refused by "
	switch {
	case r.Discarded:
		verb = "discarded, as if it had been taken, by "
	case r.Temporary:
		verb = "put off (the client has to try again) by "
	}
	part := verb + r.By
	if r.By != program {
		part += " of this host at " + r.Stage
	}
	if r.Recipient != "" && r.Stage == "RCPT" {
		part += ", for " + r.Recipient
	}
	part += ": " + shown(r.Words)
	if r.Meaning != nil && r.Meaning.Class == receivers.Ours {
		part += " (a fault of this host)"
	}
	if n := len(s.Refusals) - 1; n > 0 {
		part += fmt.Sprintf(" (and %d more such lines)", n)
	}
	return part
}

// refusedPart: "refused by mx.example for a@example.org (550 5.1.1, mailbox): what that means".
func (s *Story) refusedPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	last := all[0].last()
	return fmt.Sprintf("refused by %s for %s (%s): %s", whoSaid(last), listed(addresses(all)), codeAndClass(last), shown(last.Meaning.Means))
}

// unreachedPart says what was given up.
func (s *Story) unreachedPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	last := all[0].last()
	if said := receivers.ParseReply(last.Words); answered(last.Relay) || said.Host != "" {
		return s.givenUp(fmt.Sprintf("never taken for %s (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Meaning.Means)), last)
	}
	if last.Meaning.Class == receivers.Ours {
		return s.givenUp(fmt.Sprintf("not delivered to %s, by the fault of this host (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Words)), last)
	}
	return s.givenUp(fmt.Sprintf("not delivered: no server for %s took or refused it (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Words)), last)
}

func (s *Story) givenUp(part string, last Try) string {
	if s.expired {
		part += "; given up by this host " + after(last) + "because it was in the queue for too long"
	}
	return part
}

func after(t Try) string {
	if text := span(t.After); text != "" {
		return "after " + text + " "
	}
	return ""
}

// returnedPart: "returned: mx.example took it for x@example.org, and sent it back 31 min later".
func (s *Story) returnedPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	last, one := all[0].last(), s.returned(all[0])
	part := fmt.Sprintf("returned: %s took it for %s, and it came back %slater (%s)",
		host(last.Relay), listed(addresses(all)), spaced(span(one.Time.Sub(last.Time))), shown(one.Decision.DSN))
	if one.Finding != "" {
		part += fmt.Sprintf(": %s, %s", ClassName(receivers.Class(one.Class)), strings.TrimSuffix(one.Finding, "."))
	}
	return part + "; onbehalf forwarded the notification to " + one.Decision.ForwardedTo
}

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return text + " "
}

func (s *Story) deletedPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("deleted from the queue by an administrator (postsuper) before it was delivered to %s", listed(addresses(all)))
}

// waitingPart says what was not delivered as far as the log goes.
func (s *Story) waitingPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	slices.SortStableFunc(all, func(a, b Recipient) int { return cmp.Compare(weight(a), weight(b)) })
	last := all[0].last()
	part := fmt.Sprintf("not delivered yet to %s", listed(addresses(all)))
	if s.held {
		part += " (on hold)"
	}
	switch {
	case last.Repeated:
		return part + fmt.Sprintf(" (%s): Postfix suspended delivery, and repeats an earlier answer of %s: %s", codeAndClass(last), whoSaid(last), shown(last.Meaning.Means))
	case last.Meaning.Class == receivers.Ours:
		return part + fmt.Sprintf(", by the fault of this host (%s): %s", codeAndClass(last), shown(last.Words))
	case whoSaid(last) == "none":
		return part + fmt.Sprintf(", no server was reached (%s): %s", codeAndClass(last), shown(last.Words))
	}
	return part + fmt.Sprintf(" (%s): %s", codeAndClass(last), shown(last.Meaning.Means))
}

// weight puts authentication first: it is what somebody must look into.
func weight(r Recipient) int {
	if m := r.last().Meaning; m != nil && m.Class == receivers.Auth {
		return 0
	}
	return 1
}

// arrivedPart: "sent to a@example.org at mx.example, on the second try, after 3 s".
func (s *Story) arrivedPart(all []Recipient) string {
	if len(all) == 0 {
		return ""
	}
	part := "sent to " + listed(addresses(all))
	if where := hosts(all); len(where) == 1 && where[0] != "" {
		part += " at " + where[0]
	}
	slowest := slices.MaxFunc(all, func(a, b Recipient) int { return cmp.Compare(len(a.Tries), len(b.Tries)) })
	if n := len(slowest.Tries); n > 1 {
		part += fmt.Sprintf(" on the %s try", ordinal(n))
		if text := after(slowest.last()); text != "" {
			part += ", " + strings.TrimSuffix(text, " ")
		}
	}
	if who := putOff(all); len(who) > 0 {
		part += "; before that " + listed(who)
	}
	return part
}

// putOff names who was put off for authentication before it was taken: it may be refused next time.
func putOff(all []Recipient) (who []string) {
	for _, r := range all {
		for _, t := range r.Tries {
			if t.Meaning != nil && t.Meaning.Class == receivers.Auth {
				who = append(who, fmt.Sprintf("%s was put off (%s)", r.Address, codeAndClass(t)))
				break
			}
		}
	}
	return who
}

// notifiedPart says what became of notifications that this host made.
func (s *Story) notifiedPart() string {
	var parts []string
	for _, r := range s.Returned {
		if r.Outside {
			continue
		}
		if len(r.Recipients) == 0 {
			parts = append(parts, "no line says what became of the notification "+r.QueueID)
			continue
		}
		switch to := r.Recipients[0]; to.last().Status {
		case "sent":
			parts = append(parts, "the notification went to "+to.Address)
		case "deferred":
			parts = append(parts, "the notification waits for "+to.Address)
		default:
			parts = append(parts, "the notification could not be delivered to "+to.Address)
		}
	}
	return strings.Join(parts, "; ")
}

// whoSaid is the server whose words they are.
func whoSaid(t Try) string {
	return cmp.Or(receivers.ParseReply(t.Words).Host, host(t.Relay))
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
	said := receivers.ParseReply(t.Words).Lines
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

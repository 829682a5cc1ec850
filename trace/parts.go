package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"onbehalf/receivers"
)

// refusalPart says what this host refused.
func (s *Story) refusalPart() string {
	if len(s.Refusals) == 0 {
		return ""
	}
	r := s.Refusals[len(s.Refusals)-1]
	verb := "refused by "
	switch {
	case r.Discarded:
		verb = "discarded, as if it had been accepted, by "
	case r.Temporary:
		verb = "deferred (the client has to try again) by "
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
	if strings.HasSuffix(r.Words, "Service unavailable - try again later") {
		part += " (a milter did not answer; for onbehalf, see onbehalf status)"
	}
	if n := len(s.Refusals) - 1; n > 0 {
		part += fmt.Sprintf(" (and %d more such lines)", n)
	}
	return part
}

// mostSayings is how many different answers of receivers are in a sentence.
const mostSayings = 3

// alike makes a part for the recipients of each answer, those of authentication first: somebody
// must look into that.
func alike(all []Recipient, part func([]Recipient) string) string {
	var parts []string
	slices.SortStableFunc(all, func(a, b Recipient) int { return cmp.Compare(weight(a), weight(b)) })
	for len(all) > 0 && len(parts) < mostSayings {
		first := all[0].last().saying()
		var same, rest []Recipient
		for _, r := range all {
			if r.last().saying() == first {
				same = append(same, r)
			} else {
				rest = append(rest, r)
			}
		}
		parts = append(parts, clause(part(same)))
		all = rest
	}
	if len(all) > 0 {
		parts = append(parts, fmt.Sprintf("%d more got other answers", len(all)))
	}
	return strings.Join(parts, "; ")
}

func weight(r Recipient) int {
	if m := r.last().Meaning; m != nil && m.Class == receivers.Auth {
		return 0
	}
	return 1
}

// saying is what is the same in two answers that mean the same.
func (t Try) saying() string {
	if t.Meaning == nil {
		return t.Relay
	}
	return strings.Join([]string{whoSaid(t), codeAndClass(t), t.Meaning.Means}, "\n")
}

// refusedPart: "refused by mx.example for a@example.org (550 5.1.1, mailbox): what that means".
func (s *Story) refusedPart(all []Recipient) string {
	last := all[0].last()
	return fmt.Sprintf("refused by %s for %s (%s): %s", whoSaid(last), listed(addresses(all)), codeAndClass(last), shown(last.Meaning.Means))
}

// unreachedPart says what was given up.
func (s *Story) unreachedPart(all []Recipient) string {
	last := all[0].last()
	if last.answered() {
		return s.givenUp(fmt.Sprintf("never accepted for %s (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Meaning.Means)), last)
	}
	if last.Meaning.Class == receivers.Ours {
		return s.givenUp(fmt.Sprintf("not delivered to %s, because of a fault of this host (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Words)), last)
	}
	return s.givenUp(fmt.Sprintf("not delivered: no server was reached for %s (%s): %s", listed(addresses(all)), codeAndClass(last), shown(last.Words)), last)
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

// returnedPart: "returned: mx.example accepted it for x@example.org, and sent it back 31 min later".
func (s *Story) returnedPart(all []Recipient) string {
	last, one := all[0].last(), s.returned(all[0])
	part := fmt.Sprintf("returned: %s accepted it for %s, and it came back %slater (%s)",
		host(last.Relay), listed(addresses(all)), spaced(span(one.Time.Sub(last.Time))), shown(one.Decision.DSN))
	if one.Finding != "" {
		part += fmt.Sprintf(": %s, %s", ClassName(receivers.Class(one.Class)), clause(one.Finding))
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
	last := all[0].last()
	part := fmt.Sprintf("not delivered yet to %s", listed(addresses(all)))
	if s.held {
		part += " (on hold)"
	}
	switch {
	case last.Repeated:
		return part + fmt.Sprintf(" (%s): Postfix suspended delivery, and repeats an earlier answer of %s: %s", codeAndClass(last), whoSaid(last), shown(last.Meaning.Means))
	case last.Meaning.Class == receivers.Ours:
		return part + fmt.Sprintf(", because of a fault of this host (%s): %s", codeAndClass(last), shown(last.Words))
	case !last.answered():
		return part + fmt.Sprintf(", no server was reached (%s): %s", codeAndClass(last), shown(last.Words))
	}
	return part + fmt.Sprintf(" (%s): %s", codeAndClass(last), shown(last.Meaning.Means))
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
	if who := deferredForAuth(all); len(who) > 0 {
		part += "; before that " + listed(who)
	}
	return part
}

// deferredForAuth names who was deferred for authentication before it was accepted: it may be refused next time.
func deferredForAuth(all []Recipient) (who []string) {
	for _, r := range all {
		for _, t := range r.Tries {
			if t.Meaning != nil && t.Meaning.Class == receivers.Auth {
				who = append(who, fmt.Sprintf("%s was deferred (%s)", r.Address, codeAndClass(t)))
				break
			}
		}
	}
	return who
}

// othersPart counts recipients that the answer is not about.
func (s *Story) othersPart(others []Recipient) string {
	if len(others) == 0 {
		return ""
	}
	sent := 0
	for _, r := range others {
		if s.outcomeOf(r) == arrived {
			sent++
		}
	}
	return fmt.Sprintf("it was sent to %d of the %d other recipients", sent, len(others))
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

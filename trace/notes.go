package trace

import (
	"fmt"
	"slices"

	"onbehalf/receivers"
)

// note adds what the answer cannot say: what is missing, and what somebody must look into.
func (s *Story) note(anyOurs bool) {
	add := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if !s.started && s.lines.postfix > 0 && s.Sender != "<>" {
		add("Its beginning is missing: the log that was read begins later. Ask for more with --since, or name older files.")
	}
	if anyOurs && s.Decision == nil && s.lines.ours == 0 && s.queued && s.started && s.Sender != "<>" {
		add("No line of onbehalf is about it: either it did not pass the milter, or that line is missing.")
	}
	if missing := s.asked - len(s.Recipients); missing > 0 && len(s.Recipients) > 0 && !s.left {
		add("No line is about %d of its %d recipients yet.", missing, s.asked)
	}
	if s.anyTry(func(t Try) bool { return t.Cut }) {
		add("Postfix cut a reply at 2,000 bytes: its last line, which often decides, stands in the notification only.")
	}
	if s.Decision != nil && s.Decision.Shadow {
		add("Shadow mode: onbehalf changed nothing.")
	}
	if reason := s.disagrees(); reason != "" {
		add("%s", reason)
	}
}

func (s *Story) anyTry(is func(Try) bool) bool {
	return slices.ContainsFunc(s.Recipients, func(r Recipient) bool { return slices.ContainsFunc(r.Tries, is) })
}

// authenticated are the rows of the decision table by which mail leaves with a From that DNS
// proves. On row 6 the From may be kept, too, without that.
var authenticated = []string{"1", "2", "3", "4", "5", "7"}

// disagrees says that a receiver found no authentication where there should be one, by DNS as this
// host sees it.
func (s *Story) disagrees() string {
	who, found := s.refusedAsForged()
	if !found || s.Decision == nil || s.Decision.Result != "done" || !slices.Contains(authenticated, before(s.Decision.Row, " ")) {
		return ""
	}
	if who != "" {
		who = " (" + who + ")"
	}
	return fmt.Sprintf("A receiver%s disagrees with DNS as this host sees it: by row %s the mail should be authenticated. %s",
		who, s.Decision.Row, receivers.LookAt(s.Decision.Tenant))
}

// refusedAsForged returns the name of a receiver that found no authentication, empty: it is not one
// of those that are known; false: none did.
func (s *Story) refusedAsForged() (who string, found bool) {
	for _, r := range s.Recipients {
		for _, t := range r.Tries {
			if t.Meaning != nil && t.Meaning.Class == receivers.Auth && !t.Repeated {
				return t.Meaning.Receiver, true
			}
		}
	}
	for _, r := range s.Returned {
		if r.Class == string(receivers.Auth) {
			return r.Receiver, true
		}
	}
	return "", false
}

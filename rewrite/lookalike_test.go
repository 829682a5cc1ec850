package rewrite_test

import (
	"net/netip"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
)

// TestLookAlikes: a stranger does not write to an author as the platform by way of a bounce
// address, in whatever letters he writes its name. What leaves is in a From of ours.
func TestLookAlikes(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	const bounce = "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl"
	for _, name := range cases.LookAlikes() {
		for _, from := range []string{
			"CEO <ceo@" + name + ">", "ceo@" + name, "CEO <ceo@shop." + name + ">", "ceo@" + name + " (x)", `"CEO" <ceo @ ` + name + ">", "a@evil.example, ceo@" + name,
			"ceo@(c)" + name, "ceo@" + name + " <a@evil.example>", "<ceo@" + name, "CEO ceo@" + name,
		} {
			for _, sender := range []string{"", "a@evil.example"} {
				m := message.Message{
					Header:    message.Header{{Name: "From", Value: " " + from}, {Name: "Auto-Submitted", Value: " auto-replied"}},
					Submitter: message.Submitter{Client: netip.MustParseAddr("203.0.113.5")}, Received: cases.Now,
					Envelope: message.Envelope{ReversePath: message.ParsePath(sender), ForwardPaths: []message.Path{message.ParsePath(bounce)}, SMTPUTF8: true},
				}
				plan := rewrite.Decide(m, s)
				fields := plan.Apply(m.Header).All("From")
				if plan.Action == rewrite.Refuse {
					continue
				}
				author, err := message.ParseFrom(fields[0].Value)
				if len(fields) != 1 || err != nil || author.Mailboxes[0].Address.String() != "noreply@courseware.nl" {
					t.Errorf("From: %s from <%s> leaves as %v", from, sender, fields)
				}
			}
		}
	}
}

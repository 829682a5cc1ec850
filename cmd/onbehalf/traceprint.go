package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"onbehalf/receivers"
	"onbehalf/term"
	"onbehalf/trace"
)

// tracePrinter prints stories. All in them may be a stranger's words, which term cleans.
type tracePrinter struct{ *term.Printer }

// Columns of the output.
const (
	stampWidth = len("2006-01-02 15:04:05  ")
	labelWidth = len("  message-id  ")
)

// printTrace prints what was found: first why it may not be all, last what is missing.
func printTrace(out *term.Printer, found trace.Result) {
	p := tracePrinter{out}
	for _, hole := range found.Holes {
		p.Item("!", 2, "%s", hole)
	}
	for i, s := range found.Stories {
		if i > 0 || len(found.Holes) > 0 {
			p.Blank()
		}
		p.story(s)
	}
	if len(found.Stories) > 0 && len(found.Notes) > 0 {
		p.Blank()
	}
	for _, note := range found.Notes {
		p.Text("%s", note)
	}
}

func (p tracePrinter) story(s trace.Story) {
	p.Behind(stamp(s.Time)+"  ", strings.Repeat(" ", stampWidth), s.Answer)
	p.say("message-id", s.MessageID)
	p.say("queue id", strings.Join(s.QueueIDs, ", "))
	client := s.Client
	if s.Login != "" {
		client += ", login " + s.Login
	}
	p.say("client", client)
	p.decision(s)
	for _, r := range s.Refusals {
		p.refusal(r)
	}
	p.recipients(s.Recipients)
	for _, r := range s.Returned {
		p.returned(r)
	}
	for _, note := range s.Notes {
		p.say("note", note)
	}
}

// say prints a line that has something to say.
func (p tracePrinter) say(label, text string) {
	if text != "" {
		p.Item("  "+label, labelWidth, "%s", text)
	}
}

func stamp(t time.Time) string { return t.Format(time.DateTime) }

func (p tracePrinter) decision(s trace.Story) {
	d := s.Decision
	if d == nil {
		p.say("sender", s.Sender)
		return
	}
	p.say("from", d.From)
	sender := d.Sender
	if sender == "" {
		sender = s.Sender
	}
	if d.NewSender != "" {
		sender += " -> " + d.NewSender
	}
	p.say("sender", sender)
	row := fmt.Sprintf("%s, %s: %s", d.Row, d.Action, d.Reason)
	if d.Tenant != "" {
		row += " (tenant " + d.Tenant + ")"
	}
	p.say("row", row)
	p.say("detail", d.Detail)
	changed, signed := "changed", "signed"
	if d.Shadow {
		changed, signed = "would do", "would sign"
	}
	p.say(changed, d.Changed)
	p.say(signed, d.Signed)
	p.say("forwarded", d.ForwardedTo)
}

func (p tracePrinter) refusal(r trace.Refusal) {
	p.say("refused", fmt.Sprintf("%s by %s at %s: %s", stamp(r.Time), r.By, r.Stage, r.Words))
	if r.Recipient != "" {
		p.say("", "recipient "+r.Recipient)
	}
	p.meaning(r.Meaning)
}

// mostRecipients is how many of one message are printed, those first that did not get it.
const mostRecipients = 20

func (p tracePrinter) recipients(all []trace.Recipient) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b trace.Recipient) int { return trouble(b) - trouble(a) })
	for _, r := range all[:min(len(all), mostRecipients)] {
		p.recipient(r)
	}
	if more := len(all) - mostRecipients; more > 0 {
		p.say("", fmt.Sprintf("and %d more recipients; --json has all", more))
	}
}

// trouble is how much a recipient needs to be looked at.
func trouble(r trace.Recipient) int {
	if len(r.Tries) > 0 && r.Tries[len(r.Tries)-1].Status != "sent" {
		return 2
	}
	return min(len(r.Tries), 2) - 1
}

func (p tracePrinter) recipient(r trace.Recipient) {
	to := r.Address
	if r.For != "" {
		to += ", for " + r.For
	}
	if r.Copy {
		to += ", a copy (always_bcc)"
	}
	p.say("to", to)
	for i, t := range r.Tries {
		between := len(r.Tries) - 3
		switch {
		case i == 1 && between > 0:
			p.say("", fmt.Sprintf("%d more tries; --json has all", between+1))
		case i == 0 || between <= 0 || i == len(r.Tries)-1:
			p.try(t)
		}
	}
}

// try prints what was answered. The words of a server that says no are shown by what they mean,
// too.
func (p tracePrinter) try(t trace.Try) {
	where := ""
	if t.Relay != "" && t.Relay != "none" && !strings.HasPrefix(t.Words, "host ") { // it names the relay
		where = " by " + t.Relay
	}
	p.say("", fmt.Sprintf("%s %s%s: %s", stamp(t.Time), t.Status, where, t.Words))
	p.meaning(t.Meaning)
}

// meaning prints what is known beyond the words.
func (p tracePrinter) meaning(m *receivers.Meaning) {
	if m == nil || m.Entry == 0 {
		return
	}
	class := trace.ClassName(m.Class)
	if m.Receiver != "" {
		class = m.Receiver + ", " + class
	}
	p.say("", fmt.Sprintf("(%s) %s", class, m))
	if m.Fix != "" {
		p.say("", "To do: "+m.Fix)
	}
}

func (p tracePrinter) returned(r trace.Return) {
	from := "made by this host"
	if r.Outside {
		from = "from outside"
	}
	text := fmt.Sprintf("%s notification %s, %s", stamp(r.Time), r.QueueID, from)
	if r.Decision != nil && r.Decision.DSN != "" {
		text += ": " + r.Decision.DSN
	}
	p.say("came back", text)
	if r.Finding != "" {
		p.say("", fmt.Sprintf("(%s, %s) %s", r.Receiver, trace.ClassName(receivers.Class(r.Class)), r.Finding))
	}
	for _, to := range r.Recipients {
		last := to.Tries[len(to.Tries)-1]
		p.say("", fmt.Sprintf("to %s: %s %s", to.Address, last.Status, last.Words))
	}
}

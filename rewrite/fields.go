package rewrite

import (
	"slices"
	"time"

	"onbehalf/message"
)

// replyTo leads replies to the author, unless the author has said where they go. An
// empty field says nothing.
func (f *facts) replyTo() []Edit {
	authors := slices.Clone(f.everyMailbox())
	there := f.m.Header.All("Reply-To")
	chosen := slices.ContainsFunc(there, func(field message.Field) bool { return field.Text() != "" })
	if len(authors) == 0 || chosen {
		return nil
	}
	for i := range authors {
		authors[i].Name = visible(authors[i].Name)
	}
	edit := Edit{Op: Add, Name: "Reply-To", Value: message.FormatMailboxes("Reply-To", authors...)}
	if len(there) > 0 {
		edit.Op, edit.Index = Change, 1
	}
	return []Edit{edit}
}

// dropTrail removes X-Original-From fields that arrive: a forged trail would say
// that we replaced a From which we never saw.
func (f *facts) dropTrail() []Edit {
	n := len(f.m.Header.All(OriginalFrom))
	if n == 0 || f.trailIsOurs() {
		return nil
	}
	var edits []Edit
	for i := n; i > 0; i-- {
		edits = append(edits, Edit{Op: Delete, Index: i, Name: OriginalFrom})
	}
	return edits
}

// trailIsOurs tells whether the message has been through Decide before (a second
// pass through the milter): with the trail's value as its From, this submitter
// would get just the From that it has. Whoever forges such a trail gains nothing.
func (f *facts) trailIsOurs() bool {
	if f.party != platforms || len(f.fields) != 1 {
		return false
	}
	before := f.m
	before.Header = nil
	for _, field := range f.m.Header {
		switch {
		case field.Is(OriginalFrom):
			before.Header = append(before.Header, message.Field{Name: "From", Value: field.Value})
		case !field.Is("From"):
			before.Header = append(before.Header, field)
		}
	}
	plan := Decide(before, f.s)
	from, _ := plan.Apply(before.Header).Get("From")
	return plan.Verdict == Rewrite && from.Text() == f.fields[0].Text()
}

// complete adds Date and Message-ID where they are missing (RFC 5322 section 3.6).
// The signature says that there is none but the signed ones; a later host that
// added them would break it.
func (f *facts) complete() []Edit {
	var edits []Edit
	if !f.m.Header.Has("Date") {
		edits = append(edits, Edit{Op: Add, Name: "Date", Value: " " + f.m.Received.Format(time.RFC1123Z)})
	}
	if !f.m.Header.Has("Message-ID") {
		edits = append(edits, Edit{Op: Add, Name: "Message-ID", Value: " <" + f.messageID() + ">"})
	}
	return edits
}

// messageID follows Postfix: the instant and the queue id are together unique on
// this host.
func (f *facts) messageID() string {
	host, queueID := f.m.Host, f.m.QueueID
	if host.IsZero() {
		host = f.platform.Domain
	}
	if queueID == "" {
		queueID = "0"
	}
	return f.m.Received.UTC().Format("20060102150405") + "." + plainAtom(queueID) + "@" + host.String()
}

package rewrite

import (
	"slices"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// replyTo directs replies to the author, unless the author has said where they go. A field
// without an address says nothing. Of an author that cannot be read the envelope sender is
// what we know.
func (f *facts) replyTo() []Edit {
	authors := slices.Clone(f.everyMailbox())
	if len(authors) > maxAuthors {
		authors = nil
	}
	if sender := f.m.Envelope.ReversePath; len(authors) == 0 && sender.Readable() && !f.s.TakesBounces(sender.Address.Domain) {
		author := f.namedAuthor()
		author.Address = sender.Address
		authors = []message.Mailbox{author}
	}
	if len(authors) == 0 {
		return nil
	}
	octets := 0
	for i := range authors {
		authors[i].Name = clipped(visible(authors[i].Name), maxName)
		if octets += 4*len(authors[i].Name) + len(authors[i].Address.String()); octets > maxWritten { // one always fits
			authors = authors[:i]
			break
		}
	}
	chosen := func(value string) bool { return message.HoldsAddress(value, f.addsOnly) }
	return f.fill("Reply-To", chosen, func() string { return message.FormatMailboxes("Reply-To", authors...) })
}

// maxWritten bounds the fields that we write, in octets, but for folds. Postfix cuts what a
// milter writes near 60,000, and the signature would not fit.
const maxWritten = 7000

// fill sets the value of a field where none of that name says anything. Fields that say nothing are
// removed: a receiver may take any of them.
func (f *facts) fill(name string, says func(value string) bool, value func() string) []Edit {
	there := f.m.Header.All(name)
	if len(there) > maxEdits {
		return tooMany(name)
	}
	said := slices.ContainsFunc(there, func(field message.Field) bool { return says(field.Value) })
	if len(there) == 0 {
		return []Edit{{Op: Add, Name: name, Value: value()}}
	}
	var edits []Edit
	for i := len(there); i > 0; i-- {
		switch {
		case says(there[i-1].Value):
		case !said && i == 1:
			edits = append(edits, Edit{Op: Change, Index: 1, Name: name, Value: value()})
		default:
			edits = append(edits, Edit{Op: Delete, Index: i, Name: name})
		}
	}
	return edits
}

// tooMany are more changes than are made: the message is refused, whatever else it holds.
func tooMany(name string) []Edit {
	return slices.Repeat([]Edit{{Op: Delete, Index: 1, Name: name}}, maxEdits+1)
}

// drop removes the fields of a name that are unwanted, from the bottom up.
func (f *facts) drop(name string, unwanted func(message.Field) bool) []Edit {
	there := f.m.Header.All(name)
	if len(there) > 10*maxEdits {
		return tooMany(name)
	}
	var edits []Edit
	for i, field := range slices.Backward(there) {
		if unwanted(field) {
			edits = append(edits, Edit{Op: Delete, Index: i + 1, Name: name})
		}
	}
	return edits
}

// dropTrail removes X-Original-From fields that arrive with a From that we replace: they
// would say that we replaced one which we never saw.
func (f *facts) dropTrail() []Edit {
	return f.drop(OriginalFrom, func(message.Field) bool { return true })
}

// dropUnreadable removes fields of a name whose mailboxes cannot be read: a receiver may read
// anybody in them.
func (f *facts) dropUnreadable(name string) []Edit {
	return f.drop(name, func(field message.Field) bool {
		_, err := message.ParseCompletedFrom(field.Value, f.completes)
		return err != nil
	})
}

// dropSender removes a Sender that names a tenant's domain, or one that the submitter may not use,
// where From is the platform's: programs would show "on behalf of" it, which nothing authenticates.
func (f *facts) dropSender() []Edit {
	return f.drop("Sender", func(field message.Field) bool {
		sender, err := message.ParseCompletedFrom(field.Value, f.completes)
		return err != nil || slices.ContainsFunc(sender.Mailboxes, func(m message.Mailbox) bool {
			d := m.Address.Domain
			class, _ := f.classOf(d)
			return class == ofTenant || d == f.domain || class == ofPlatform && f.forbidsFrom(d, f.bound) != ""
		})
	})
}

// dropStale removes what would contradict our signatures: other ones of the same domain,
// which are ours of an earlier pass or forged, and results of an authentication that this
// host has not made (RFC 8601 section 5).
func (f *facts) dropStale(keys []tenant.Identity) []Edit {
	signatures := f.drop("DKIM-Signature", func(field message.Field) bool {
		sdid, _, _ := message.SignedBy(field)
		return slices.ContainsFunc(keys, func(id tenant.Identity) bool { return id.SDID == sdid })
	})
	results := f.drop("Authentication-Results", func(field message.Field) bool {
		by := message.AuthenticatedBy(field)
		return !by.IsZero() && (by == f.m.Host || by == f.platform.Domain)
	})
	return append(signatures, results...)
}

// complete sets Date and Message-ID where they have no value (RFC 5322 section 3.6).
// The signature says that there is none but the signed ones; a later host that added them
// would break it, and some receivers refuse mail without.
func (f *facts) complete() []Edit {
	identifies := func(value string) bool { return strings.Trim(message.Field{Value: value}.Text(), "<>@ \t") != "" }
	return slices.Concat(
		f.fill("Date", message.IsDate, func() string { return " " + f.m.Received.Format(time.RFC1123Z) }),
		f.fill("Message-ID", identifies, func() string { return " <" + f.messageID() + ">" }),
	)
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
	return f.m.Received.UTC().Format("20060102150405") + "." + plainAtom(queueID[:min(len(queueID), message.MaxWrittenLocal)]) + "@" + host.String()
}

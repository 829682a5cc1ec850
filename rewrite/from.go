package rewrite

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"onbehalf/message"
	"onbehalf/tenant"
)

// OriginalFrom is the field that keeps the From that we replaced.
const OriginalFrom = "X-Original-From"

// settleFrom makes a From that stays mean the same to every receiver as to us: a missing one is
// made, and one that is not in standard form is written again.
func (f *facts) settleFrom() []Edit {
	switch {
	case len(f.fields) == 0:
		return []Edit{{Op: Add, Name: "From", Value: message.FormatMailboxes("From", f.author.Mailboxes...)}}
	case f.author.Repaired:
		return []Edit{{Op: Change, Index: 1, Name: "From", Value: f.standardFrom()}}
	}
	return nil
}

// standardFrom writes From as RFC 5322 has it.
func (f *facts) standardFrom() string {
	authors := slices.Clone(f.author.Mailboxes)
	for i := range authors {
		authors[i].Name = withoutAddresses(authors[i].Name)
	}
	return message.FormatMailboxes("From", authors...)
}

// replaceFrom puts the platform's mailbox in From and keeps what stood there.
func (f *facts) replaceFrom() []Edit {
	value := message.FormatMailboxes("From", message.Mailbox{Name: f.fromName(), Address: f.fromAddress()})
	if len(f.fields) == 0 {
		return []Edit{{Op: Add, Name: "From", Value: value}}
	}
	if len(f.fields) > maxEdits {
		return tooMany("From")
	}
	edits := []Edit{{Op: Change, Index: 1, Name: "From", Value: value}}
	for i := len(f.fields); i > 1; i-- {
		edits = append(edits, Edit{Op: Delete, Index: i, Name: "From"})
	}
	for _, old := range f.fields {
		was := trailOf(old.Value)
		if was == "" && len(f.fields) == 1 {
			continue
		}
		if was == "" {
			was = " (empty)" // so that the trail shows how many there were
		}
		edits = append(edits, Edit{Op: Add, Name: OriginalFrom, Value: was})
	}
	return edits
}

// maxTrail bounds what is kept of a From that was replaced, in octets.
const maxTrail = 4 << 10

// trailOf writes a From that was replaced, its end cut off where it is long.
func trailOf(value string) string {
	if len(value) <= maxTrail {
		if was := message.Fold(OriginalFrom, value); len(was) <= maxTrail {
			return was
		}
	}
	const enough = maxTrail / 4 // octets, each of which may need three, and folds
	return message.Fold(OriginalFrom, strings.ToValidUTF8(value[:min(len(value), enough)], "")+" ...")
}

// fromName returns the display name: the author's by the tenant's pattern. The name
// must not hold an address: receivers hide or punish that.
func (f *facts) fromName() string {
	pattern, tenantName := tenant.DefaultFromName(), ""
	if f.tenant != nil {
		pattern, tenantName = f.tenant.FromName, f.tenant.Name
	}
	author := f.namedAuthor()
	name := cmp.Or(withoutAddresses(author.Name), withoutAddresses(author.Address.Local), tenantName)
	if name == "" {
		return f.platform.Name
	}
	return fillPattern(name, pattern, func(placeholder string) string {
		if placeholder == "tenant" {
			return tenantName
		}
		return f.platform.Name
	})
}

// namedAuthor returns the author, or at least the name of one whose address cannot be
// read.
func (f *facts) namedAuthor() message.Mailbox {
	switch {
	case f.unreadable == "":
		return f.author.Mailboxes[0]
	case len(f.fields) == 1 && len(f.author.Mailboxes) == 0:
		return message.Mailbox{Name: message.DisplayName(f.fields[0].Value)}
	}
	return message.Mailbox{}
}

// fromAddress returns the platform's address, with what its template asks for. What a
// stranger claims goes into no address of ours, and nothing of an author of whom no tenant
// answers. Where something that the template asks for is missing, or does not fit, nobody is
// to be answered.
func (f *facts) fromAddress() message.Address {
	author, id, missing := message.Address{}, "", false
	if f.unreadable == "" && f.trusted {
		author = f.author.Mailboxes[0].Address
	}
	if f.tenant != nil {
		id = f.tenant.ID
	}
	local := f.platform.From.Expand(func(placeholder string) string {
		value := id
		switch {
		case id != "" && placeholder == "local":
			value = plainAtom(author.Local)
		case id != "" && placeholder == "domain":
			value = author.Domain.String()
		case placeholder == "reply":
			value = NewCodec(f.platform.SRS, f.m.Received).Reply(author)
		}
		missing = missing || value == ""
		return value
	})
	if !f.platform.From.Holds("reply") { // there, the check code covers every octet
		local = strings.Trim(local, ".")
	}
	if missing || local == "" || len(local) > message.MaxWrittenLocal {
		local = "noreply"
	}
	return message.Address{Local: local, Domain: f.platform.FromDomain}
}

// plainAtom makes text fit for a local part that needs no quotes.
func plainAtom(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_+.", r)) {
			return r
		}
		return '_'
	}, s)
}

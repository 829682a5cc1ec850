package rewrite

import (
	"strings"
	"unicode"

	"onbehalf/message"
	"onbehalf/tenant"
)

// OriginalFrom is the field that keeps the From that we replaced.
const OriginalFrom = "X-Original-From"

// settleFrom makes a From that stays say to every receiver what it said to us:
// one is made where there is none, and one that we could only read by mending is
// written anew.
func (f *facts) settleFrom() []Edit {
	switch {
	case len(f.fields) == 0:
		return []Edit{{Op: Add, Name: "From", Value: message.FormatMailboxes("From", f.author.Mailboxes...)}}
	case f.author.Mended:
		author := f.author.Mailboxes[0]
		author.Name = withoutAddresses(author.Name)
		return []Edit{{Op: Change, Index: 1, Name: "From", Value: message.FormatMailboxes("From", author)}}
	}
	return nil
}

// replaceFrom puts the platform's mailbox in From and keeps what stood there.
func (f *facts) replaceFrom() []Edit {
	value := message.FormatMailboxes("From", message.Mailbox{Name: f.fromName(), Address: f.fromAddress()})
	if len(f.fields) == 0 {
		return []Edit{{Op: Add, Name: "From", Value: value}}
	}
	edits := []Edit{{Op: Change, Index: 1, Name: "From", Value: value}}
	for i := len(f.fields); i > 1; i-- {
		edits = append(edits, Edit{Op: Delete, Index: i, Name: "From"})
	}
	for _, old := range f.fields {
		was := message.Fold(OriginalFrom, old.Value)
		if was == "" && len(f.fields) == 1 {
			continue
		}
		if was == "" {
			was = " (empty)" // so that the trail tells how many there were
		}
		edits = append(edits, Edit{Op: Add, Name: OriginalFrom, Value: was})
	}
	return edits
}

// fromName gives the display name: the author's by the tenant's pattern. The name
// must not hold an address: receivers hide or punish that.
func (f *facts) fromName() string {
	pattern, tenantName := tenant.DefaultFromName(), ""
	if f.tenant != nil {
		pattern, tenantName = f.tenant.FromName, f.tenant.Name
	}
	author := message.Mailbox{}
	if f.unreadable == "" {
		author = f.author.Mailboxes[0]
	}
	name := firstOf(withoutAddresses(author.Name), withoutAddresses(author.Address.Local), tenantName)
	if name == "" {
		return f.platform.Name
	}
	return pattern.Expand(func(placeholder string) string {
		switch placeholder {
		case "name":
			return name
		case "tenant":
			return tenantName
		}
		return f.platform.Name
	})
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// fromAddress gives the platform's address, with what its template asks for.
func (f *facts) fromAddress() message.Address {
	author, id := message.Address{}, ""
	if f.unreadable == "" {
		author = f.author.Mailboxes[0].Address
	}
	if f.tenant != nil {
		id = f.tenant.ID
	}
	local := f.platform.From.Expand(func(placeholder string) string {
		switch placeholder {
		case "local":
			return plainAtom(author.Local)
		case "domain":
			return author.Domain.String()
		case "tenant":
			return id
		}
		return NewCodec(f.platform.SRS, f.m.Received).Reply(author, id)
	})
	local = local[:min(len(local), maxLocal)]
	if !f.platform.From.Holds("reply") { // there, the check code covers every octet
		local = strings.Trim(local, ".")
	}
	return message.Address{Local: firstOf(local, "noreply"), Domain: f.platform.FromDomain}
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

// maxName bounds a display name, in characters. No mail program shows more.
const maxName = 100

// visible removes from a name what a reader cannot see: control characters, and
// format characters such as those that turn the direction of text, but not the
// joiners that scripts and emoji need. Runs of white space become one space.
func visible(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\u200c', r == '\u200d':
			return r
		case unicode.IsSpace(r), unicode.Is(unicode.Cc, r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// withoutAddresses removes from a name, besides what visible removes, each word
// that looks like an address, with an at sign of any width.
func withoutAddresses(name string) string {
	var words []string
	for word := range strings.FieldsSeq(visible(name)) {
		if !strings.ContainsAny(word, "@\uff20\ufe6b") {
			words = append(words, word)
		}
	}
	name = strings.Trim(strings.Join(words, " "), `"' <>()`)
	if runes := []rune(name); len(runes) > maxName {
		name = strings.TrimSpace(string(runes[:maxName]))
	}
	return name
}

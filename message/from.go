package message

import (
	"errors"
	"fmt"
	"strings"
)

// Mailbox is an address with the display name of the person or thing behind it
// (RFC 5322 section 3.4). Name is decoded text in UTF-8; empty: none was given.
type Mailbox struct {
	Name    string
	Address Address
}

// Author is what one From field says.
type Author struct {
	Mailboxes []Mailbox // at least one
	// Mended: no grammar allows the field as it stands, but it can only have been
	// meant one way. Receivers may each see another author in it, so it must not
	// leave as it is.
	Mended bool
}

// ParseFrom reads the value of a From field. The author decides whose name a
// message goes out in, so there are three outcomes and no guess between them:
//
//   - a mailbox-list by RFC 5322 section 3.6.2, with UTF-8 (RFC 6532) or raw 8-bit
//     text in display names, dots in them (obs-phrase) and a name given as a comment
//     behind the address: the Author, as written;
//   - one address in angle brackets at the end, and before it text that the writer
//     forgot to quote ("Doe, John <j@x.nl>", "j@x.nl <j@x.nl>"), or a source route in
//     the brackets: the Author, Mended;
//   - all else: an error that says why. That takes in groups, blanks or comments
//     inside an address, missing or unbalanced brackets and quotes, text behind the
//     closing bracket, an unquoted name that holds another address, control
//     characters, and an empty value.
func ParseFrom(value string) (Author, error) {
	text := strings.Trim(unfold(value), " \t")
	switch {
	case text == "":
		return Author{}, errors.New("it is empty")
	case strings.IndexFunc(text, func(r rune) bool { return isCtl(r) && r != '\t' }) >= 0:
		return Author{}, errors.New("it holds a control character")
	case strings.IndexFunc(text, isPicture) >= 0:
		return Author{}, errors.New("it holds the picture of a control character")
	}
	mailboxes, err := parseMailboxList(text)
	if err == nil {
		return Author{Mailboxes: mailboxes}, nil
	}
	if mailbox, ok := mend(text); ok {
		return Author{Mailboxes: []Mailbox{mailbox}, Mended: true}, nil
	}
	return Author{}, err
}

// isPicture finds what Fold makes of control characters, so that a value read
// back from X-Original-From is as unreadable as the first time.
func isPicture(r rune) bool { return '\u2400' <= r && r <= '\u2421' }

// mend reads the forms that a writer who forgot to quote leaves behind.
func mend(text string) (Mailbox, bool) {
	open := strings.IndexByte(text, '<')
	if open < 0 || !strings.HasSuffix(text, ">") {
		return Mailbox{}, false
	}
	name, spec := strings.Trim(text[:open], " \t"), text[open+1:len(text)-1]
	if strings.HasPrefix(spec, "@") { // obs-route, RFC 5322 section 4.4
		if _, after, found := strings.Cut(spec, ":"); found {
			spec = after
		}
	}
	address, err := ParseAddress(spec)
	if err != nil || strings.ContainsAny(name, `"\()<>`) {
		return Mailbox{}, false
	}
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune(" \t,;:", r) }) {
		if !strings.Contains(word, "@") || strings.Trim(word, "@") == "" {
			continue
		}
		if other, err := ParseAddress(word); err != nil || !sameMailbox(other, address) {
			return Mailbox{}, false
		}
	}
	return Mailbox{decodeWords(name), address}, true
}

func sameMailbox(a, b Address) bool {
	return a.Domain == b.Domain && strings.EqualFold(a.Local, b.Local)
}

// parseMailboxList reads mailbox *("," mailbox).
func parseMailboxList(text string) ([]Mailbox, error) {
	p := parser{text}
	var list []Mailbox
	for {
		mailbox, err := p.mailbox()
		if err != nil {
			return nil, err
		}
		list = append(list, mailbox)
		if p.rest == "" {
			return list, nil
		}
		if !p.skip(',') {
			return nil, fmt.Errorf("there is text behind the address: %q", clip(p.rest))
		}
	}
}

// parser walks over a field value; each method takes what it reads from rest.
type parser struct{ rest string }

// mailbox reads name-addr or addr-spec (RFC 5322 section 3.4).
func (p *parser) mailbox() (Mailbox, error) {
	if _, err := p.cfws(); err != nil {
		return Mailbox{}, err
	}
	if address, rest, err := cutAddrSpec(p.rest); err == nil {
		p.rest = rest
		comment, err := p.cfws()
		return Mailbox{decodeWords(comment), address}, err
	}
	name, err := p.phrase()
	if err != nil {
		return Mailbox{}, err
	}
	if !p.skip('<') {
		return Mailbox{}, fmt.Errorf("no address in angle brackets where %q stands", clip(p.rest))
	}
	address, rest, err := cutAddrSpec(p.rest)
	if err != nil {
		return Mailbox{}, err
	}
	p.rest = rest
	if !p.skip('>') {
		return Mailbox{}, errors.New("the angle bracket is not closed behind the address")
	}
	comment, err := p.cfws()
	if name == "" {
		name = comment
	}
	return Mailbox{decodeWords(name), address}, err
}

// phrase reads the words of a display name: atoms, quoted strings and dots, with
// comments passed over.
func (p *parser) phrase() (string, error) {
	var words []string
	for {
		if _, err := p.cfws(); err != nil {
			return "", err
		}
		end := strings.IndexFunc(p.rest, func(r rune) bool { return r != '.' && !isAtext(r) })
		switch {
		case strings.HasPrefix(p.rest, `"`):
			text, rest, err := cutQuoted(p.rest)
			if err != nil {
				return "", err
			}
			words, p.rest = append(words, text), rest
		case end == 0, p.rest == "":
			return strings.Join(words, " "), nil
		case end < 0:
			words, p.rest = append(words, p.rest), ""
		default:
			words, p.rest = append(words, p.rest[:end]), p.rest[end:]
		}
	}
}

// cutAddrSpec takes an addr-spec from the start of s. The domain ends at the first
// character that cannot belong to one.
func cutAddrSpec(s string) (Address, string, error) {
	local, rest, err := cutLocal(s)
	if err != nil {
		return Address{}, s, err
	}
	if !strings.HasPrefix(rest, "@") {
		return Address{}, s, fmt.Errorf("no @ behind %q", clip(local))
	}
	rest = rest[1:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && !isAtext(r) })
	if end < 0 {
		end = len(rest)
	}
	domain, err := ParseDomain(rest[:end])
	if err != nil {
		return Address{}, s, err
	}
	return Address{local, domain}, rest[end:], nil
}

// skip takes one character and the white space and comments before it.
func (p *parser) skip(c byte) bool {
	if !strings.HasPrefix(p.rest, string(c)) {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// cfws takes white space and comments (RFC 5322 section 3.2.2) and gives the text
// of the last comment.
func (p *parser) cfws() (comment string, err error) {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t")
		if !strings.HasPrefix(p.rest, "(") {
			return comment, nil
		}
		if comment, err = p.comment(); err != nil {
			return "", err
		}
	}
}

// comment takes one comment; comments nest, so we count instead of recursing.
func (p *parser) comment() (string, error) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(p.rest); i++ {
		c := p.rest[i]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				p.rest = p.rest[i+1:]
				return strings.Trim(b.String(), " \t"), nil
			}
		case '\\':
			if i++; i == len(p.rest) {
				return "", errors.New("a comment is not closed")
			}
			c = p.rest[i]
		}
		b.WriteByte(c)
	}
	return "", errors.New("a comment is not closed")
}

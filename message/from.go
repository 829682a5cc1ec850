package message

import (
	"errors"
	"fmt"
	"slices"
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
	// Repaired: the field is not written as RFC 5322 section 3.4 has it, but it can only
	// have been meant one way. Receivers may each see another author in it, so it must
	// not leave as it is.
	Repaired bool
}

// ParseFrom reads the value of a From field. The author decides whose name a
// message goes out in, so there are three outcomes and no guess between them:
//
//   - a mailbox-list by RFC 5322 section 3.6.2, with UTF-8 (RFC 6532) or raw 8-bit
//     text in display names, dots in them (obs-phrase) and a name given as a comment
//     behind the address: the Author, as written;
//   - the same with white space, folds and comments inside an address, empty elements, or
//     a group (RFC 5322 section 4.4, RFC 6854); or one address at the end, in angle
//     brackets or not, and before it text that the writer forgot to quote
//     ("Doe, John <j@x.nl>", "Doe j@x.nl"): the Author, Repaired;
//   - all else: an error that says why. ErrNoAddress and ErrNoDomain are such. That takes
//     in address literals, unbalanced brackets and quotes, text behind the address, an
//     unquoted name that holds another address, control characters, and an empty value.
func ParseFrom(value string) (Author, error) {
	return ParseCompletedFrom(value, func(Domain) bool { return false })
}

// maxFrom bounds what is read, in octets. No author needs more.
const maxFrom = 32 << 10

// ParseCompletedFrom is ParseFrom for a field that a mail server may have completed:
// adds reports whether it adds the domain to words without one.
func ParseCompletedFrom(value string, adds func(Domain) bool) (Author, error) {
	if len(value) > maxFrom {
		return Author{}, fmt.Errorf("it is longer than %d bytes", maxFrom)
	}
	text := strings.Trim(unfold(value), " \t")
	switch {
	case text == "":
		return Author{}, errors.New("it is empty")
	case strings.IndexFunc(text, func(r rune) bool { return isCtl(r) && r != '\t' }) >= 0:
		return Author{}, errors.New("it holds a control character")
	case strings.IndexFunc(text, isPicture) >= 0:
		return Author{}, errors.New("it holds the picture of a control character")
	}
	tokens, err := tokenize(text)
	if err != nil {
		return Author{}, err
	}
	if words, ok := uncompleted(slices.Clone(tokens), adds); ok {
		if mailbox, ok := unquotedName(words); ok {
			return Author{Mailboxes: []Mailbox{mailbox}, Repaired: true}, nil
		}
	}
	mailboxes, err := parseMailboxList(text)
	if err == nil && !slices.ContainsFunc(mailboxes, Mailbox.isLink) {
		return Author{Mailboxes: mailboxes}, nil
	}
	if lenient := readLeniently(tokens); lenient != nil {
		return Author{Mailboxes: lenient, Repaired: true}, nil
	}
	if reason := missing(tokens); reason != nil {
		return Author{}, reason
	}
	return Author{}, err
}

// isLink reports whether the address is a link that was pasted for one.
func (m Mailbox) isLink() bool { return withoutScheme(m.Address.Local) != m.Address.Local }

// isPicture finds what Fold makes of control characters, so that a value read
// back from X-Original-From is as unreadable as the first time.
func isPicture(r rune) bool { return '\u2400' <= r && r <= '\u2421' }

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
			return nil, fmt.Errorf("there is text after the address: %q", clip(p.rest))
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
		return Mailbox{}, fmt.Errorf("no address in angle brackets where %q is", clip(p.rest))
	}
	address, rest, err := cutAddrSpec(p.rest)
	if err != nil {
		return Mailbox{}, err
	}
	p.rest = rest
	if !p.skip('>') {
		return Mailbox{}, errors.New("the angle bracket is not closed after the address")
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
		return Address{}, s, fmt.Errorf("no @ after %q", clip(local))
	}
	rest = rest[1:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && !isAtext(r) })
	if end < 0 {
		end = len(rest)
	}
	domain, err := ParseHost(rest[:end])
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

// cfws takes white space and comments (RFC 5322 section 3.2.2) and returns the text
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

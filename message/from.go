package message

import (
	"cmp"
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
	exact := reader{tokens}
	mailboxes, err := exact.list()
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

// reader reads mailboxes as they should be written; each method takes what it reads from the front.
type reader struct{ tokens []token }

// list reads mailbox *("," mailbox).
func (r *reader) list() ([]Mailbox, error) {
	var list []Mailbox
	for {
		mailbox, err := r.mailbox()
		if err != nil {
			return nil, err
		}
		list = append(list, mailbox)
		if len(r.tokens) == 0 {
			return list, nil
		}
		if !r.skip(',') {
			return nil, fmt.Errorf("there is text after the address: %q", clip(r.rest()))
		}
	}
}

// mailbox reads name-addr or addr-spec (RFC 5322 section 3.4).
func (r *reader) mailbox() (Mailbox, error) {
	r.comments()
	if address, err := r.addrSpec(r.rest()); err == nil {
		return Mailbox{decodeWords(r.comments()), address}, nil
	}
	name, text := r.phrase(), r.rest()
	if !r.skip('<') {
		return Mailbox{}, fmt.Errorf("no address in angle brackets where %q is", clip(text))
	}
	address, err := r.addrSpec(text[1:])
	if err != nil {
		return Mailbox{}, err
	}
	if len(r.tokens) == 0 || r.tokens[0].blank || !r.skip('>') {
		return Mailbox{}, errors.New("the angle bracket is not closed after the address")
	}
	return Mailbox{decodeWords(cmp.Or(name, r.comments())), address}, nil
}

// phrase takes the words of a display name: atoms, which may hold dots, and quoted strings, with
// comments passed over.
func (r *reader) phrase() string {
	var words []string
	for ; len(r.tokens) > 0; r.tokens = r.tokens[1:] {
		switch t := r.tokens[0]; t.kind {
		case atom, quoted:
			words = append(words, t.text)
		case comment:
		default:
			return strings.Join(words, " ")
		}
	}
	return strings.Join(words, " ")
}

// addrSpec takes an addr-spec: text is the front, from where it must begin.
func (r *reader) addrSpec(text string) (Address, error) {
	local, rest, err := cutLocal(text)
	if err != nil {
		return Address{}, err
	}
	if !strings.HasPrefix(rest, "@") {
		return Address{}, fmt.Errorf("no @ after %q", clip(local))
	}
	name := "" // behind the tokens of the local part and the at sign
	if len(r.tokens) > 2 && r.tokens[2].kind == atom && !r.tokens[2].blank {
		name = r.tokens[2].text
	}
	domain, err := ParseHost(name)
	if err != nil {
		return Address{}, err
	}
	r.tokens = r.tokens[3:]
	return Address{local, domain}, nil
}

// rest returns the text from the front on.
func (r *reader) rest() string {
	if len(r.tokens) == 0 {
		return ""
	}
	return r.tokens[0].rest
}

// skip takes one character.
func (r *reader) skip(c byte) bool {
	found := len(r.tokens) > 0 && r.tokens[0].kind == c
	if found {
		r.tokens = r.tokens[1:]
	}
	return found
}

// comments takes comments (RFC 5322 section 3.2.2) and returns the text of the last one.
func (r *reader) comments() (last string) {
	for len(r.tokens) > 0 && r.tokens[0].kind == comment {
		last, r.tokens = r.tokens[0].text, r.tokens[1:]
	}
	return last
}

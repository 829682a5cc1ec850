package message

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// token is a piece of a From field: a word, a quoted-string, a comment, or one of the
// characters that have a meaning of their own.
type token struct {
	kind  byte   // 'a' atom, 'q' quoted-string, 'c' comment; else the character itself
	text  string // what it says, without quotes and parentheses
	blank bool   // white space stands before it
	rest  string // the field from here on
}

const (
	atom    = 'a'
	quoted  = 'q'
	comment = 'c'
)

// specials stand for themselves. The dot does not: it may stand in any word.
const specials = `<>@,;:[]\)`

func tokenize(text string) ([]token, error) {
	var all []token
	for {
		rest := strings.TrimLeft(text, " \t")
		blank := len(rest) < len(text)
		if text = rest; text == "" {
			return all, nil
		}
		t := token{kind: text[0], text: text[:1], blank: blank, rest: text}
		var err error
		switch {
		case t.kind == '"':
			t.kind = quoted
			t.text, text, err = cutQuoted(text)
		case t.kind == '(':
			t.kind = comment
			t.text, text, err = cutComment(text)
		case strings.IndexByte(specials, t.kind) >= 0:
			text = text[1:]
		default:
			end := strings.IndexFunc(text, endsAtom)
			if end < 0 {
				end = len(text)
			}
			t.kind, t.text, text = atom, text[:end], text[end:]
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
}

// cutComment takes a comment from the start of s and returns its text; comments nest, so we count
// instead of recursing.
func cutComment(s string) (text, rest string, err error) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				return strings.Trim(b.String(), " \t"), s[i+1:], nil
			}
		case '\\':
			if i++; i == len(s) {
				return "", "", errors.New("a comment is not closed")
			}
			c = s[i]
		}
		b.WriteByte(c)
	}
	return "", "", errors.New("a comment is not closed")
}

func count(tokens []token, kind byte) (n int) {
	for _, t := range tokens {
		if t.kind == kind {
			n++
		}
	}
	return n
}

func index(tokens []token, kind byte) int {
	return slices.IndexFunc(tokens, func(t token) bool { return t.kind == kind })
}

// readLeniently reads what RFC 5322 section 4.4 allows and nobody should write, and
// what writers who forgot to quote leave behind, if it can be meant one way only.
func readLeniently(tokens []token) []Mailbox {
	tokens = ungroup(tokens)
	if list := lenientList(tokens); list != nil {
		return list
	}
	if mailbox, ok := unquotedName(tokens); ok {
		return []Mailbox{mailbox}
	}
	return nil
}

// ungroup takes the mailboxes out of a group (RFC 6854), and a final semicolon off what
// is none.
func ungroup(tokens []token) []token {
	if len(tokens) == 0 || tokens[len(tokens)-1].kind != ';' {
		return tokens
	}
	tokens = tokens[:len(tokens)-1]
	for i, t := range tokens {
		switch t.kind {
		case ':':
			if inside := tokens[i+1:]; i > 0 && index(inside, ':') < 0 && index(inside, ';') < 0 {
				return inside
			}
			return tokens
		case '<', '@', ',', ';':
			return tokens
		}
	}
	return tokens
}

// lenientList reads mailboxes between commas; nil: not all of them can be read.
func lenientList(tokens []token) []Mailbox {
	var list []Mailbox
	for len(tokens) > 0 {
		end, inside := 0, false
		for ; end < len(tokens) && (inside || tokens[end].kind != ','); end++ {
			inside = tokens[end].kind == '<' || inside && tokens[end].kind != '>'
		}
		element := tokens[:end]
		tokens = tokens[min(end+1, len(tokens)):]
		if len(element) == 0 {
			continue // RFC 5322 section 4.4, obs-mbox-list
		}
		mailbox, ok := lenientMailbox(element)
		if !ok {
			return nil
		}
		list = append(list, mailbox)
	}
	return list
}

// lenientMailbox reads a mailbox with white space and comments in any place where
// RFC 5322 has let them stand.
func lenientMailbox(tokens []token) (Mailbox, bool) {
	name, spec, behind, bracketed := cutBrackets(tokens)
	if !bracketed {
		address, ok := readSpec(tokens)
		return Mailbox{decodeWords(finalComment(tokens)), address}, ok
	}
	address, ok := readSpec(spec)
	if !ok || len(behind) > count(behind, comment) {
		return Mailbox{}, false
	}
	var words []string
	for _, t := range name {
		switch t.kind {
		case atom, quoted:
			words = append(words, t.text)
		case comment:
		default:
			return Mailbox{}, false
		}
	}
	if len(words) == 0 {
		words = []string{finalComment(behind)}
	}
	return Mailbox{decodeWords(strings.Join(words, " ")), address}, true
}

// cutBrackets finds the one pair of angle brackets.
func cutBrackets(tokens []token) (before, inside, behind []token, found bool) {
	open, end := index(tokens, '<'), index(tokens, '>')
	if open < 0 || end < open || count(tokens, '<') > 1 || count(tokens, '>') > 1 {
		return nil, nil, nil, false
	}
	return tokens[:open], tokens[open+1 : end], tokens[end+1:], true
}

// finalComment returns the comment that the tokens end with, which is a name.
func finalComment(tokens []token) string {
	if n := len(tokens); n > 0 && tokens[n-1].kind == comment {
		return tokens[n-1].text
	}
	return ""
}

// readSpec reads an address: words joined by dots, an at sign, words joined by dots; a
// source route or "mailto:" before it does not count, nor does a final dot.
func readSpec(tokens []token) (Address, bool) {
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t token) bool { return t.kind == comment })
	if colon := index(tokens, ':'); colon > 0 &&
		(tokens[0].kind == '@' || colon == 1 && tokens[0].kind == atom && strings.EqualFold(tokens[0].text, "mailto")) {
		tokens = tokens[colon+1:]
	}
	at := index(tokens, '@')
	if at < 0 {
		return Address{}, false
	}
	local, ok := joinWords(tokens[:at])
	name, plain := joinWords(tokens[at+1:])
	if !ok || !plain || index(tokens[at+1:], quoted) >= 0 {
		return Address{}, false
	}
	domain, err := ParseHost(strings.TrimSuffix(name, "."))
	if err != nil {
		return Address{}, false
	}
	local = withoutScheme(local)
	if _, _, err := cutLocal(quote(local)); err != nil {
		return Address{}, false
	}
	return Address{local, domain}, true
}

// withoutScheme removes the start of a link that was pasted for an address.
func withoutScheme(local string) string {
	const scheme = "mailto:"
	if len(local) > len(scheme) && strings.EqualFold(local[:len(scheme)], scheme) {
		return local[len(scheme):]
	}
	return local
}

// joinWords joins words between which nothing but dots stands (RFC 5322 section 4.4,
// obs-local-part and obs-domain).
func joinWords(tokens []token) (string, bool) {
	var b strings.Builder
	dotted := true // or at the start
	for _, t := range tokens {
		joined := dotted || t.kind == atom && t.text[0] == '.'
		if t.kind != atom && t.kind != quoted || !joined || b.Len() > maxSpelling {
			return "", false
		}
		b.WriteString(t.text)
		dotted = t.kind == atom && strings.HasSuffix(t.text, ".")
	}
	return b.String(), b.Len() > 0
}

// unquotedName reads one address, at the end, and before it a name that the writer
// forgot to quote, or to put brackets behind. The name may hold the same address once
// more, and no other.
func unquotedName(tokens []token) (Mailbox, bool) {
	for len(tokens) > 0 && strings.IndexByte(",;", tokens[len(tokens)-1].kind) >= 0 {
		tokens = tokens[:len(tokens)-1]
	}
	name, spec, behind, bracketed := cutBrackets(tokens)
	if !bracketed {
		name, spec, behind = cutBare(tokens)
	}
	address, ok := readSpec(spec)
	text := render(name)
	if !ok || len(behind) > count(behind, comment) || index(name, '<') >= 0 || index(name, '>') >= 0 ||
		index(name, ')') >= 0 || namesAnother(text, address) {
		return Mailbox{}, false
	}
	if text == "" {
		text = finalComment(behind)
	}
	return Mailbox{decodeWords(text), address}, true
}

// cutBare finds the address without brackets that ends the tokens, comments aside.
func cutBare(tokens []token) (before, spec, behind []token) {
	end := len(tokens)
	for end > 0 && tokens[end-1].kind == comment {
		end--
	}
	if end < 3 || tokens[end-2].kind != '@' || tokens[end-1].blank || tokens[end-2].blank {
		return nil, nil, nil
	}
	return tokens[:end-3], tokens[end-3 : end], tokens[end:]
}

// render writes tokens as a reader sees them.
func render(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if t.blank && i > 0 {
			b.WriteByte(' ')
		}
		if t.kind == comment {
			b.WriteString("(" + t.text + ")")
		} else {
			b.WriteString(t.text)
		}
	}
	return b.String()
}

// namesAnother reports whether some program may find another address in a name: words
// around an at sign, with a dot behind it. "Learn@Work" is none.
func namesAnother(name string, own Address) bool {
	name = strings.Join(strings.Fields(name), " ")
	name = strings.ReplaceAll(strings.ReplaceAll(name, " @", "@"), "@ ", "@")
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune(" \t,;:()<>[]\"", r) }) {
		before, behind, found := strings.Cut(word, "@")
		if !found || before == "" || !strings.ContainsAny(behind, ".@") {
			continue
		}
		if other, err := ParseAddress(word); err != nil || !sameMailbox(other, own) {
			return true
		}
	}
	return false
}

func sameMailbox(a, b Address) bool {
	return a.Domain == b.Domain && strings.EqualFold(a.Local, b.Local)
}

// ErrNoAddress and ErrNoDomain say what is missing from a field.
var (
	ErrNoAddress = errors.New("there is no address")
	ErrNoDomain  = errors.New("it has no domain")
)

// missing says whether there is nothing that could be an address; nil: there is.
func missing(tokens []token) error {
	at := index(tokens, '@')
	if at >= 0 && at+1 < len(tokens) && tokens[at+1].kind != '[' && tokens[at+1].kind != '>' {
		return nil
	}
	_, inside, _, bracketed := cutBrackets(tokens)
	if at > 0 || bracketed && len(inside) > count(inside, comment) {
		return ErrNoDomain
	}
	return ErrNoAddress
}

// DisplayName returns the name that a From field shows which ParseFrom cannot read; empty
// where there is none before the angle bracket.
func DisplayName(value string) string {
	if len(value) > maxFrom {
		return ""
	}
	text := strings.Trim(unfold(value), " \t")
	tokens, err := tokenize(text)
	open := index(tokens, '<')
	if err != nil || open < 0 || strings.ContainsFunc(text, isCtl) || !utf8.ValidString(text) {
		return ""
	}
	return decodeWords(render(tokens[:open]))
}

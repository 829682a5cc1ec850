package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Field is one header field (RFC 5322 section 2.2) as received: Value is every
// octet between the colon and the final CRLF, the leading space and the folds
// (CRLF and white space) included.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Is compares the field's name without regard to case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Text returns the value on one line: unfolded, without outer white space.
func (f Field) Text() string { return strings.Trim(unfold(f.Value), " \t") }

// String returns the field as it travels, CRLF included.
func (f Field) String() string { return f.Name + ":" + f.Value + "\r\n" }

// Clean reports whether CR and LF stand in the value only as folds, and NUL
// nowhere. What is not clean cannot be signed: hops repair it in different ways.
func (f Field) Clean() bool { return !strings.ContainsAny(unfold(f.Value), "\r\n\x00") }

// unfold removes the line ends of folds (RFC 5322 section 2.2.3).
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n ", " ")
	return strings.ReplaceAll(s, "\r\n\t", "\t")
}

// Header is the list of fields in the order received, topmost first.
type Header []Field

// Get returns the first field of a name.
func (h Header) Get(name string) (Field, bool) {
	for _, f := range h {
		if f.Is(name) {
			return f, true
		}
	}
	return Field{}, false
}

// Has reports whether there is a field of that name.
func (h Header) Has(name string) bool {
	_, found := h.Get(name)
	return found
}

// All returns the fields of a name, topmost first.
func (h Header) All(name string) []Field {
	var all []Field
	for _, f := range h {
		if f.Is(name) {
			all = append(all, f)
		}
	}
	return all
}

// String returns the header as it travels, without the empty line after it.
func (h Header) String() string {
	var b strings.Builder
	for _, f := range h {
		b.WriteString(f.String())
	}
	return b.String()
}

// maxHeader bounds what ReadHeader takes, in octets. Postfix's own bound
// (header_size_limit) is 102400.
const maxHeader = 1 << 20

// ReadHeader reads a header as it stands in a file, with LF or CRLF line ends,
// and leaves r at the first octet of the body. Like Postfix it ends the header
// at the first line that cannot belong to one, and passes over an mbox "From "
// line. A header without a single field is an error.
func ReadHeader(r *bufio.Reader) (Header, error) {
	var h Header
	var value []byte // of the last field: a header may be all folds
	total := 0
	for first := true; ; first = false {
		line, err := peekLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text := bytes.TrimRight(line, "\r\n")
		if first && bytes.HasPrefix(text, []byte("From ")) {
			r.Discard(len(line))
			continue
		}
		if len(text) == 0 {
			r.Discard(len(line))
			break
		}
		if total += len(line); total > maxHeader {
			return nil, fmt.Errorf("header is longer than %d bytes", maxHeader)
		}
		if text[0] == ' ' || text[0] == '\t' {
			if len(h) == 0 {
				return nil, errors.New("header starts with a continuation line")
			}
			value = append(append(value, "\r\n"...), text...)
		} else {
			name, start, found := strings.Cut(string(text), ":")
			name = strings.TrimRight(name, " \t")
			if !found || !ValidFieldName(name) {
				break
			}
			h.setLast(value)
			h, value = append(h, Field{Name: name}), []byte(start)
		}
		r.Discard(len(line))
	}
	h.setLast(value)
	if len(h) == 0 {
		return nil, errors.New("no header field found; a message starts with lines like \"From: a@example.org\"")
	}
	return h, nil
}

func (h Header) setLast(value []byte) {
	if len(h) > 0 {
		h[len(h)-1].Value = string(value)
	}
}

// peekLine returns the next line, its end included, without taking it. A line
// longer than the reader's buffer is an error, so give the reader a large one.
func peekLine(r *bufio.Reader) ([]byte, error) {
	for n := 128; ; n *= 2 {
		peeked, err := r.Peek(min(n, r.Size()))
		if i := bytes.IndexByte(peeked, '\n'); i >= 0 {
			return peeked[:i+1], nil
		}
		if err != nil {
			return peeked, err
		}
		if n >= r.Size() {
			return nil, fmt.Errorf("header line is longer than %d bytes", r.Size())
		}
	}
}

// NewReader returns a reader that ReadHeader can take the longest header from.
func NewReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxHeader) }

// ValidFieldName reports whether s is a field name: printable ASCII but the colon
// (RFC 5322 section 2.2).
func ValidFieldName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// Fold returns text of any origin as a field value that is safe to write: on lines
// of at most 78 octets where white space allows it, never above 998 (RFC 5322
// section 2.1.1), each control character replaced by its picture (U+2400 and
// following), so that no line end can be smuggled in and nothing is hidden. Blanks
// within stay, for a quoted local part may hold them; so many that they would fill
// a line become one. A word that no line can hold is cut.
func Fold(name, text string) string {
	text = " " + strings.Trim(picture(unfold(text)), " ")
	var b strings.Builder
	column := len(name) + 1
	for text != "" && text != " " {
		blanks := len(text) - len(strings.TrimLeft(text, " "))
		word := text[blanks:]
		if end := strings.IndexByte(word, ' '); end >= 0 {
			word = word[:end]
		}
		text = text[blanks+len(word):]
		if blanks > maxBlanks {
			blanks = 1
		}
		if column+blanks+len(word) > 78 {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(strings.Repeat(" ", blanks))
		column += blanks
		for column+len(word) > 990 {
			cut := 990 - column
			for cut > 900-column && !utf8.RuneStart(word[cut]) {
				cut--
			}
			b.WriteString(word[:cut] + "\r\n ")
			word, column = word[cut:], 1
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// maxBlanks is how many blanks may stand in a row.
const maxBlanks = 60

// picture replaces control characters: a tab by a space, others by U+2400+c.
func picture(s string) string {
	if strings.IndexFunc(s, isCtl) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\t':
			b.WriteByte(' ')
		case c < ' ':
			b.WriteRune(rune(c) + '\u2400')
		case c == 0x7f:
			b.WriteRune('\u2421')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isCtl(r rune) bool { return r < ' ' || r == 0x7f }

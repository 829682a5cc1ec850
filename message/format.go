package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// FormatMailboxes returns mailboxes as the value of the named field, leading space
// and folds included: no line over 78 octets unless one address alone is longer,
// nothing but ASCII in names.
func FormatMailboxes(field string, mailboxes ...Mailbox) string {
	w := valueWriter{column: len(field) + 1}
	for i, m := range mailboxes {
		last := ""
		if i < len(mailboxes)-1 {
			last = ","
		}
		if m.Name == "" {
			w.word(m.Address.String() + last)
			continue
		}
		w.name(m.Name)
		w.word("<" + m.Address.String() + ">" + last)
	}
	return w.b.String()
}

// valueWriter writes words with a space before each, or a fold when the line
// would pass 78 octets (RFC 5322 section 2.1.1).
type valueWriter struct {
	b      strings.Builder
	column int
}

func (w *valueWriter) word(s string) {
	if w.column+1+len(s) > 78 {
		w.b.WriteString("\r\n")
		w.column = 0
	}
	w.b.WriteString(" " + s)
	w.column += 1 + len(s)
}

// name writes a display name: words as they are, a quoted-string, or encoded-words.
func (w *valueWriter) name(s string) {
	s = picture(strings.ToValidUTF8(s, "\uFFFD"))
	quoted := quote(s)
	switch {
	case !isASCII(s), strings.Contains(s, "=?"), len(quoted) > 76:
		w.encoded(s)
	default:
		w.word(quoted)
	}
}

// encoded writes s as encoded-words of at most 75 octets, each a whole number of
// characters (RFC 2047 sections 2 and 5). White space between them is not text.
func (w *valueWriter) encoded(s string) {
	const overhead = len("=?utf-8?B??=")
	for s != "" {
		room := min(75, 78-w.column-1)
		octets := (room - overhead) / 4 * 3
		if octets < 12 { // hardly worth a word on this line
			octets = (75 - overhead) / 4 * 3
		}
		end := min(octets, len(s))
		for end < len(s) && !utf8.RuneStart(s[end]) {
			end--
		}
		w.word("=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s[:end])) + "?=")
		s = s[end:]
	}
}

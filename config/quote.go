package config

import (
	"strconv"
	"strings"
	"unicode"
)

// People paste keys and secrets where names belong. What a file holds is therefore shown in a
// finding only if it looks like something that a person typed. This is decided here alone: Quoted
// for a value, Redacted for each finding as a whole, whoever wrote the error behind it.

// notShown stands for a value that may be a key or secret.
const notShown = "[not shown: it looks like a key or a secret]"

// Quoted shows text from a file, or an argument of a command: short, on one line, without control
// characters; or notShown.
func Quoted(s string) string {
	if !quotable(s) {
		return notShown
	}
	return strconv.Quote(clipped(s))
}

// bare is Quoted without the quotation marks.
func bare(s string) string { return strings.Trim(Quoted(s), `"`) }

func clipped(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// quotable reports whether a value may be shown: no word of it looks like a key or secret.
func quotable(s string) bool {
	if strings.Contains(s, "-----BEGIN") || strings.Contains(s, "PRIVATE KEY") {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, isBorder) {
		if isRandom(word) {
			return false
		}
	}
	return true
}

// redacted returns the finding without what may be a key or secret. File is no value.
func (f Finding) redacted() Finding {
	f.Item, f.Key, f.Cause, f.Remedy = Redacted(f.Item), Redacted(f.Key), Redacted(f.Cause), Redacted(f.Remedy)
	return f
}

// Redacted replaces in a sentence the words that may be a key or secret.
func Redacted(s string) string {
	if quotable(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, isBorder)
		if end < 0 {
			end = len(s)
		}
		if word := s[:end]; isRandom(word) {
			b.WriteString(notShown)
		} else {
			b.WriteString(word)
		}
		border := len(s[end:]) - len(strings.TrimLeftFunc(s[end:], isBorder))
		b.WriteString(s[end : end+border])
		s = s[end+border:]
	}
	return b.String()
}

// isBorder reports whether a character ends a word: all do that neither base64 nor base64url has,
// except the dot of names and of JSON Web Tokens.
func isBorder(r rune) bool {
	return !(r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("+/=-_.", r))
}

// Random text goes from small letters to capitals and from letters to digits at every third
// character, in base32 and hexadecimal at every third or second; names, paths and words
// rarely do. Of a million texts in base64, of 32 characters, some twenty are missed; of 40, one.
const (
	leastRandom = 20 // characters of a word
	leastRun    = 32 // letters and digits in a row
)

// isRandom reports whether a word looks like a key or secret in base64, base32 or hexadecimal.
func isRandom(word string) bool {
	if len(word) < leastRandom || isTyped(word) {
		return false
	}
	changes, run, digits, inHex := 0, 0, 0, true // of the run: groups of digits, and whether it is hexadecimal
	for i := range len(word) {
		before, now := byte('.'), classOf(word[i])
		if i > 0 {
			before = classOf(word[i-1])
		}
		if changed(before, now) {
			changes++
		}
		if !isAlphanumeric(now) {
			run, digits, inHex = 0, 0, true
			continue
		}
		run++
		if now == '0' && before != '0' {
			digits++
		}
		inHex = inHex && strings.IndexByte("0123456789abcdefABCDEF", word[i]) >= 0
		if run >= leastRun && (inHex || digits > 2) {
			return true
		}
	}
	isACE := strings.HasPrefix(word, "xn--") || strings.Contains(word, ".xn--") // RFC 5890 section 2.3.2.1
	return changes >= 4 && 8*changes >= len(word) && !isACE
}

// isTyped reports whether a word is made as names are: of short parts in small letters and digits,
// with hyphens, dots or slashes between, as in a UUID, a path or the name of a host. A part alone may be as long as
// an ObjectID, which is hexadecimal.
func isTyped(word string) bool {
	const longest, longestID = 16, 24
	parts := strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("-._/", r) })
	for _, part := range parts {
		small := strings.TrimLeft(part, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
		hex := strings.TrimLeft(part, "abcdef0123456789") == ""
		if !small || len(part) > longest && !(hex && len(part) <= longestID) {
			return false
		}
	}
	return len(parts) > 0
}

// classOf returns a, A, 0 or + for a character like these, else a dot.
func classOf(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z':
		return 'a'
	case 'A' <= c && c <= 'Z':
		return 'A'
	case '0' <= c && c <= '9':
		return '0'
	case c == '+', c == '=':
		return '+'
	}
	return '.'
}

func isAlphanumeric(class byte) bool { return class != '.' && class != '+' }

func changed(before, now byte) bool {
	switch {
	case before == now, before == '.', now == '.':
		return false
	case before == 'A' && now == 'a': // a word that begins with a capital
		return false
	}
	return true
}

package message

import (
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
)

// encodedWord is one encoded-word of RFC 2047 section 2, taken apart.
type encodedWord struct {
	charset string // lower case, without the language of RFC 2231 section 5
	base64  bool   // encoding B; else Q
	text    string
}

// decodeWords returns the text of a display name: encoded-words (RFC 2047) of any
// known charset decoded, raw 8-bit text that is not UTF-8 read as Windows-1252, the
// superset of Latin-1.
//
// It reads what other programs write, not only what they should: base64 without
// padding, with blanks, or cut in the middle; blanks and raw 8-bit text in an
// encoded-word; characters cut in two between words; the label of a charset that the
// text is not in; a last word without its end. A word that still cannot be decoded is
// left out: nobody is called like that.
func decodeWords(s string) string {
	var b strings.Builder
	var run []encodedWord // adjacent words, the blanks between them being no text
	for s != "" {
		word, rest, found := cutEncodedWord(s)
		if found {
			run, s = append(run, word), rest
			if trimmed := strings.TrimLeft(s, " \t"); strings.HasPrefix(trimmed, "=?") {
				if _, _, more := cutEncodedWord(trimmed); more {
					s = trimmed
				}
			}
			continue
		}
		b.WriteString(decodeRun(run))
		run = nil
		end := strings.Index(s[1:], "=?") + 1
		if end == 0 {
			end = len(s)
		}
		b.WriteString(decodeRaw(s[:end]))
		s = s[end:]
	}
	b.WriteString(decodeRun(run))
	return b.String()
}

// cutEncodedWord takes =?charset?encoding?text?= from the start of s. The text ends with
// s where nothing else ends it.
func cutEncodedWord(s string) (word encodedWord, rest string, found bool) {
	body, marked := strings.CutPrefix(s, "=?")
	label, body, _ := strings.Cut(body, "?")
	if !marked || len(body) < 2 || body[1] != '?' || strings.ContainsAny(label, " \t=<>") {
		return encodedWord{}, s, false
	}
	switch body[0] {
	case 'B', 'b':
		word.base64 = true
	case 'Q', 'q':
	default:
		return encodedWord{}, s, false
	}
	label, _, _ = strings.Cut(label, "*")
	word.charset = strings.ToLower(label)
	word.text, rest, _ = strings.Cut(body[2:], "?=")
	return word, rest, true
}

// decodeRun decodes adjacent words. Those of one charset and encoding are one text,
// which may be cut anywhere, as RFC 2047 section 5 forbids and programs do.
func decodeRun(run []encodedWord) string {
	var b strings.Builder
	for i := 0; i < len(run); {
		word := run[i]
		var octets []byte
		var text []byte
		for ; i < len(run) && run[i].charset == word.charset && run[i].base64 == word.base64; i++ {
			text = append(text, run[i].text...)
			if word.base64 && len(text)%4 != 0 && text[len(text)-1] != '=' {
				continue // cut inside a group of four: the next word has the rest
			}
			octets, text = append(octets, word.octets(string(text))...), text[:0]
		}
		octets = append(octets, word.octets(string(text))...)
		b.WriteString(toUTF8(octets, word.charset))
	}
	return b.String()
}

// octets undoes the encoding.
func (w encodedWord) octets(text string) []byte {
	if w.base64 {
		return decodeBase64(text)
	}
	octets := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(text):
			if octet, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				c = byte(octet)
				i += 2
			}
		}
		octets = append(octets, c)
	}
	return octets
}

// decodeBase64 passes over what base64 does not use (RFC 2045 section 6.8) and
// leaves out a last character that stands for less than an octet.
func decodeBase64(text string) []byte {
	text = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '+', r == '/':
			return r
		}
		return -1
	}, text)
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	octets, _ := base64.RawStdEncoding.DecodeString(text) // nothing but base64 is left
	return octets
}

// toUTF8 returns text of a charset; empty for a charset that nobody knows. Octets that
// can only be UTF-8 are, whatever their label says.
func toUTF8(octets []byte, label string) string {
	switch label {
	case "utf-8", "utf8":
		return repairUTF8(octets)
	case "", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "unknown-8bit", "x-unknown", "unknown", "8bit", "default":
		return decodeRaw(string(octets))
	}
	reader, err := charset.Reader(label, strings.NewReader(string(octets)))
	if err != nil {
		return ""
	}
	decoded, _ := io.ReadAll(reader) // up to what is broken
	text := strings.ToValidUTF8(string(decoded), "\uFFFD")
	if strings.Contains(text, "\uFFFD") && utf8.Valid(octets) && !isASCII(string(octets)) {
		return string(octets)
	}
	return text
}

// decodeRaw reads 8-bit text without a label.
func decodeRaw(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	decoded, _ := charmap.Windows1252.NewDecoder().String(s) // each octet is a character
	return decoded
}

// repairUTF8 reads what is labelled UTF-8. Where nothing in it is, and each octet over
// 127 is a letter of Latin-1, it is Latin-1; else what is broken shows as U+FFFD.
func repairUTF8(octets []byte) string {
	if utf8.Valid(octets) {
		return string(octets)
	}
	latin := true
	for rest := octets; len(rest) > 0 && latin; {
		_, size := utf8.DecodeRune(rest)
		c := rest[0]
		latin = c < 0x80 || size == 1 && 0xc0 <= c && c < 0xfe
		rest = rest[size:]
	}
	if latin {
		return decodeRaw(string(octets))
	}
	return strings.ToValidUTF8(string(octets), "\uFFFD")
}

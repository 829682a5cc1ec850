package term

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns text as one line without anything that a terminal may obey or that nobody would
// see: line ends, tabs and wide blanks become spaces; other control characters, format characters
// (bidirectional ones among them) and broken UTF-8 become "?".
func Clean(text string) string { return strings.Map(safe, text) }

func safe(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return '?'
	}
	return r
}

// CleanLines is Clean for text whose lines and tabs are to stay, such as a header.
func CleanLines(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return safe(r)
	}, text)
}

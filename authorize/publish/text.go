package publish

import (
	"strconv"
	"strings"
	"unicode"
)

// clean makes text of strangers safe for a terminal, a comment and a letter: one line,
// nothing that does not print.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// shown is clean, and not too long to look at.
func shown(s string) string {
	const most = 600
	if len(s) > most {
		s = s[:most] + "..."
	}
	return clean(s)
}

// quoted shows a text of strangers in a sentence.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.Quote(s)
}

// wrap breaks prose into lines of at most so many columns, each behind the indent.
func wrap(text, indent string, columns int) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && width(line)+1+width(word) > columns {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}

func blanks(s string) string { return strings.Repeat(" ", len(s)) }

func width(s string) int { return len([]rune(s)) }

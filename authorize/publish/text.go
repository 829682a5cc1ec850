package publish

import (
	"strconv"
	"strings"

	terminal "onbehalf/term"
)

// clean makes text of strangers safe for a terminal, a comment and a letter.
func clean(s string) string { return terminal.Clean(s) }

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
	return terminal.Wrap(text, indent, indent, columns)
}

// hang is wrap with a margin before the first line, and blanks as wide before the others.
func hang(text, margin string, columns int) string {
	return terminal.Wrap(text, margin, strings.Repeat(" ", terminal.Width(margin)), columns)
}

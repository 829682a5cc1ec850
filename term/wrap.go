package term

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// columns are counted as in a terminal with a Latin font, whatever the locale says: "ambiguous"
// letters (Unicode UAX #11) take one cell.
var cells = &runewidth.Condition{}

// Width returns how many columns a text takes.
func Width(text string) int { return cells.StringWidth(text) }

// Wrap breaks prose at blanks into lines of at most so many columns. The first line begins with
// first, the others with rest. A word that is wider stays whole, so that it can be copied. The
// result ends with a line end; the text is cleaned.
func Wrap(text, first, rest string, columns int) string {
	var b strings.Builder
	line, used, empty := first, Width(first), true
	for word := range strings.FieldsSeq(Clean(text)) {
		width := Width(word)
		if !empty && used+1+width > columns {
			b.WriteString(line + "\n")
			line, used, empty = rest, Width(rest), true
		}
		if !empty {
			line, used = line+" ", used+1
		}
		line, used, empty = line+word, used+width, false
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// Pad returns text with blanks behind it, up to so many columns.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-Width(text), 0))
}

package publish

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// letterColumns is how wide the prose of a letter gets: mail is read so, and quoted.
const letterColumns = 72

// kinds of blocks in a rendered template.
const (
	paragraph = iota // wrapped
	advice           // begins with a tab: wrapped, and indented
	item             // of a list: hangs on its marker
	copied           // begins with four spaces: stays as it is, so that it can be copied
)

// marker begins an item of a list.
var marker = regexp.MustCompile(`^([0-9]+\.|-) `)

func kindOf(line string) int {
	switch {
	case strings.HasPrefix(line, "    "):
		return copied
	case strings.HasPrefix(line, "\t"):
		return advice
	case marker.MatchString(line):
		return item
	}
	return paragraph
}

// prose writes a rendered template as a letter has it. Blank lines end blocks.
func prose(w io.Writer, text string) {
	var open []string // lines of the block that is being read
	last := -1        // kind of the block before it
	flush := func() {
		if len(open) == 0 {
			return
		}
		kind := kindOf(open[0])
		if last >= 0 && (kind != item || last != item) {
			fmt.Fprintln(w)
		}
		block(w, kind, open)
		open, last = nil, kind
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		switch kind := kindOf(line); {
		case line == "", kind == item, len(open) > 0 && kind != paragraph && kind != kindOf(open[0]), len(open) > 0 && kind == paragraph && kindOf(open[0]) == copied:
			flush()
		}
		if line != "" {
			open = append(open, line)
		}
	}
	flush()
}

func block(w io.Writer, kind int, lines []string) {
	text := strings.Join(lines, " ")
	switch kind {
	case copied:
		for _, line := range lines {
			fmt.Fprintln(w, "   "+clean(strings.TrimPrefix(line, "    ")))
		}
	case advice:
		fmt.Fprint(w, wrap(text[1:], "   ", letterColumns))
	case item:
		mark := marker.FindString(text)
		fmt.Fprint(w, hang(text[len(mark):], mark, letterColumns))
	default:
		fmt.Fprint(w, wrap(text, "", letterColumns))
	}
}

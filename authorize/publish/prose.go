package publish

import (
	"fmt"
	"regexp"
	"strings"
)

// marker begins an item of a list.
var marker = regexp.MustCompile(`^([0-9]+\.|-) `)

// prose writes a rendered template as a letter has it. Blank lines end paragraphs, which are
// wrapped; items of a list hang on their marker; what is indented stays as it is, so that it
// can be copied.
func (l letter) prose(text string) {
	var open []string // lines of the block that is being read
	last := ""        // kind of the block before it
	flush := func() {
		if len(open) == 0 {
			return
		}
		kind := kindOf(open[0])
		if last != "" && (kind != "item" || last != "item") {
			fmt.Fprintln(l.w)
		}
		l.block(kind, open)
		open, last = nil, kind
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		switch kind := kindOf(line); {
		case line == "", kind == "item", len(open) > 0 && (kind == "copied") != (kindOf(open[0]) == "copied"):
			flush()
		}
		if line != "" {
			open = append(open, line)
		}
	}
	flush()
	fmt.Fprintln(l.w)
}

func kindOf(line string) string {
	switch {
	case strings.HasPrefix(line, copiedIndent):
		return "copied"
	case marker.MatchString(line):
		return "item"
	}
	return "paragraph"
}

// copiedIndent marks lines of a template that are printed as they are.
const copiedIndent = "    "

func (l letter) block(kind string, lines []string) {
	switch kind {
	case "copied":
		for _, line := range lines {
			fmt.Fprintln(l.w, "   "+clean(strings.TrimPrefix(line, copiedIndent)))
		}
	case "item":
		text := clean(strings.Join(lines, " "))
		mark := marker.FindString(text)
		wrapped := wrap(text[len(mark):], blanks(mark), letterColumns)
		fmt.Fprint(l.w, mark+wrapped[len(mark):])
	default:
		fmt.Fprint(l.w, wrap(clean(strings.Join(lines, " ")), "", letterColumns))
	}
}

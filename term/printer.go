package term

import (
	"fmt"
	"io"
	"os"
	"strings"

	xterm "golang.org/x/term"
)

// Columns is the width where none is known: of files, pipes, and terminals that do not say.
const Columns = 80

// narrowest is the least width that lines are wrapped to.
const narrowest = 40

// Printer prints for people. All that it is given is cleaned.
type Printer struct {
	out      io.Writer
	complete func(string) string // see Completed; nil: prose is complete
	columns  int
	colour   bool
	terminal bool
}

// New returns a printer. On a terminal it uses the terminal's width, and has colour unless
// NO_COLOR is set (no-color.org) or the terminal is a dumb one.
func New(out io.Writer) *Printer {
	out, complete := behind(out)
	p := &Printer{out: out, complete: complete, columns: Columns}
	if !IsTerminal(out) {
		return p
	}
	p.terminal = true
	if width, _, err := xterm.GetSize(int(out.(*os.File).Fd())); err == nil && width > 0 {
		p.columns = max(width, narrowest)
	}
	p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return p
}

// IsTerminal reports whether a file is a terminal. /dev/null is none.
func IsTerminal(end any) bool {
	if c, is := end.(Completed); is {
		end = c.Writer
	}
	file, is := end.(*os.File)
	return is && xterm.IsTerminal(int(file.Fd()))
}

// Line prints one line, however wide it is: a title, or what is to be copied.
func (p *Printer) Line(format string, args ...any) {
	p.line(p.prose(Clean(fmt.Sprintf(format, args...))))
}

func (p *Printer) prose(text string) string {
	if p.complete == nil {
		return text
	}
	return p.complete(text)
}

func (p *Printer) line(clean string) { fmt.Fprintln(p.out, strings.TrimRight(clean, " ")) }

// Blank prints an empty line.
func (p *Printer) Blank() { fmt.Fprintln(p.out) }

// Heading prints a line that catches the eye.
func (p *Printer) Heading(format string, args ...any) {
	fmt.Fprintln(p.out, p.Paint(Bold, fmt.Sprintf(format, args...)))
}

// Lines prints text with its own lines, none of them wrapped.
func (p *Printer) Lines(text string) { io.WriteString(p.out, CleanLines(text)) }

// Text prints prose in lines that fit.
func (p *Printer) Text(format string, args ...any) { p.Behind("", "", fmt.Sprintf(format, args...)) }

// Behind prints prose; the first line begins with first, the others with rest.
func (p *Printer) Behind(first, rest, text string) {
	io.WriteString(p.out, Wrap(p.prose(text), Clean(first), Clean(rest), p.columns))
}

// Item prints text beside a label that is padded to so many columns, or below a label that is too
// wide for that. An empty text prints the label alone.
func (p *Printer) Item(label string, indent int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	label = Clean(label)
	if label != "" && (Width(strings.TrimRight(label, " ")) >= indent || strings.TrimSpace(text) == "") {
		p.Line("%s", label)
		label = ""
		if strings.TrimSpace(text) == "" {
			return
		}
	}
	if strings.TrimSpace(text) != "" {
		p.Behind(Pad(label, indent), strings.Repeat(" ", indent), text)
	}
}

// Table prints rows below a head, nil meaning none, and calls explain after each row, nil
// meaning that there is nothing to add. The last column is not wrapped.
func (p *Printer) Table(head []string, rows [][]string, explain func(i int)) {
	all := rows
	if head != nil {
		all = append([][]string{head}, rows...)
	}
	var widths []int
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(Clean(cell)))
		}
	}
	if head != nil {
		p.row(head, widths)
	}
	for i, row := range rows {
		p.row(row, widths)
		if explain != nil {
			explain(i)
		}
	}
}

func (p *Printer) row(cells []string, widths []int) {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(Pad(Clean(cell), widths[i]) + "  ")
	}
	p.line(b.String())
}

// Style is how text is painted: parameters of SGR (ECMA-48 section 8.3.117).
type Style string

// Styles.
const (
	Bold  Style = "1"
	Dim   Style = "2"
	Red   Style = "31"
	Green Style = "32"
	Cyan  Style = "36"
)

// Paint returns clean text in a style, plain where there is no colour.
func (p *Printer) Paint(style Style, text string) string {
	text = Clean(text)
	if !p.colour {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

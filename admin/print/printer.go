// Package print says in words, on a terminal, what the documents of package admin say.
//
// The first lines are for someone who was woken up: does it run, did the last reload
// work, does DNS answer, whose mail leaves in which way. What follows is for the same
// person in the morning. Strangers write some of the texts, by their DNS: nothing
// that moves the cursor, or turns letters round, reaches the terminal.
package print

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"onbehalf/message"
)

// columns is the width of a terminal that anybody has.
const columns = 80

// printer prints lines that are safe for a terminal.
type printer struct {
	out io.Writer
	now time.Time // of the daemon
}

func (p printer) line(format string, args ...any) {
	fmt.Fprintln(p.out, strings.TrimRight(clean(fmt.Sprintf(format, args...)), " "))
}

// clean replaces what a terminal may obey, and what nobody would see.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// labelled prints text beside a label, and breaks its lines at blanks so that they fit.
// What has no blank stays whole.
func (p printer) labelled(label string, indent int, format string, args ...any) {
	if utf8.RuneCountInString(label) >= indent && label != "" {
		p.line("%s", label)
		label = ""
	}
	line := fmt.Sprintf("%-*s", indent, label)
	empty := true
	for word := range strings.FieldsSeq(fmt.Sprintf(format, args...)) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			p.line("%s", line)
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	if !empty || label != "" {
		p.line("%s", line)
	}
}

// below prints text that belongs to the line before.
func (p printer) below(indent int, format string, args ...any) {
	p.labelled("", indent, format, args...)
}

// table prints rows below a head, and what explain says about each.
func (p printer) table(head []string, rows [][]string, explain func(i int)) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	p.row(head, widths)
	for i, row := range rows {
		p.row(row, widths)
		explain(i)
	}
}

func (p printer) row(cells []string, widths []int) {
	var b strings.Builder
	for i, cell := range cells {
		fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
	}
	p.line("%s", b.String())
}

// ago returns how long ago something was.
func (p printer) ago(at time.Time) string {
	if p.now.Sub(at) < time.Second {
		return "just now"
	}
	return span(p.now.Sub(at)) + " ago"
}

// in returns when something will be.
func (p printer) in(at time.Time) string {
	if at.Sub(p.now) < time.Second {
		return "now"
	}
	return "in " + span(at.Sub(p.now))
}

// span returns a duration as people say it.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return count(int(d/time.Second), "second")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

// count returns a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// stamp returns an instant as the clock on the wall has it.
func stamp(at time.Time) string { return at.Local().Format("2006-01-02 15:04") }

// unicodeOf returns a domain as people write it, with what stands before it ("*.").
func unicodeOf(name string) string {
	bare, wildcard := strings.CutPrefix(name, "*.")
	d, err := message.ParseDomain(bare)
	if err != nil {
		return name
	}
	if wildcard {
		return "*." + d.Unicode()
	}
	return d.Unicode()
}

// owner returns whose something is.
func owner(id string) string {
	if id == "" {
		return "(platform)"
	}
	return id
}

package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// words stand before the findings; what has to be mended catches the eye.
var words = map[Level]string{OK: "ok", Warning: "warning", Error: "ERROR"}

const (
	columns = 80
	indent  = "          " // of what stands behind the word
)

// Print writes the findings for people, the counts last.
func Print(w io.Writer, findings []Finding) {
	part := ""
	for _, f := range findings {
		if f.Part != part {
			part = f.Part
			fmt.Fprintln(w, part)
		}
		f.print(w)
	}
	n := count(findings)
	fmt.Fprintf(w, "\n%d ok, %d to heed, %d wrong\n", n[OK], n[Warning], n[Error])
}

func (f Finding) print(w io.Writer) {
	fold(w, fmt.Sprintf("  %-*s", len(indent)-2, words[f.Level]), f.What)
	if f.Why != "" {
		fold(w, indent, f.Why)
	}
	if f.Mend != "" || len(f.Commands) > 0 {
		fold(w, indent+"do: ", f.Mend)
	}
	for _, line := range f.Commands { // whole, to be copied
		fmt.Fprintln(w, indent+"    "+printable(line))
	}
}

// fold prints prose behind a lead; its other lines stand below the first.
func fold(w io.Writer, lead, text string) {
	line, empty := lead, true
	for word := range strings.FieldsSeq(printable(text)) {
		if !empty && len(line)+1+len(word) > columns {
			fmt.Fprintln(w, line)
			line, empty = strings.Repeat(" ", len(lead)), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// printable replaces what a terminal might act on: some of it is from strangers' DNS.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return '?'
	}, s)
}

// list joins what a sentence enumerates, and does not go on for ever.
func list(items []string) string {
	const most = 8
	if len(items) > most {
		items = append(items[:most:most], fmt.Sprintf("%d more", len(items)-most))
	}
	return strings.Join(items, ", ")
}

package term

import (
	"fmt"
	"io"
)

// Progress shows on one line of a terminal how far a command is, and leaves no trace. Where out is
// no terminal it shows nothing.
type Progress struct{ out io.Writer }

// NewProgress returns one for standard error.
func NewProgress(out io.Writer) Progress {
	if !IsTerminal(out) {
		return Progress{}
	}
	return Progress{Verbatim(out)}
}

// erase goes to the first column and clears the line (ECMA-48 section 8.3.41).
const erase = "\r\x1b[K"

// Show replaces the line.
func (p Progress) Show(format string, args ...any) {
	if p.out != nil {
		io.WriteString(p.out, erase+Clean(fmt.Sprintf(format, args...)))
	}
}

// Done clears the line. It is called before anything else is printed.
func (p Progress) Done() {
	if p.out != nil {
		io.WriteString(p.out, erase)
	}
}

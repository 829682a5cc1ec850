package term

import "io"

// Completed is a writer of prose that names commands. Complete adds to them what they need to do
// here what the prose promises, such as an option that this command was given itself. A Printer
// completes prose before it wraps it; what is written directly is completed too. Lines and tables
// are somebody's data and stay as they are.
type Completed struct {
	io.Writer
	Complete func(string) string
}

// Write completes a text that is written in one piece.
func (c Completed) Write(text []byte) (int, error) {
	if _, err := io.WriteString(c.Writer, c.Complete(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// behind returns the writer behind a Completed, and what completes prose for it.
func behind(out io.Writer) (io.Writer, func(string) string) {
	if c, is := out.(Completed); is {
		return c.Writer, c.Complete
	}
	return out, nil
}

// Verbatim returns the writer behind a Completed, for what is no prose.
func Verbatim(out io.Writer) io.Writer {
	out, _ = behind(out)
	return out
}

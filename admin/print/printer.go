// Package print says in words, on a terminal, what the documents of package admin say.
//
// The first lines are for someone who was woken up: does it run, did the last reload
// work, does DNS answer, how does mail leave. What follows is for the same
// person in the morning. Strangers write some of the texts, by their DNS: nothing
// that moves the cursor, or turns letters round, reaches the terminal.
package print

import (
	"fmt"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/term"
)

// printer prints lines that are safe for a terminal, and fit it.
type printer struct {
	*term.Printer
	now time.Time // of the daemon
}

// below prints text that belongs to the line before.
func (p printer) below(indent int, format string, args ...any) { p.Item("", indent, format, args...) }

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
func stamp(at time.Time) string { return at.Local().Format("2006-01-02 15:04 MST") }

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

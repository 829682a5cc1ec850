package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Source is one log: a file, or what a program prints.
type Source struct {
	Name string
	In   io.Reader
	// End is when its last line was written, or later: the time of a file, or now. The year of
	// stamps that have none follows from it.
	End time.Time
	// Ours says that only lines of onbehalf count, because those of Postfix are in another source.
	Ours bool
}

// mostLine is how much of one line is read, in bytes. Postfix cuts its own at 2,000.
const mostLine = 64 << 10

// reader reads the lines of a source.
type reader struct {
	Source
	clock clock
	in    *bufio.Reader

	line Line // the current one
	err  error

	lines    int
	bad      int // that are in no format
	firstBad int // number of the first of those
}

func newReader(s Source, loc *time.Location) *reader {
	return &reader{Source: s, clock: clock{end: s.End, loc: loc}, in: bufio.NewReaderSize(s.In, mostLine)}
}

// next reads the next line that is in a format; false: there is none, and err may say why.
func (r *reader) next() bool {
	for {
		raw, err := r.in.ReadSlice('\n')
		text := strings.TrimRight(string(raw), "\r\n")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.in.ReadSlice('\n')
		}
		if text != "" {
			r.lines++
			var ok bool
			if r.line, ok = r.clock.parseLine(text); ok {
				return true
			}
			if r.bad++; r.bad == 1 {
				r.firstBad = r.lines
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = fmt.Errorf("%s: reading behind line %d: %w", r.Name, r.lines, err)
			}
			return false
		}
	}
}

// each calls take with the lines of all readers, in order of time. Within a reader lines keep their
// order, whatever their stamps.
func each(readers []*reader, take func(*reader)) {
	var open []*reader
	for _, r := range readers {
		if r.next() {
			open = append(open, r)
		}
	}
	for len(open) > 0 {
		first, until := earliest(open)
		r := open[first]
		for more := true; ; {
			take(r)
			if more = r.next(); !more {
				open = append(open[:first], open[first+1:]...)
				break
			}
			if !until.IsZero() && r.line.Time.After(until) {
				break
			}
		}
	}
}

// earliest returns which reader is at the earliest time, and the time that the next one is at;
// zero: there is no other.
func earliest(open []*reader) (first int, until time.Time) {
	for i, r := range open {
		if r.line.Time.Before(open[first].line.Time) {
			first = i
		}
	}
	for i, r := range open {
		if i != first && (until.IsZero() || r.line.Time.Before(until)) {
			until = r.line.Time
		}
	}
	return first, until
}

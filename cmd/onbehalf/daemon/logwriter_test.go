package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// slow is a writer that stalls, takes a part or fails, as a test wants.
type slow struct {
	mu   sync.Mutex
	text strings.Builder
	most int // bytes of a write; then it fails
	took []int
}

func (s *slow) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(p), s.most)
	s.text.Write(p[:n])
	s.took = append(s.took, n)
	if n < len(p) {
		return n, errors.New("no room")
	}
	return n, nil
}

func (s *slow) set(most int) { s.mu.Lock(); s.most = most; s.mu.Unlock() }

func (s *slow) said() string { s.mu.Lock(); defer s.mu.Unlock(); return s.text.String() }

// TestLogLinesAreWhole: what was written in part is written to its end before anything else.
func TestLogLinesAreWhole(t *testing.T) {
	out := &slow{most: 1000}
	w := newLogWriter(out, func(w io.Writer) *slog.Logger { return newTextLogger(w) })
	say := func(text string) { io.WriteString(w, text+"\n"); time.Sleep(20 * time.Millisecond) }
	say("one")
	out.set(4)
	say("two and more") // in part
	out.set(0)
	say("three") // not at all
	out.set(1000)
	say("four")
	w.Close()
	text := out.text.String()
	if !strings.HasPrefix(text, "one\ntwo and more\nfour\n") || strings.Count(text, "\n") != 4 || !strings.Contains(text, "1 log lines were dropped because they cannot be written: no room") {
		t.Errorf("written is %q", text)
	}
	if l := w.Dropped(); l.Dropped != 1 {
		t.Errorf("dropped is %+v", l)
	}
	io.WriteString(w, "late\n") // no panic, no wait
}

// TestLogLinesTogether: lines that come one right after the other are written together, in order,
// and counted one by one when they are lost.
func TestLogLinesTogether(t *testing.T) {
	out := &slow{most: 2 * maxWrite}
	w := newLogWriter(out, func(w io.Writer) *slog.Logger { return newTextLogger(w) })
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", i%100))
		want.WriteString(line)
		io.WriteString(w, line)
	}
	long := strings.Repeat("y", maxWrite+100) + "\n"
	io.WriteString(w, long)
	w.Close()
	if text := out.text.String(); text != want.String()+long {
		t.Errorf("written is %q", text)
	}
	slices.Sort(out.took)
	if n := len(out.took); n > 100 || out.took[n-2] > maxWrite {
		t.Errorf("%d writes, the last but one of %d bytes", n, out.took[n-2])
	}
	lost := newLogWriter(&slow{}, func(w io.Writer) *slog.Logger { return newTextLogger(w) })
	for range 100 {
		io.WriteString(lost, "lost\n")
	}
	lost.Close()
	if l := lost.Dropped(); l.Dropped != 100 {
		t.Errorf("dropped is %+v", l)
	}
}

// TestLogEndsWithTheLastLine: a line that comes right before the end is written, even when the
// goroutine of the writer has just seen that there is nothing more to write.
func TestLogEndsWithTheLastLine(t *testing.T) {
	out := &slow{}
	var w *logWriter
	ends := func() {
		io.WriteString(w, "last\n")
		go w.Close()
		for closed := false; !closed; time.Sleep(time.Millisecond) {
			w.mu.Lock()
			closed = w.closed
			w.mu.Unlock()
		}
		out.set(1000)
	}
	var once sync.Once
	w = newLogWriter(out, func(w io.Writer) *slog.Logger {
		return newTextLogger(writerFunc(func(line []byte) (int, error) { // which cannot be written, so that it is over
			n, err := w.Write(line)
			once.Do(ends)
			return n, err
		}))
	})
	io.WriteString(w, "lost\n")
	<-w.ended
	if text := out.said(); !strings.HasPrefix(text, "last\n") {
		t.Errorf("written is %q", text)
	}
}

// TestLogIsTriedAgain: what is left of lines, and that others were dropped, is written without
// another line that has it written, and at the end.
func TestLogIsTriedAgain(t *testing.T) {
	for _, closed := range []bool{false, true} {
		out := &slow{most: 4}
		w := newLogWriter(out, func(w io.Writer) *slog.Logger { return newTextLogger(w) })
		io.WriteString(w, "one and more\n") // in part
		time.Sleep(20 * time.Millisecond)
		out.set(0)
		io.WriteString(w, "two\n") // not at all
		time.Sleep(20 * time.Millisecond)
		out.set(1000)
		if closed {
			w.Close()
		}
		text := ""
		for deadline := time.Now().Add(10 * tryAgain); strings.Count(text, "\n") < 2; time.Sleep(10 * time.Millisecond) {
			if text = out.said(); time.Now().After(deadline) {
				t.Fatalf("closed %v: written is %q", closed, text)
			}
		}
		if !strings.HasPrefix(text, "one and more\n") || !strings.Contains(text, "1 log lines were dropped because they cannot be written: no room") {
			t.Errorf("closed %v: written is %q", closed, text)
		}
		w.Close()
	}
}

func newTextLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

package daemon

import (
	"errors"
	"io"
	"log/slog"
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
}

func (s *slow) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(p), s.most)
	s.text.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no room")
	}
	return n, nil
}

func (s *slow) set(most int) { s.mu.Lock(); s.most = most; s.mu.Unlock() }

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

func newTextLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

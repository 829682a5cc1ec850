package daemon

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"onbehalf/admin"
)

// maxUnread is how much of the log may wait for who reads it, in bytes.
const maxUnread = 1 << 20

// writeEvery lies between two writes: to wake the goroutine for each line costs a busy host more than to
// write it. Lines that come meanwhile are written together, up to maxWrite, which a pipe takes as a
// whole or not at all (PIPE_BUF, pipe(7)).
const (
	writeEvery = 5 * time.Millisecond
	maxWrite   = 4096
)

// tryAgain is when it is tried again to write what could not be, if no line comes before.
const tryAgain = time.Second

// logWriter writes log lines to what may stall or go away, such as a pipe to a log daemon. Write
// never waits: lines for which there is no room are dropped and counted, and when the reader goes
// on, a line of its own says how many. Each Write must be one line, which is written whole or not
// at all, at once or a moment after the lines before. It may be used by many goroutines.
type logWriter struct {
	out    io.Writer
	notice *slog.Logger // writes to out; like failed and rest, for the goroutine of the logWriter alone
	failed error        // of the last notice
	rest   []byte       // of lines that were written in part

	mu      sync.Mutex
	queue   [][]byte
	unread  int   // bytes in queue, and of the lines that are being written
	unsaid  int64 // lines that were dropped, and no line says so yet
	dropped admin.Log
	wake    chan struct{} // holds one token when there is something in queue
	closed  bool
	ended   chan struct{}
}

// newLogWriter begins to write. Its own lines are made by notice, which is given the same out.
func newLogWriter(out io.Writer, notice func(io.Writer) *slog.Logger) *logWriter {
	w := &logWriter{out: out, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	w.notice = notice(writerFunc(func(line []byte) (int, error) {
		w.failed = w.write(line)
		return len(line), w.failed
	}))
	go w.run()
	return w
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Write takes a line. It never fails: there is nothing that a caller could do.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.unread+len(line) > maxUnread {
		w.drop(1, "nobody read them")
		return len(line), nil
	}
	w.queue = append(w.queue, append([]byte(nil), line...))
	w.unread += len(line)
	w.wakeUp()
	return len(line), nil
}

// wakeUp wakes the goroutine, which may be awake.
func (w *logWriter) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *logWriter) drop(lines int, why string) {
	w.unsaid += int64(lines)
	w.dropped.Dropped += int64(lines)
	w.dropped.Last, w.dropped.Problem = time.Now(), why
}

// Dropped returns what was lost so far.
func (w *logWriter) Dropped() admin.Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close writes what waits, for a second at most.
func (w *logWriter) Close() {
	w.mu.Lock()
	w.closed = true
	w.wakeUp()
	w.mu.Unlock()
	select {
	case <-w.ended:
	case <-time.After(time.Second):
	}
}

// run writes until the end. What was taken before Close is written: after it, nothing is taken.
func (w *logWriter) run() {
	defer close(w.ended)
	for {
		closed := w.await()
		w.writeRest()
		for w.writeSome() {
		}
		if closed {
			return
		}
		time.Sleep(writeEvery)
	}
}

// await waits until there is something to write, and reports whether it is the last.
func (w *logWriter) await() (closed bool) {
	var again <-chan time.Time
	if len(w.rest) > 0 || w.isUnsaid() {
		again = time.After(tryAgain)
	}
	select {
	case <-w.wake:
	case <-again:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// isUnsaid reports whether lines were dropped, and no line says so yet.
func (w *logWriter) isUnsaid() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unsaid > 0
}

// writeSome writes what waits, and how many lines were dropped behind it. It reports whether there
// may be more to write.
func (w *logWriter) writeSome() bool {
	lines, dropped, why := w.take()
	for rest := lines; len(rest) > 0; {
		var some [][]byte
		some, rest = together(rest)
		text := bytes.Join(some, nil)
		w.wrote(len(some), len(text), w.write(text))
	}
	if dropped == 0 {
		return lines != nil
	}
	w.failed = nil
	w.notice.Error(fmt.Sprintf("%d log lines were dropped because %s", dropped, why), "remedy", "see what reads the daemon's standard error")
	if w.failed == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsaid += dropped
	return lines != nil
}

func (w *logWriter) take() (lines [][]byte, dropped int64, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, dropped = w.queue, w.unsaid
	w.queue, w.unsaid = nil, 0
	return lines, dropped, w.dropped.Problem
}

// together cuts off the lines that are written together: one at least.
func together(lines [][]byte) (some, rest [][]byte) {
	n, size := 1, len(lines[0])
	for n < len(lines) && size+len(lines[n]) <= maxWrite {
		size += len(lines[n])
		n++
	}
	return lines[:n], lines[n:]
}

// wrote returns the room of lines.
func (w *logWriter) wrote(lines, octets int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unread -= octets
	if err != nil {
		w.drop(lines, "they cannot be written: "+err.Error())
	}
}

// write writes lines behind what is left of those before.
func (w *logWriter) write(lines []byte) error {
	if err := w.writeRest(); err != nil {
		return err
	}
	n, err := w.out.Write(lines)
	if err != nil && n > 0 {
		w.rest = append([]byte(nil), lines[n:]...)
		return nil // it comes with the next ones, or when it is tried again
	}
	return err
}

// writeRest writes what is left of lines.
func (w *logWriter) writeRest() error {
	if len(w.rest) == 0 {
		return nil
	}
	n, err := w.out.Write(w.rest)
	w.rest = w.rest[n:]
	return err
}

package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
)

// isJournal reports whether what is written goes to the journal: systemd says in JOURNAL_STREAM
// which stream that is (systemd.exec(5)).
func isJournal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// priority returns the prefix by which the journal knows how bad a line is (sd-daemon(3));
// without it, all lines are informational.
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "<3>"
	case level >= slog.LevelWarn:
		return "<4>"
	case level >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// Priority returns the prefix of a line that a writer is to have; empty: it is not the journal.
func Priority(w io.Writer, level slog.Level) string {
	if isJournal(w) {
		return priority(level)
	}
	return ""
}

// journal is a slog.Handler that writes lines as the journal wants them: each with its priority,
// and without the time, which the journal has. A message's line begins with the queue id, as
// Postfix's do.
type journal struct {
	out     io.Writer                    // gets whole lines
	handler func(io.Writer) slog.Handler // writes what is behind the prefix
	front   bool                         // the queue id is brought to the front
}

// newJournal makes one in a format of the configuration's.
func newJournal(out io.Writer, format string, options slog.HandlerOptions) journal {
	if format == "json" {
		return journal{out, func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, &options) }, false}
	}
	options.ReplaceAttr = withoutLevel
	return journal{out, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, &options) }, true}
}

// withoutLevel leaves out the level of a line, which its prefix says.
func withoutLevel(groups []string, a slog.Attr) slog.Attr {
	if _, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// Enabled is of slog.Handler.
func (j journal) Enabled(ctx context.Context, level slog.Level) bool {
	return j.handler(io.Discard).Enabled(ctx, level)
}

// Handle is of slog.Handler.
func (j journal) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	line.WriteString(priority(r.Level))
	timeless := slog.Record{Message: r.Message, Level: r.Level, PC: r.PC}
	id := ""
	r.Attrs(func(a slog.Attr) bool {
		if text := a.Value.String(); j.front && id == "" && a.Key == "queue_id" && isQueueID(text) {
			id = text
			return true
		}
		timeless.AddAttrs(a)
		return true
	})
	if id != "" {
		line.WriteString(id + ": ")
	}
	if err := j.handler(&line).Handle(ctx, timeless); err != nil {
		return err
	}
	_, err := j.out.Write(line.Bytes())
	return err
}

// isQueueID reports whether a text may stand in front of a line: whoever speaks the milter protocol
// may call a message what it likes.
func isQueueID(text string) bool {
	const most = 64
	return text != "" && len(text) <= most && strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// WithAttrs is of slog.Handler.
func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	before := j.handler
	j.handler = func(w io.Writer) slog.Handler { return before(w).WithAttrs(attrs) }
	return j
}

// WithGroup is of slog.Handler.
func (j journal) WithGroup(name string) slog.Handler {
	before := j.handler
	j.handler, j.front = func(w io.Writer) slog.Handler { return before(w).WithGroup(name) }, false
	return j
}

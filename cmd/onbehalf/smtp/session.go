// Package smtp is a client that shows every reply as it came. Package net/smtp keeps the text of
// errors only, and commands that test a server need that of successes too.
package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a server may say.
const (
	mostBytes = 256 << 10 // of a session
	mostLines = 100       // of a reply
)

// Errors of servers that do not speak SMTP as they should.
var (
	ErrGarbage = errors.New("the answer is not an SMTP reply")
	ErrTooMuch = errors.New("the server sends more than any SMTP server needs to")
	ErrEarly   = errors.New("the server sends plain text after its reply to STARTTLS")
)

// Session is one connection to a server. It is for one goroutine.
type Session struct {
	conn     net.Conn
	in       *bufio.Reader
	patience time.Duration
	until    time.Time // zero: no end
	broken   bool      // nothing more can be said
}

// New begins a session on a connection, which it owns. Each step has patience at most, and
// nothing goes on after the deadline of ctx.
func New(ctx context.Context, conn net.Conn, patience time.Duration) *Session {
	s := &Session{patience: patience}
	s.until, _ = ctx.Deadline()
	s.use(conn)
	return s
}

func (s *Session) use(conn net.Conn) {
	s.conn, s.in = conn, bufio.NewReader(io.LimitReader(conn, mostBytes))
}

// wait sets the deadline of the next step.
func (s *Session) wait() {
	end := time.Now().Add(s.patience)
	if !s.until.IsZero() && s.until.Before(end) {
		end = s.until
	}
	s.conn.SetDeadline(end)
}

// Greeting reads the reply that a server begins with.
func (s *Session) Greeting() (Reply, error) {
	s.wait()
	return s.reply()
}

// Do sends a command, and reads the reply. A command with a line end is refused: it would be two.
func (s *Session) Do(command string) (Reply, error) {
	if strings.ContainsAny(command, "\r\n") {
		return Reply{}, fmt.Errorf("%q is more than a line", command)
	}
	s.wait()
	if _, err := io.WriteString(s.conn, command+"\r\n"); err != nil {
		s.broken = true
		return Reply{}, err
	}
	return s.reply()
}

// StartTLS goes on encrypted, after the reply to STARTTLS (RFC 3207).
func (s *Session) StartTLS(config *tls.Config) (tls.ConnectionState, error) {
	if s.in.Buffered() > 0 {
		return tls.ConnectionState{}, ErrEarly
	}
	s.wait()
	conn := tls.Client(s.conn, config)
	if err := conn.Handshake(); err != nil {
		s.broken = true
		return tls.ConnectionState{}, err
	}
	s.use(conn)
	return conn.ConnectionState(), nil
}

// Broken reports whether the server can be asked nothing more: a step has failed, or the server
// said that it closes (RFC 5321 section 3.8).
func (s *Session) Broken() bool { return s.broken }

// Quit says so, unless nothing more can be said, and closes.
func (s *Session) Quit() {
	if !s.broken {
		s.Do("QUIT")
	}
	s.conn.Close()
}

// Reply is what a server answers.
type Reply struct {
	Code  int
	Lines []string // without the code
}

// OK reports whether the server did what it was asked to.
func (r Reply) OK() bool { return r.Code/100 == 2 }

// Text is all lines without codes, joined by blanks.
func (r Reply) Text() string { return strings.Join(r.Lines, " ") }

// String is the code, once, and the text.
func (r Reply) String() string { return fmt.Sprintf("%d %s", r.Code, r.Text()) }

// Log is the reply as Postfix logs it, with the code before each line.
func (r Reply) Log() string {
	var b strings.Builder
	for i, line := range r.Lines {
		if i < len(r.Lines)-1 {
			fmt.Fprintf(&b, "%d-%s ", r.Code, line)
		} else {
			fmt.Fprintf(&b, "%d %s", r.Code, line)
		}
	}
	return b.String()
}

// reply reads lines until one has no hyphen behind its code (RFC 5321 section 4.2.1). The last
// line's code counts, as for Postfix.
func (s *Session) reply() (Reply, error) {
	r, err := s.lines()
	s.broken = err != nil || r.Code == 421
	return r, err
}

func (s *Session) lines() (Reply, error) {
	var r Reply
	for len(r.Lines) < mostLines {
		line, err := s.line()
		if err != nil {
			return r, err
		}
		code, text, more, valid := cut(line)
		if !valid {
			return r, fmt.Errorf("%w: %q", ErrGarbage, line[:min(len(line), 80)])
		}
		r.Code, r.Lines = code, append(r.Lines, text)
		if !more {
			return r, nil
		}
	}
	return r, ErrTooMuch
}

func (s *Session) line() (string, error) {
	line, err := s.in.ReadString('\n')
	switch {
	case len(line) >= mostBytes:
		return "", ErrTooMuch
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF // a server says when it ends (RFC 5321 section 3.8)
	case err != nil:
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// cut takes a line apart. Behind a code alone there need be nothing.
func cut(line string) (code int, text string, more, valid bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, "", false, false
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 200 || code > 599 {
		return 0, "", false, false
	}
	return code, line[min(len(line), 4):], len(line) > 3 && line[3] == '-', true
}

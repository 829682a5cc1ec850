package socketmap

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"onbehalf/socket"
	"onbehalf/tenant"
)

// Server answers on any number of listeners. Set its fields before the first Serve. The zero
// Limits are the defaults.
type Server struct {
	// Current returns what to answer from; nil: nothing is known, and nothing is found.
	Current func() *tenant.Snapshot
	// Ready reports whether Current says anything yet. Until then Postfix waits with the mail that
	// it asks about: what is not found would be refused (a bounce), or go elsewhere. Nil: it does.
	Ready func() bool
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
	// Besides returns the other times that it may be, on a host whose clock has jumped.
	Besides func() []time.Time // nil: no other
	Limits  Limits

	once sync.Once
	gate socket.Gate
}

// Limits bound the memory that clients can make us use: some 10 KiB a connection.
type Limits struct {
	// Connections are served at once. Each of Postfix's processes has one. At the limit the
	// one that was used longest ago is closed. Default 1000.
	Connections int
	// Idle is the time between requests. Postfix closes a connection after some time by
	// itself, and a lookup fails when we do so first. Default 1 h.
	Idle time.Duration
	// Stall is the time for a request that has begun, and for writing an answer. Default 10 s.
	Stall time.Duration
}

func (s *Server) init() {
	s.Limits.Connections = cmp.Or(s.Limits.Connections, 1000)
	s.Limits.Idle = cmp.Or(s.Limits.Idle, time.Hour)
	s.Limits.Stall = cmp.Or(s.Limits.Stall, 10*time.Second)
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Besides == nil {
		s.Besides = func() []time.Time { return nil }
	}
	s.gate.Limit, s.gate.Log = s.Limits.Connections, s.Log
}

// Serve answers at a listener until Close. Then it returns socket.ErrClosed.
func (s *Server) Serve(listener net.Listener) error {
	s.once.Do(s.init)
	return s.gate.Serve(listener, s.converse)
}

// Close closes the listeners and all connections, and waits until their goroutines have ended.
// There is no answer to wait for: none takes longer than a lookup in memory, and Postfix asks
// again.
func (s *Server) Close() {
	s.once.Do(s.init)
	s.gate.Close()
	s.gate.Wait(context.Background())
}

// conn is one of Postfix's processes.
type conn struct {
	*socket.Conn
	server *Server
	in     *bufio.Reader
}

// converse serves a connection. Any may be closed for a new one, the one that was used longest ago
// first: Postfix connects again when it needs one, and what stalls in the middle of a request is
// not Postfix.
func (s *Server) converse(inner *socket.Conn) {
	c := &conn{Conn: inner, server: s, in: bufio.NewReader(inner)}
	defer c.Close()
	for {
		if err := c.exchange(); err != nil {
			c.explain(err)
			return
		}
	}
}

// errMilter is a peer that speaks Postfix's other protocol: a frame of the milter
// protocol begins with its length in four octets, of which the first is 0.
var errMilter = errors.New("the peer speaks the milter protocol")

// exchange waits for a request and answers it.
func (c *conn) exchange() error {
	c.SetDeadline(time.Now().Add(c.server.Limits.Idle))
	first, err := c.in.Peek(1)
	switch {
	case err != nil:
		return err
	case first[0] == 0:
		return errMilter
	}
	c.SetDeadline(time.Now().Add(c.server.Limits.Stall))
	request, tooLong, err := readRequest(c.in)
	if err != nil {
		return fmt.Errorf("in the middle of a request: %w", err)
	}
	if !c.Enter(socket.Idle) {
		return net.ErrClosed
	}
	answer := notFound
	if !tooLong {
		answer = c.server.answer(string(request))
	}
	_, err = c.Write(appendNetstring(nil, answer))
	return err
}

// answer finds nothing where something is wrong on our side: an error would stop all mail.
func (s *Server) answer(request string) (answer string) {
	defer func() {
		if fault := recover(); fault != nil {
			answer = notFound
			s.Log.Error("socketmap lookup failed and found nothing; mail goes on", "panic", fault, "stack", string(debug.Stack()))
		}
	}()
	if s.Ready != nil && !s.Ready() {
		return unready(request)
	}
	snapshot := s.Current()
	if snapshot == nil {
		return notFound
	}
	return Answer(snapshot, request, s.Now(), s.Besides()...)
}

// explain logs why a connection ends, unless that is its ordinary end: Postfix closes it
// between two requests, or the process that asked is gone.
func (c *conn) explain(err error) {
	socket := slog.String("socket", c.LocalAddr().String())
	switch {
	case err == io.EOF, isOrdinary(err):
	case errors.Is(err, errMilter):
		c.server.Log.Error("a milter client called the socketmap socket, and was disconnected", socket,
			"remedy", "name the milter's socket in smtpd_milters and non_smtpd_milters, and this one only in transport_maps and other tables")
	default:
		c.server.Log.LogAttrs(context.Background(), slog.LevelWarn, "socketmap connection closed", socket, slog.Any("error", err))
	}
}

func isOrdinary(err error) bool {
	return slices.ContainsFunc([]error{net.ErrClosed, os.ErrDeadlineExceeded, syscall.EPIPE, syscall.ECONNRESET},
		func(end error) bool { return errors.Is(err, end) })
}

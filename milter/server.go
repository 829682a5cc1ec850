package milter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// State is what messages are decided and signed by. A message keeps the one that
// was current at its MAIL.
type State struct {
	Table     *tenant.Table
	Keys      *keys.Ring
	Addresses bool // write mail addresses to the log
	// Memory is what messages of all connections may hold together, in octets. When it is used
	// up, messages are deferred. Zero: DefaultMemory.
	Memory int64
}

// Server answers Postfix on any number of listeners. Set its fields before the
// first Serve. The zero Limits are the defaults.
type Server struct {
	Current func() State
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	// Besides returns what time it may be besides, on a host whose clock has jumped.
	Besides func() []time.Time // nil: no other
	// Seen is told whose standing a message was decided by, and must not wait.
	Seen   func(message.Domain) // nil: nobody wants to know
	Limits Limits
	Counts Counts

	decided   decided
	headless  headless
	strangers strangers
	budget    budget

	once sync.Once
	free chan struct{} // holds one token for each connection that is served

	mu        sync.Mutex
	listeners map[net.Listener]bool
	guards    map[*guard]bool
	draining  bool
	empty     chan struct{} // closed when draining and no guard is left
}

// Limits bound what one peer, or all of them, can make us hold.
type Limits struct {
	Connections int           // served at once; more wait, in the kernel's queue but for one a listener. Default 1000
	Frame       int           // octets of one frame. Default 256 KiB; Postfix sends at most header_size_limit (100 KiB)
	Header      int           // octets of one message's header. Default 1 MiB
	Recipients  int           // of one message. Default 50000
	Idle        time.Duration // between frames: a slow client sends its whole DATA in between. Default 1 h
	Stall       time.Duration // within a frame, and for a write. Default 30 s

	// What strangers may do in an hour. Letters leave room for who answers the wrong address.
	// Refused is more than a receiver has that bounces what we sent too long ago. Guesses of
	// all together would need months for one of the 2^20 check codes of four characters.
	Letters int // messages that are no bounces, to the bounce addresses of one mailbox, by client network. Default 10
	Refused int // recipients that led nowhere, by client network. Default 100
	Guesses int // of those, from all networks, that may be tries at other SRS daemons' check codes. Default 500
}

func (l *Limits) setDefaults() {
	setDefault(&l.Connections, 1000)
	setDefault(&l.Frame, 256<<10)
	setDefault(&l.Header, 1<<20)
	setDefault(&l.Recipients, 50000)
	setDefault(&l.Idle, time.Hour)
	setDefault(&l.Stall, 30*time.Second)
	setDefault(&l.Letters, 10)
	setDefault(&l.Refused, 100)
	setDefault(&l.Guesses, 500)
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value == 0 {
		*value = otherwise
	}
}

func (s *Server) init() {
	s.Limits.setDefaults()
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Besides == nil {
		s.Besides = func() []time.Time { return nil }
	}
	if s.Seen == nil {
		s.Seen = func(message.Domain) {}
	}
	s.strangers = newStrangers(s.Limits)
	s.free = make(chan struct{}, s.Limits.Connections)
	s.listeners = make(map[net.Listener]bool)
	s.guards = make(map[*guard]bool)
	s.empty = make(chan struct{})
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("milter: server is shut down")

// Serve accepts connections until Shutdown. A failing accept (no file descriptor
// left, a peer that went away) is logged and tried again after a pause: a milter
// that no longer listens would stop all mail.
func (s *Server) Serve(listener net.Listener) error {
	s.once.Do(s.init)
	if !s.track(listener) {
		listener.Close()
		return ErrClosed
	}
	pause := time.Duration(0)
	for {
		conn, err := listener.Accept()
		if err == nil {
			pause = 0
			s.takeToken(listener)
			s.handle(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return ErrClosed
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.Log.Error("accept failed, trying again", "socket", listener.Addr().String(), "error", err, "pause", pause)
		time.Sleep(pause)
	}
}

// takeToken waits until another connection may be served.
func (s *Server) takeToken(listener net.Listener) {
	select {
	case s.free <- struct{}{}:
		return
	default:
	}
	s.Log.Warn("connection limit reached, new connections wait", "limit", s.Limits.Connections, "socket", listener.Addr().String())
	s.free <- struct{}{}
}

// handle gives one connection a library server of its own: then NewMilter knows
// its connection, and an error on one ends nothing else.
func (s *Server) handle(conn net.Conn) {
	g := newGuard(conn, s)
	s.mu.Lock()
	refused := s.draining
	if !refused {
		s.guards[g] = true
	}
	s.mu.Unlock()
	if refused {
		conn.Close()
		<-s.free
		return
	}
	go s.converse(g)
}

// converse negotiates and hands the connection over to the library.
func (s *Server) converse(g *guard) {
	g.onClose = func() {
		g.session.end()
		g.in.release(nil)
		s.forget(g)
	}
	if err := g.negotiate(); err != nil {
		g.explain(err)
		g.Close()
		return
	}
	one := library.Server{
		NewMilter: func() library.Milter { return g.session },
		Actions:   g.actions,
		Protocol:  g.protocol,
		SymList:   macros,
	}
	one.Serve(&oneConn{conn: g})
}

// oneConn is a listener that yields one connection.
type oneConn struct{ conn net.Conn }

func (o *oneConn) Accept() (net.Conn, error) {
	if o.conn == nil {
		return nil, io.EOF
	}
	conn := o.conn
	o.conn = nil
	return conn, nil
}

func (*oneConn) Close() error   { return nil }
func (*oneConn) Addr() net.Addr { return nil }

func (s *Server) track(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.listeners[listener] = true
	return true
}

func (s *Server) forget(g *guard) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.guards, g)
	if s.draining && len(s.guards) == 0 {
		close(s.empty)
	}
}

// Shutdown closes the listeners and idle connections, and lets each message under
// way come to its end. When ctx ends first, the rest is cut off and the number of
// messages that met is in the error: Postfix defers those.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(s.init)
	if s.drain() {
		return nil
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	cut := 0
	for g := range s.guards {
		if g.cut() {
			cut++
		}
	}
	s.mu.Unlock()
	<-s.empty
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("milter: %d messages were under way and are deferred by Postfix", cut)
}

// drain tells everyone to end, and whether all have already.
func (s *Server) drain() (done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for listener := range s.listeners {
		listener.Close()
	}
	for g := range s.guards {
		g.drain()
	}
	return len(s.guards) == 0
}

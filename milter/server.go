package milter

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/socket"
	"onbehalf/tenant"
)

// Source is one generation of configuration, as far as messages are decided and signed by it. A
// message keeps the one that was current at its MAIL. Many goroutines call it.
type Source interface {
	Table() *tenant.Table
	Ring() *keys.Ring
	// LogAddresses reports whether mail addresses are written to the log.
	LogAddresses() bool
	// MessageMemory returns what messages of all connections may hold together, in octets. When it
	// is used up, messages are deferred. Zero: DefaultMemory.
	MessageMemory() int64
}

// Server answers Postfix on any number of listeners. Set its fields before the
// first Serve. The zero Limits are the defaults.
type Server struct {
	// Current returns what a message is decided by. Nil: there is nothing yet, and the message is
	// deferred, at the first command at which Postfix can be answered so.
	Current func() Source
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	// Besides returns the other times that it may be, on a host whose clock has jumped.
	Besides func() []time.Time // nil: no other
	// Seen is called with the domain whose standing a message was decided by, and must not wait.
	Seen func(message.Domain) // nil: not called
	// Mail is called with the id of the tenant whose mail a message was that has left, and must not
	// wait. What a submitter may not send does not count, though it leaves in shadow.
	Mail func(tenant string) // nil: not called
	// Forbidden is called with each message that was decided by row 10, and must not wait.
	Forbidden func(Forbidden) // nil: not called
	// Guessing is called with the network of a client whose recipients are refused because too many
	// from there do not exist, for each of them, and must not wait.
	Guessing func(netip.Prefix) // nil: not called
	// Counted is called with what became of each message, and must not wait.
	Counted func(Outcome) // nil: not called
	// CameBack is called with each notification that came by a bounce address, and must not wait.
	CameBack func(Notification) // nil: not called

	Limits Limits
	Counts Counts

	decided   decided
	headless  headless
	strangers strangers
	untrusted untrusted
	budget    budget

	once sync.Once
	gate socket.Gate
}

// Limits bound the memory that one peer, or all of them, can make us use.
type Limits struct {
	Connections int           // served at once, see socket.Gate. Default 1000
	Frame       int           // octets of one frame. Default 256 KiB; Postfix sends at most header_size_limit (100 KiB)
	Header      int           // octets of one message's header. Default 1 MiB
	Recipients  int           // of one message. Default 50000
	Idle        time.Duration // between frames: a slow client sends its whole DATA in between. Default 1 h
	Stall       time.Duration // within a frame, and for a write. Default 30 s

	// What strangers may do in an hour. Letters leave room for who answers the wrong address.
	// Refused is more than a receiver has that bounces what we sent too long ago. Guesses of
	// all together would need months for one of the 2^20 check codes of four characters.
	Letters int // messages that are no bounces, to the bounce addresses of one mailbox, by client network. Default 10
	Refused int // recipients that do not exist, by client network. Default 100
	Guesses int // of those, from all networks, that may be tries at other SRS daemons' check codes. Default 500
}

func (l *Limits) setDefaults() {
	l.Connections = cmp.Or(l.Connections, 1000)
	l.Frame = cmp.Or(l.Frame, 256<<10)
	l.Header = cmp.Or(l.Header, 1<<20)
	l.Recipients = cmp.Or(l.Recipients, 50000)
	l.Idle = cmp.Or(l.Idle, time.Hour)
	l.Stall = cmp.Or(l.Stall, 30*time.Second)
	l.Letters = cmp.Or(l.Letters, 10)
	l.Refused = cmp.Or(l.Refused, 100)
	l.Guesses = cmp.Or(l.Guesses, 500)
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
	if s.Mail == nil {
		s.Mail = func(string) {}
	}
	if s.Forbidden == nil {
		s.Forbidden = func(Forbidden) {}
	}
	if s.Guessing == nil {
		s.Guessing = func(netip.Prefix) {}
	}
	if s.Counted == nil {
		s.Counted = func(Outcome) {}
	}
	if s.CameBack == nil {
		s.CameBack = func(Notification) {}
	}
	s.strangers = newStrangers(s.Limits)
	s.gate.Limit, s.gate.Log = s.Limits.Connections, s.Log
}

// Serve answers at a listener until Shutdown. Then it returns socket.ErrClosed.
func (s *Server) Serve(listener net.Listener) error {
	s.once.Do(s.init)
	return s.gate.Serve(listener, s.converse)
}

// Connections returns how many there are, and how many had to go.
func (s *Server) Connections() socket.Counts {
	s.once.Do(s.init) // who asks for Limits next finds the defaults in them
	return s.gate.Counts()
}

// converse negotiates, and hands the connection over to a library server of its own: then NewMilter
// knows its connection, and an error on one ends nothing else.
func (s *Server) converse(conn *socket.Conn) {
	g := newGuard(conn, s)
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

// lastWait is for the goroutines of connections that have been cut off.
const lastWait = 2 * time.Second

// Shutdown closes the listeners and all connections, but lets each message that has come to the end
// of its header come to its own end. How many had not is logged. When ctx ends first, the rest is
// cut off, and how many those were is in the error. Postfix defers all that were cut, and their
// clients send them again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(s.init)
	if begun := s.gate.Close(); begun > 0 {
		s.Log.Info("messages were cut before the end of their header: Postfix defers them, and their clients send them again", "messages", begun)
	}
	cut := 0
	if s.gate.Wait(ctx) != nil {
		cut = s.gate.Cut()
		last, cancel := context.WithTimeout(context.Background(), lastWait)
		defer cancel()
		if s.gate.Wait(last) != nil {
			s.Log.Error("a connection does not end", "connections", fmt.Sprintf("%+v", s.gate.Counts()))
		}
	}
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("milter: %d messages were under way and are deferred by Postfix", cut)
}

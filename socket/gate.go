package socket

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Use is what a connection is busy with. It decides which connections are closed for others, and
// which at the end.
type Use int

const (
	// Idle is a connection between two messages or requests. It is closed when a new one needs its
	// place, the one that was used longest ago first, and at the end.
	Idle Use = iota
	// Begun is a connection within a message that its client can begin again. It is closed at the
	// end.
	Begun
	// Due is a connection within a message that is being answered. At the end it is waited for.
	Due
)

// Gate lets connections in, at any number of listeners, so many at once. Set its fields before the
// first Serve. It may be used by many goroutines.
type Gate struct {
	Limit int // connections at once
	Log   *slog.Logger

	mu        sync.Mutex
	listeners map[net.Listener]bool
	conns     map[*Conn]bool // all, until their Close
	places    *list.List     // of *Conn that were not cut, the one that was used longest ago first
	closed    bool
	empty     chan struct{} // closed when the gate is closed and conns is empty
	warned    time.Time
	counts    Counts
}

// Counts are the connections of a Gate.
type Counts struct {
	Idle, Begun, Due int   // now, by use
	Displaced        int64 // idle ones that were closed to make room, since the start
	Refused          int64 // new ones that were closed at once, because none was idle
}

// Conn is a connection that a Gate let in. Its Close frees its place.
type Conn struct {
	net.Conn
	gate  *Gate
	place *list.Element // nil: it was closed by the gate
	use   Use
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("the server is closed")

// Serve accepts connections until Close, and has each handled in a goroutine of its own, which
// must make sure that the connection is closed. A failing accept (no file descriptor left, a peer
// that went away) is logged and tried again after a pause: a daemon that no longer listens would
// stop all mail.
func (g *Gate) Serve(l net.Listener, handle func(*Conn)) error {
	at := g.At(l)
	for {
		c, err := at.Accept()
		if err != nil {
			return err
		}
		go g.guarded(c.(*Conn), handle)
	}
}

// guarded has a fault in handling one connection end that one.
func (g *Gate) guarded(c *Conn, handle func(*Conn)) {
	defer func() {
		if fault := recover(); fault != nil {
			g.Log.Error("a connection failed and was closed", "panic", fault, "stack", string(debug.Stack()))
			c.Close()
		}
	}()
	handle(c)
}

// At returns a listener that yields what the gate lets in at l, as *Conn, for servers that accept
// by themselves. After Close it is closed, and l with it: its error is ErrClosed.
func (g *Gate) At(l net.Listener) net.Listener {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	if g.closed {
		l.Close()
	}
	g.listeners[l] = true
	return gated{l, g}
}

func (g *Gate) init() {
	if g.conns == nil {
		g.listeners, g.conns, g.places, g.empty = make(map[net.Listener]bool), make(map[*Conn]bool), list.New(), make(chan struct{})
	}
}

// gated is a listener behind a gate.
type gated struct {
	net.Listener
	gate *Gate
}

func (l gated) Accept() (net.Conn, error) {
	pause := time.Duration(0)
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			pause = 0
			if c := l.gate.admit(conn); c != nil {
				return c, nil
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, ErrClosed
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		l.gate.Log.Error("accept failed, trying again", "socket", l.Addr().String(), "error", err, "pause", pause)
		time.Sleep(pause)
	}
}

// admit takes a place for a connection: a free one, or that of an idle connection. Otherwise the
// connection is closed, and nil returned.
func (g *Gate) admit(conn net.Conn) *Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.places.Len() >= g.Limit && !g.makeRoom(conn) {
		conn.Close()
		return nil
	}
	c := &Conn{Conn: conn, gate: g}
	c.place = g.places.PushBack(c)
	g.conns[c] = true
	return c
}

// makeRoom closes an idle connection for a new one, and reports whether there was one.
func (g *Gate) makeRoom(conn net.Conn) bool {
	for e := g.places.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*Conn); c.use == Idle {
			c.cut()
			g.counts.Displaced++
			g.warn(conn, "the one that was idle longest")
			return true
		}
	}
	g.counts.Refused++
	g.warn(conn, "the new one, because none is idle")
	return false
}

// warn logs, once a minute, that there are too many connections.
func (g *Gate) warn(conn net.Conn, closed string) {
	if now := time.Now(); now.Sub(g.warned) > time.Minute {
		g.warned = now
		g.Log.Warn("connection limit reached, a connection is closed for each new one", "socket", conn.LocalAddr().String(), "limit", g.Limit, "closed", closed)
	}
}

// Enter notes what the connection is busy with from now on. It reports whether the connection
// goes on: it does not where the gate has closed it, or does so now because it is the end.
func (c *Conn) Enter(use Use) bool {
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.place == nil {
		return false
	}
	c.use = use
	if g.closed && use != Due {
		c.cut()
		return false
	}
	g.places.MoveToBack(c.place)
	return true
}

// cut closes a connection from here. Its goroutine notices, and calls Close.
func (c *Conn) cut() {
	c.gate.places.Remove(c.place)
	c.place = nil
	c.Conn.Close()
}

// Close closes the connection and frees its place.
func (c *Conn) Close() error {
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.conns[c] {
		return net.ErrClosed
	}
	delete(g.conns, c)
	g.noteEmpty()
	if c.place == nil { // it is closed already
		return nil
	}
	g.places.Remove(c.place)
	c.place = nil
	return c.Conn.Close()
}

func (g *Gate) noteEmpty() {
	if g.closed && len(g.conns) == 0 {
		close(g.empty)
	}
}

// Counts returns how many connections there are.
func (g *Gate) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.counts
	if g.places == nil {
		return all
	}
	for e := g.places.Front(); e != nil; e = e.Next() {
		switch e.Value.(*Conn).use {
		case Idle:
			all.Idle++
		case Begun:
			all.Begun++
		case Due:
			all.Due++
		}
	}
	return all
}

// Close closes the listeners and all connections but those that are Due, each of which is closed
// when it no longer is. It returns how many of those that it closed were Begun.
func (g *Gate) Close() (begun int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	if g.closed {
		return 0
	}
	g.closed = true
	for l := range g.listeners {
		l.Close()
	}
	begun = g.cutAll(Idle, Begun)
	g.noteEmpty()
	return begun
}

// Cut closes the connections that are still Due, after Close, and returns how many there were.
func (g *Gate) Cut() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cutAll(Due)
}

// cutAll closes the connections of some uses, and returns how many were not idle.
func (g *Gate) cutAll(uses ...Use) (busy int) {
	for c := range g.conns {
		if c.place != nil && slices.Contains(uses, c.use) {
			c.cut()
			busy += min(int(c.use), 1)
		}
	}
	return busy
}

// Wait waits, after Close, until every connection's goroutine has called its Close. The error is
// that of ctx.
func (g *Gate) Wait(ctx context.Context) error {
	select {
	case <-g.empty:
		return nil
	default:
	}
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

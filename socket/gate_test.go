package socket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// desk is a gate at a socket whose connections do what a client says: one letter for a use, and
// "x" to fail.
type desk struct {
	*Gate
	t      *testing.T
	path   string
	log    logText
	served chan error
}

func open(t *testing.T, limit int) *desk {
	t.Helper()
	d := &desk{t: t, path: filepath.Join(newFolder(t), "s"), served: make(chan error, 1)}
	d.Gate = &Gate{Limit: limit, Log: slog.New(slog.NewTextHandler(&d.log, nil))}
	listener, err := Listen("unix", d.path)
	must(t, err)
	go func() { d.served <- d.Serve(listener, obey) }()
	t.Cleanup(func() { d.Close(); d.Cut() })
	return d
}

var uses = map[byte]Use{'i': Idle, 'b': Begun, 'd': Due}

func obey(c *Conn) {
	letter := make([]byte, 1)
	for {
		if _, err := c.Read(letter); err != nil {
			break
		}
		if letter[0] == 'x' {
			panic("a fault")
		}
		if !c.Enter(uses[letter[0]]) {
			break
		}
		c.Write(letter)
	}
	c.Close()
}

func (d *desk) dial() net.Conn {
	d.t.Helper()
	conn, err := net.Dial("unix", d.path)
	must(d.t, err)
	d.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// in opens a connection that is busy with something.
func (d *desk) in(use string) net.Conn {
	d.t.Helper()
	conn := d.dial()
	if !says(conn, use) {
		d.t.Fatalf("a connection for %s is closed", use)
	}
	return conn
}

// says reports whether a letter is obeyed.
func says(conn net.Conn, letter string) bool {
	io.WriteString(conn, letter)
	n, _ := io.ReadFull(conn, make([]byte, 1))
	return n == 1
}

func (d *desk) wantClosed(conn net.Conn) {
	d.t.Helper()
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		d.t.Errorf("the connection is not closed: %v", err)
	}
}

// TestFullGate: an idle connection is closed, the one that was used longest ago; one within a
// message never. Where none is idle the new one is closed at once.
func TestFullGate(t *testing.T) {
	d := open(t, 3)
	older, newer, busy := d.in("i"), d.in("i"), d.in("b")
	says(older, "i")
	third := d.in("d")
	d.wantClosed(newer)
	fourth := d.in("b")
	d.wantClosed(older)
	for range 5 {
		d.wantClosed(d.dial())
	}
	for _, conn := range []net.Conn{busy, third, fourth} {
		if !says(conn, "b") {
			t.Error("a message was interrupted")
		}
	}
	if c := d.Counts(); c != (Counts{Begun: 3, Displaced: 2, Refused: 5}) {
		t.Errorf("counts are %+v", c)
	}
	busy.Close()
	if !soon(func() bool { return d.Counts().Begun == 2 }) || !says(d.dial(), "i") {
		t.Error("a place that is free is not given away")
	}
	if lines := strings.Count(d.log.String(), "connection limit reached"); lines != 1 {
		t.Errorf("%d lines: %s", lines, d.log.String())
	}
}

// TestEnd: at the end what is idle or has only begun is closed, and what is due is waited for.
func TestEnd(t *testing.T) {
	d := open(t, 10)
	idle, begun, due, stuck := d.in("i"), d.in("b"), d.in("d"), d.in("d")
	waiting := d.dial()
	if cut := d.Close(); cut != 1 {
		t.Errorf("%d were begun", cut)
	}
	for _, conn := range []net.Conn{idle, begun, waiting} {
		d.wantClosed(conn)
	}
	if err := <-d.served; !errors.Is(err, ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	soonOver, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := d.Wait(soonOver); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait returned %v", err)
	}
	if !says(due, "d") {
		t.Error("what is due is interrupted")
	}
	if says(due, "i") { // another message is not begun
		t.Error("a connection goes on after the end")
	}
	if cut := d.Cut(); cut != 1 {
		t.Errorf("%d were due", cut)
	}
	d.wantClosed(stuck)
	must(t, d.Wait(t.Context()))
	if cut := d.Close() + d.Cut(); cut != 0 {
		t.Errorf("%d were cut again", cut)
	}
	if _, err := net.Dial("unix", d.path); err == nil {
		t.Error("a new connection is taken")
	}
	late, err := Listen("unix", d.path)
	must(t, err)
	if err := d.Serve(late, obey); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after the end returned %v", err)
	}
	if exists(d.path) == nil {
		t.Error("the socket is still there")
	}
}

// TestFault: one in handling a connection ends that one.
func TestFault(t *testing.T) {
	d := open(t, 2)
	other := d.in("b")
	for range 5 {
		conn := d.dial()
		io.WriteString(conn, "x")
		d.wantClosed(conn)
	}
	if !says(other, "b") || !says(d.dial(), "b") || !strings.Contains(d.log.String(), "a fault") {
		t.Errorf("log: %s", d.log.String())
	}
}

// failing is a listener whose next accepts fail.
type failing struct {
	net.Listener
	errs chan error
}

func (f failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

// TestAcceptErrors: they are logged, and the gate goes on.
func TestAcceptErrors(t *testing.T) {
	d := open(t, 2)
	path := filepath.Join(newFolder(t), "s")
	listener, err := Listen("unix", path)
	must(t, err)
	errs := make(chan error, 3)
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED} {
		errs <- &net.OpError{Op: "accept", Net: "unix", Err: os.NewSyscallError("accept4", errno)}
	}
	go d.Serve(failing{listener, errs}, obey)
	d.path = path
	d.in("i")
	if lines := strings.Count(d.log.String(), "accept failed, trying again"); lines != 3 || !strings.Contains(d.log.String(), "too many open files") {
		t.Errorf("%d lines: %s", lines, d.log.String())
	}
}

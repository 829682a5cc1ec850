package milter

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/socket"
)

// shutdown starts one in the background.
func (h *harness) shutdown(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- h.Shutdown(ctx) }()
	return ended
}

// TestShutdownWhenIdle: nobody is waited for, at no point between messages.
func TestShutdownWhenIdle(t *testing.T) {
	for name, octets := range map[string][]byte{
		"no connection":      nil,
		"nothing said":       {},
		"half a frame":       {0, 0},
		"negotiated":         frames(stages[:1]...),
		"connected":          frames(stages[:2]...),
		"message aborted":    frames(append(stages[:5:5], "A")...),
		"message over":       frames(stages...),
		"passed at N":        frames(stages[0], "Cmx\x004\x00\x19203.0.113.5\x00", stages[2], stages[3], "N"),
		"refused at N":       frames(append(stages[:4:4], "LFrom\x00 <\x00", "N")...),
		"over and a new one": frames(append(stages, "A", stages[2], "A")...),
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			if octets != nil {
				conn := h.dial()
				conn.Write(octets)
				h.lives() // later than what was written
				wait(t, "an idle connection", func() bool { return h.idle() && h.connections() > 0 })
				if strings.HasSuffix(name, "at N") && len(h.book.lines(t, "message")) != 2 {
					t.Errorf("log is %s", h.book)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			must(t, <-h.shutdown(ctx))
			if err := <-h.served; !errors.Is(err, socket.ErrClosed) {
				t.Errorf("Serve returned %v", err)
			}
			if _, err := os.Lstat(h.address); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket is still there: %v", err)
			}
			if _, err := net.Dial(h.network, h.address); err == nil {
				t.Error("a new connection is taken")
			}
			must(t, h.Shutdown(ctx)) // again
		})
	}
}

// idle reports whether no message is under way, as far as has been read.
func (h *harness) idle() bool {
	c := h.Connections()
	return c.Begun+c.Due == 0
}

// due reports whether a message has come to the end of its header.
func (h *harness) due() bool { return h.Connections().Due > 0 }

// TestShutdownWaits for the message that has come to the end of its header, and for no other.
func TestShutdownWaits(t *testing.T) {
	for n := 6; n < len(stages); n++ {
		h := open(t)
		conn := h.dial()
		_, err := conn.Write(frames(stages[:n]...))
		must(t, err)
		wait(t, "a message under way", h.due)
		ended := h.shutdown(context.Background())
		err = <-h.served
		if !errors.Is(err, socket.ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
		select {
		case err := <-ended:
			t.Fatalf("after %d frames: Shutdown did not wait: %v", n, err)
		case <-time.After(20 * time.Millisecond):
		}
		_, err = conn.Write(frames(stages[n:]...))
		must(t, err)
		answers, _ := io.ReadAll(conn)
		if got := codes(t, answers); got != "Occhhiia" {
			t.Errorf("after %d frames: answers %s", n, got)
		}
		must(t, <-ended)
		if h.Counts.Kept.Load() != 1 || !h.settled() {
			t.Errorf("after %d frames: %d messages are kept, and %d octets", n, h.Counts.Kept.Load(), h.budget.held.Load())
		}
	}
}

// TestShutdownCuts the message that has not come to the end of its header, at once. It gets no
// answer, so that Postfix defers it, and nothing of it is kept or counted.
func TestShutdownCuts(t *testing.T) {
	for n := 3; n < 6; n++ {
		h := open(t)
		conn := h.dial()
		_, err := conn.Write(frames(stages[:n]...))
		must(t, err)
		wait(t, "a message under way", func() bool { return !h.idle() })
		before := time.Now()
		must(t, h.Shutdown(context.Background()))
		if !h.book.has("messages were cut before the end of their header", `"messages":1`) {
			t.Errorf("after %d frames: the log says %s", n, h.book)
		}
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("after %d frames: Shutdown took %v", n, took)
		}
		conn.Write(frames(stages[n:]...))
		answers, _ := io.ReadAll(conn)
		if got := codes(t, answers); strings.Trim(got, "Oc") != "" {
			t.Errorf("after %d frames: answers %s", n, got)
		}
		if lines := h.book.lines(t, "message"); len(lines) > 0 || h.Counts.Kept.Load() != 0 || !h.settled() {
			t.Errorf("after %d frames: %v, and %d octets are held", n, lines, h.budget.held.Load())
		}
	}
}

// TestShutdownAborted: a message that ends by RSET or by a lost client is not waited
// for any longer.
func TestShutdownAborted(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"RSET": func(c net.Conn) { c.Write(frames("A")) },
		"QUIT": func(c net.Conn) { c.Write(frames("Q")) },
		"gone": func(c net.Conn) { c.Close() },
	} {
		h := open(t)
		conn := h.dial()
		conn.Write(frames(stages[:6]...))
		wait(t, "a message under way", h.due)
		ended := h.shutdown(context.Background())
		<-h.served
		end(conn)
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestShutdownNoNewMessage: the connection of the last message takes no other.
func TestShutdownNoNewMessage(t *testing.T) {
	h := open(t)
	conn := h.dial()
	conn.Write(frames(stages[:6]...))
	wait(t, "a message under way", h.due)
	ended := h.shutdown(context.Background())
	<-h.served
	h.connections() // not before every connection has been noted
	conn.Write(frames("A", stages[2], stages[3]))
	wantClosed(t, conn)
	must(t, <-ended)
}

// TestShutdownGivesUp at the deadline, and says what it cut.
func TestShutdownGivesUp(t *testing.T) {
	h := open(t)
	stuck, idle := h.dial(), h.dial()
	stuck.Write(frames(stages[:6]...))
	idle.Write(frames(stages[:2]...))
	wait(t, "a message under way", h.due)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := h.Shutdown(ctx)
	if err == nil || err.Error() != "milter: 1 messages were under way and are deferred by Postfix" {
		t.Errorf("error is %v", err)
	}
	wantClosed(t, stuck)
	wantClosed(t, idle)
}

// TestShutdownAtOnce: no time at all is enough when no message is under way.
func TestShutdownAtOnce(t *testing.T) {
	for range 20 {
		h := open(t)
		for range 5 {
			h.client(good())
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		must(t, h.Shutdown(ended))
	}
}

// TestShutdownBeforeServe: a listener that comes late is closed.
func TestShutdownBeforeServe(t *testing.T) {
	h := build(t)
	must(t, h.Shutdown(context.Background()))
	h.serve("unix", filepath.Join(socketFolder(t), "s"))
	if err := <-h.served; !errors.Is(err, socket.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := os.Lstat(h.address); err == nil {
		t.Error("the socket is still there")
	}
}

// TestConnectionLimit: above it an idle connection is closed for a new one. While all are within a
// message, a new one is closed at once, and none of theirs.
func TestConnectionLimit(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Connections = 2 })
	first, second := h.dial(), h.dial()
	for _, conn := range []net.Conn{first, second} {
		_, err := conn.Write(frames(stages[:3]...))
		must(t, err)
	}
	wait(t, "two messages under way", func() bool { return h.Connections().Begun == 2 })
	for range 10 {
		wantClosed(t, h.dial())
	}
	if !h.book.has("connection limit reached") || h.Connections().Refused != 10 {
		t.Errorf("%+v, and the log says %s", h.Connections(), h.book)
	}
	_, err := first.Write(frames(stages[3:]...))
	must(t, err)
	wait(t, "one message to be over", func() bool { return h.Connections().Idle == 1 })
	h.lives() // in the place of the first
	wantClosed(t, first)
	for range 5 {
		h.lives() // in the place of each other
	}
	_, err = second.Write(frames(append(stages[3:], "Q")...))
	must(t, err)
	answers, _ := io.ReadAll(second)
	if got := codes(t, answers); got != "Occhhiia" {
		t.Errorf("the message that was under way all the time is answered %s", got)
	}
}

// TestLimitIsForAllListeners: those that nobody uses take nothing from it.
func TestLimitIsForAllListeners(t *testing.T) {
	h := build(t, func(h *harness) { h.Limits.Connections = 1 })
	h.serve("unix", filepath.Join(socketFolder(t), "a"))
	h.serve("unix", filepath.Join(socketFolder(t), "b"))
	h.lives()
}

// TestShutdownAtLimit: nothing that the limit does holds up the end.
func TestShutdownAtLimit(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Connections = 1 })
	displaced := h.dial()
	h.client(good())
	wantClosed(t, displaced)
	must(t, h.Shutdown(context.Background()))
	if err := <-h.served; !errors.Is(err, socket.ErrClosed) {
		t.Errorf("Serve returned %v", err)
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

// TestAcceptErrors: a failing accept is logged and tried again; the daemon never
// goes deaf.
func TestAcceptErrors(t *testing.T) {
	h := build(t)
	listener, err := socket.Listen("unix", filepath.Join(socketFolder(t), "s"))
	must(t, err)
	errs := make(chan error, 3)
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED} {
		errs <- &net.OpError{Op: "accept", Net: "unix", Err: os.NewSyscallError("accept4", errno)}
	}
	h.serveOn(failing{listener, errs})
	h.lives()
	lines := h.book.lines(t, "accept failed, trying again")
	if len(lines) != 3 || lines[0]["level"] != "ERROR" || !strings.Contains(lines[0]["error"].(string), "too many open files") {
		t.Errorf("log lines are %v", lines)
	}
}

// TestServeTCP: a listener of another network does as well.
func TestServeTCP(t *testing.T) {
	h := build(t)
	h.serve("tcp", "127.0.0.1:0")
	h.lives()
}

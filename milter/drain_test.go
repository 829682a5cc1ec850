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

	"onbehalf/milter/mta"
	"onbehalf/test/peer"
)

// shutdown starts one in the background.
func (h *house) shutdown(ctx context.Context) <-chan error {
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
			if err := <-h.served; !errors.Is(err, ErrClosed) {
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

// idle tells whether no message is under way, as far as has been read.
func (h *house) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for g := range h.guards {
		g.mu.Lock()
		busy := g.busy
		g.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// TestShutdownWaits for the message under way, and for no other.
func TestShutdownWaits(t *testing.T) {
	for n := 3; n < len(stages); n++ {
		h := open(t)
		conn := h.dial()
		_, err := conn.Write(frames(stages[:n]...))
		must(t, err)
		wait(t, "a message under way", func() bool { return !h.idle() })
		ended := h.shutdown(context.Background())
		err = <-h.served
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
		select {
		case err := <-ended:
			t.Fatalf("after %d frames: Shutdown did not wait: %v", n, err)
		default:
		}
		_, err = conn.Write(frames(stages[n:]...))
		must(t, err)
		answers, _ := io.ReadAll(conn)
		if got := codes(t, answers); got != "Occhhiia" {
			t.Errorf("after %d frames: answers %s", n, got)
		}
		must(t, <-ended)
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
		wait(t, "a message under way", func() bool { return !h.idle() })
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
	wait(t, "a message under way", func() bool { return !h.idle() })
	ended := h.shutdown(context.Background())
	<-h.served
	h.connections() // not before every connection has been told
	conn.Write(frames("A", stages[2], stages[3]))
	wantClosed(t, conn)
	must(t, <-ended)
}

// TestShutdownGivesUp at the deadline, and tells what it cut.
func TestShutdownGivesUp(t *testing.T) {
	h := open(t)
	stuck, idle := h.dial(), h.dial()
	stuck.Write(frames(stages[:6]...))
	idle.Write(frames(stages[:2]...))
	wait(t, "a message under way", func() bool { return !h.idle() })
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
	if err := <-h.served; !errors.Is(err, ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := os.Lstat(h.address); err == nil {
		t.Error("the socket is still there")
	}
}

// TestConnectionLimit: connections above it wait, and are served when others end.
func TestConnectionLimit(t *testing.T) {
	h := open(t, func(h *house) { h.Limits.Connections = 2 })
	first, second := h.client(good()), h.client(good())
	done := make(chan error)
	for range 3 {
		go func() { done <- sendMany(h, 2) }()
	}
	wait(t, "a line about the limit", func() bool { return h.book.has("connection limit reached") })
	h.wantSigned(good(), h.send(first, good()))
	select {
	case err := <-done:
		t.Fatalf("a third connection is served: %v", err)
	default:
	}
	first.Close()
	for range 3 {
		must(t, <-done)
	}
	h.wantSigned(good(), h.send(second, good()))
	if n := h.connections(); n > 2 {
		t.Errorf("%d connections", n)
	}
}

// TestLimitIsForAllListeners: those that nobody uses take nothing from it.
func TestLimitIsForAllListeners(t *testing.T) {
	h := build(t, func(h *house) { h.Limits.Connections = 1 })
	h.serve("unix", filepath.Join(socketFolder(t), "a"))
	h.serve("unix", filepath.Join(socketFolder(t), "b"))
	h.lives()
}

// TestShutdownAtLimit: one that waits at the limit does not hold up the end.
func TestShutdownAtLimit(t *testing.T) {
	h := open(t, func(h *house) { h.Limits.Connections = 1 })
	h.client(good())
	waiting := h.dial()
	wait(t, "a line about the limit", func() bool { return h.book.has("connection limit reached") })
	must(t, h.Shutdown(context.Background()))
	if err := <-h.served; !errors.Is(err, ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	wantClosed(t, waiting)
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
	listener, err := Listen("unix", filepath.Join(socketFolder(t), "s"))
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

// TestListen: the socket's mode is exact whatever the umask is, a socket left behind
// is replaced, and what somebody uses is not touched.
func TestListen(t *testing.T) {
	folder := socketFolder(t)
	path := filepath.Join(folder, "s")
	for _, umask := range []int{0, 0o022, 0o777} {
		old := syscall.Umask(umask)
		listener, err := Listen("unix", path)
		if left := syscall.Umask(old); left != umask {
			t.Errorf("umask is left at %#o", left)
		}
		must(t, err)
		if info, _ := os.Lstat(path); info.Mode().Perm() != 0o660 {
			t.Errorf("umask %#o: mode is %v", umask, info.Mode())
		}
		if _, err := Listen("unix", path); err == nil || !strings.Contains(err.Error(), "another process answers at") {
			t.Errorf("a living socket: %v", err)
		}
		must(t, dialable(path))
		listener.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed
		listener.Close()
	}
	listener, err := Listen("unix", path)
	must(t, err)
	must(t, dialable(path))
	listener.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func dialable(path string) error {
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	}
	return err
}

// TestListenSparesFiles: what is no socket is refused and stays.
func TestListenSparesFiles(t *testing.T) {
	folder := socketFolder(t)
	file, dir, link := filepath.Join(folder, "file"), filepath.Join(folder, "dir"), filepath.Join(folder, "link")
	must(t, os.WriteFile(file, []byte("precious"), 0o600))
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Symlink(file, link))
	for _, path := range []string{file, dir, link} {
		if _, err := Listen("unix", path); err == nil || !strings.Contains(err.Error(), "is not a socket; remove it or choose another path") {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := Listen("unix", filepath.Join(folder, "none", "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestListenGroup: in a folder with the set-group-ID bit the socket has its group,
// so that Postfix may connect.
func TestListenGroup(t *testing.T) {
	folder := socketFolder(t)
	group, ok := anotherGroup()
	if !ok {
		peer.NeedRoot(t) // or a member of two groups
	}
	must(t, os.Chown(folder, -1, group))
	must(t, os.Chmod(folder, 0o750|fs.ModeSetgid))
	listener, err := Listen("unix", filepath.Join(folder, "s"))
	must(t, err)
	defer listener.Close()
	info, err := os.Lstat(listener.Addr().String())
	must(t, err)
	if got := info.Sys().(*syscall.Stat_t).Gid; int(got) != group {
		t.Errorf("group is %d, want %d", got, group)
	}
}

// anotherGroup gives a group that is not this process's own but may be given to files.
func anotherGroup() (id int, ok bool) {
	if os.Geteuid() == 0 {
		return 4242, true
	}
	groups, _ := os.Getgroups()
	for _, id := range groups {
		if id != os.Getegid() {
			return id, true
		}
	}
	return 0, false
}

// TestListenTCP takes a host and a port.
func TestListenTCP(t *testing.T) {
	listener, err := Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	h := build(t)
	h.serveOn(listener)
	client, err := mta.Dial("tcp", listener.Addr().String())
	must(t, err)
	client.Close()
}

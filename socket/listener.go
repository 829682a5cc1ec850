package socket

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is a net.Listener that was opened by Listen. It may be used by many goroutines.
type Listener struct {
	network, address string
	done             chan struct{} // closed by Close

	mu     sync.Mutex
	inner  net.Listener
	file   fs.FileInfo // of the socket, as it was made; nil: it has none
	closed bool
	state  State
}

// State is whether clients can reach a socket.
type State struct {
	Problem  string    // why they cannot; empty: they can, or it is not known yet that they cannot
	Since    time.Time // when the problem was noticed
	Reopened time.Time // when the socket was last created again; zero: never
}

// How long clients find no socket, and how long those are answered who found the old one.
const (
	checkEvery = 2 * time.Second
	drainFor   = 200 * time.Millisecond
)

// Accept waits for the next connection. The error is net.ErrClosed after Close.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner := l.current()
		conn, err := inner.Accept()
		if err == nil || l.current() == inner {
			return conn, err
		}
	}
}

func (l *Listener) current() net.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner
}

// Addr returns the address that was bound.
func (l *Listener) Addr() net.Addr { return l.current().Addr() }

// State returns whether clients can reach the socket, as far as Watch has noticed.
func (l *Listener) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Close ends the listener and removes its file, unless another has taken its place.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	close(l.done)
	if l.file != nil && isAt(l.file, l.address) {
		os.Remove(l.address)
	}
	return l.inner.Close()
}

// Watch checks every two seconds whether the file of the socket is still there, and opens the
// socket again where it is not. It returns after Close, at once where the socket has no file.
func (l *Listener) Watch(log *slog.Logger) {
	if l.file == nil {
		return
	}
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-ticker.C:
			l.check(log)
		}
	}
}

// isAt reports whether a file is still the one at a path. Where it is gone, its inode may have
// been given to another file; that one is younger.
func isAt(file fs.FileInfo, path string) bool {
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(file, now) && file.ModTime().Equal(now.ModTime())
}

// check opens the socket again when its file is gone.
func (l *Listener) check(log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if isAt(l.file, l.address) {
		l.state.Problem, l.state.Since = "", time.Time{}
		return
	}
	if now, ours := l.touched(); ours {
		l.file = now
		return
	}
	inner, file, err := bind(l.network, l.address)
	if err != nil {
		l.unreachable(err, log)
		return
	}
	old := l.inner
	time.AfterFunc(drainFor, func() { old.Close() })
	l.inner, l.file = inner, file
	l.state = State{Reopened: time.Now()}
	log.Warn("a socket file was removed, and was created again", "socket", l.address,
		"remedy", "find out what removes files in its folder; mail that arrived meanwhile was deferred")
}

// touched reports whether the file is ours all the same, and somebody has only given it another
// time: then whoever connects there reaches this process.
func (l *Listener) touched() (now fs.FileInfo, ours bool) {
	now, err := os.Lstat(l.address)
	if err != nil || !os.SameFile(l.file, now) {
		return nil, false
	}
	conn, err := net.DialTimeout(l.network, l.address, time.Second)
	if err != nil {
		return nil, false
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, false
	}
	raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) // of listen(2)
		ours = err == nil && int(peer.Pid) == os.Getpid()
	})
	return now, ours
}

// unreachable notes why the socket cannot be created again, and logs it once.
func (l *Listener) unreachable(err error, log *slog.Logger) {
	text := "its file was removed, and cannot be created again: " + reason(err)
	if l.state.Problem == text {
		return
	}
	if l.state.Problem == "" {
		l.state.Since = time.Now()
	}
	l.state.Problem = text
	log.Error("a socket file was removed, and cannot be created again", "socket", l.address, "error", reason(err),
		"remedy", "it is tried again every two seconds; remove what is in its place, or restart with another socket")
}

// reason returns the part of an error that does not repeat the address.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}

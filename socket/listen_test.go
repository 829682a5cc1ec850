package socket

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// newFolder returns one that is short enough for the path of a socket.
func newFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "onbehalf")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soon reports whether something is so within the time that a busy machine may take.
func soon(isSo func() bool) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if isSo() {
			return true
		}
	}
	return false
}

// TestListen: the socket's mode is exact whatever the umask is, a socket left behind
// is replaced, and what somebody uses is not touched.
func TestListen(t *testing.T) {
	folder := newFolder(t)
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
		listener.inner.Close() // as when a process is killed
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
	folder := newFolder(t)
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
	folder := newFolder(t)
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

// anotherGroup returns a group that is not this process's own but that its files may have.
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
	listener.Watch(slog.New(slog.DiscardHandler)) // there is nothing to watch
	conn, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	conn.Close()
	must(t, listener.Close())
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := Listen("tcp", "127.0.0.1:x"); err == nil {
		t.Error("no port, and no error")
	}
}

// TestModeFromTheFirstInstant: at no time may others connect, however the process makes files
// meanwhile.
func TestModeFromTheFirstInstant(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(newFolder(t), "s")
	done := make(chan struct{})
	var watcher sync.WaitGroup
	var seen atomic.Int64
	watcher.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if info, err := os.Lstat(path); err == nil {
				seen.Add(1)
				if info.Mode().Perm() != mode {
					t.Errorf("mode is %v", info.Mode())
					return
				}
			}
		}
	})
	enough := time.Now().Add(20 * time.Second)
	for i := 0; i < 300 || seen.Load() == 0 && time.Now().Before(enough); i++ {
		listener, err := Listen("unix", path)
		must(t, err)
		listener.Close()
	}
	close(done)
	watcher.Wait()
	if seen.Load() == 0 {
		t.Error("no socket was seen")
	}
}

// TestListenBesideABusyProcess: one whose queue is full is not taken for dead.
func TestListenBesideABusyProcess(t *testing.T) {
	path := filepath.Join(newFolder(t), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer syscall.Close(fd)
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	must(t, syscall.Listen(fd, 0))
	for range 3 {
		if conn, err := net.Dial("unix", path); err == nil {
			defer conn.Close()
		}
	}
	if _, err := Listen("unix", path); err == nil || !strings.Contains(err.Error(), "another process listens at") {
		t.Errorf("error is %v", err)
	}
	must(t, exists(path))
}

func exists(path string) error { _, err := os.Lstat(path); return err }

// echo answers at a listener until it is closed.
func echo(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() { io.Copy(conn, conn); conn.Close() }()
	}
}

// answers reports whether somebody answers at a socket.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	conn.Write([]byte("x"))
	n, _ := io.ReadFull(conn, make([]byte, 1))
	return n == 1
}

// TestTouchedFile: a socket file that somebody gives another time is still ours.
func TestTouchedFile(t *testing.T) {
	path := filepath.Join(newFolder(t), "s")
	listener, err := Listen("unix", path)
	must(t, err)
	defer listener.Close()
	must(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
	for range 2 {
		listener.check(slog.New(slog.NewTextHandler(new(logText), nil)))
		if s := listener.State(); s != (State{}) || !isAt(listener.file, path) {
			t.Errorf("state is %+v", s)
		}
	}
}

// TestRemovedFile: within a few seconds the socket is there again, with its mode; the log and the
// state say so. Who had connected before is served on.
func TestRemovedFile(t *testing.T) {
	path := filepath.Join(newFolder(t), "s")
	listener, err := Listen("unix", path)
	must(t, err)
	log := new(logText)
	go echo(listener)
	watched := make(chan bool)
	go func() { listener.Watch(slog.New(slog.NewTextHandler(log, nil))); close(watched) }()
	before, err := net.Dial("unix", path)
	must(t, err)
	defer before.Close()
	for range 2 {
		began := time.Now()
		must(t, os.Remove(path))
		if !soon(func() bool { return answers(path) }) {
			t.Fatal("nobody answers any more")
		}
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, %v", info, err)
		}
		if s := listener.State(); s.Problem != "" || s.Reopened.Before(began) {
			t.Errorf("state is %+v", s)
		}
	}
	if lines := strings.Count(log.String(), "was created again"); lines != 2 {
		t.Errorf("%d lines: %s", lines, log)
	}
	before.SetDeadline(time.Now().Add(5 * time.Second))
	before.Write([]byte("x"))
	if n, err := before.Read(make([]byte, 1)); n != 1 {
		t.Errorf("a connection from before: %v", err)
	}
	must(t, listener.Close())
	<-watched
	if exists(path) == nil {
		t.Error("the socket is still there")
	}
}

// TestRemovedFolder: it is logged once, and ends when the folder is back.
func TestRemovedFolder(t *testing.T) {
	folder := filepath.Join(newFolder(t), "f")
	must(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "s")
	listener, err := Listen("unix", path)
	must(t, err)
	defer listener.Close()
	log := new(logText)
	go echo(listener)
	must(t, os.RemoveAll(folder))
	logger := slog.New(slog.NewTextHandler(log, nil))
	for range 3 {
		listener.check(logger)
	}
	if s := listener.State(); s.Problem != "its file was removed, and cannot be created again: bind: no such file or directory" || s.Since.IsZero() {
		t.Errorf("state is %+v", s)
	}
	if lines := strings.Count(log.String(), "cannot be created again"); lines != 1 {
		t.Errorf("%d lines: %s", lines, log)
	}
	must(t, os.Mkdir(folder, 0o700))
	listener.check(logger)
	if s := listener.State(); s.Problem != "" || s.Reopened.IsZero() || !answers(path) {
		t.Errorf("state is %+v", s)
	}
}

// TestTakenPath: a socket that another process has put there is left alone, at the end too. One
// that was moved away and comes back is as good as before.
func TestTakenPath(t *testing.T) {
	folder := newFolder(t)
	path, aside := filepath.Join(folder, "s"), filepath.Join(folder, "t")
	listener, err := Listen("unix", path)
	must(t, err)
	logger := slog.New(slog.DiscardHandler)
	go echo(listener)
	must(t, os.Rename(path, aside))
	other, err := net.Listen("unix", path)
	must(t, err)
	go echo(other)
	listener.check(logger)
	if s := listener.State(); !strings.Contains(s.Problem, "another process answers at "+path) {
		t.Errorf("state is %+v", s)
	}
	other.Close()
	must(t, os.Rename(aside, path))
	listener.check(logger)
	if s := listener.State(); s != (State{}) || !answers(path) {
		t.Errorf("state is %+v", s)
	}
	must(t, os.Rename(path, aside))
	other, err = net.Listen("unix", path)
	must(t, err)
	defer other.Close()
	must(t, listener.Close())
	must(t, exists(path))
	listener.check(logger) // the end has come
	must(t, dialable(path))
}

// logText is a log that a test may read while it is written.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

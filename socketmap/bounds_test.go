package socketmap_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/socket"
	"onbehalf/socketmap"
	"onbehalf/tenant"
)

// TestSlowReader holds that who asks, and never reads the answers, is cut off.
func TestSlowReader(t *testing.T) {
	f := serve(t, socketmap.Limits{Stall: 100 * time.Millisecond})
	c := f.dial(t)
	requests := strings.Repeat(fmt.Sprintf("%d:%s,", len(direct), direct), 1000)
	for {
		_, err := io.WriteString(c, requests)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("it is still served")
		}
		if err != nil {
			break
		}
	}
	if got, err := ask(f.dial(t), direct); err != nil || got != hop {
		t.Error("another:", got, err)
	}
}

// TestManyPeers holds that those who have gone count no longer, and that thousands at once get
// their answers or are closed, with one line about it.
func TestManyPeers(t *testing.T) {
	f := serve(t, socketmap.Limits{Connections: 100})
	for range 500 {
		c := f.dial(t)
		if got, err := ask(c, direct); err != nil || got != hop {
			t.Fatal(got, err)
		}
		c.Close()
	}
	if log := f.log.String(); log != "" {
		t.Error(log)
	}
	for range 2000 {
		c := f.dial(t)
		if got, err := ask(c, direct); err != nil || got != hop {
			t.Fatal(got, err)
		}
	}
	if lines := strings.Count(f.log.String(), "connection limit reached"); lines != 1 {
		t.Errorf("%d lines about the limit", lines)
	}
}

// TestServeAfterClose holds that a server that is closed takes no other listener.
func TestServeAfterClose(t *testing.T) {
	f := serve(t, socketmap.Limits{})
	f.Close()
	path := filepath.Join(t.TempDir(), "late")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Serve(listener); !errors.Is(err, socket.ErrClosed) {
		t.Error(err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("somebody listens there")
	}
}

// TestCloseWaits holds that nobody works any more after Close.
func TestCloseWaits(t *testing.T) {
	asked, release := make(chan bool), make(chan bool)
	f := serveTable(t, socketmap.Limits{}, func() *tenant.Snapshot {
		asked <- true
		<-release
		return nil
	})
	fmt.Fprintf(f.dial(t), "%d:%s,", len(direct), direct)
	<-asked
	closed := make(chan bool)
	go func() { f.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("Close does not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-closed
}

// scripted is a listener that accepts what the test hands over.
type scripted chan func() (net.Conn, error)

func (s scripted) Accept() (net.Conn, error) { return (<-s)() }
func (s scripted) Close() error              { return nil }
func (s scripted) Addr() net.Addr            { return &net.UnixAddr{Name: "scripted", Net: "unix"} }

// TestAcceptFails holds that a time without file descriptors passes, and that a connection that
// comes while the server closes is not served.
func TestAcceptFails(t *testing.T) {
	log := new(logBuffer)
	server := &socketmap.Server{Current: cast(t).Snapshot, Log: slog.New(slog.NewTextHandler(log, nil))}
	listener := make(scripted)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	connect := func() net.Conn {
		ours, theirs := net.Pipe()
		listener <- func() (net.Conn, error) { return theirs, nil }
		ours.SetDeadline(time.Now().Add(10 * time.Second))
		return ours
	}
	for range 3 {
		listener <- func() (net.Conn, error) { return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE} }
	}
	if got, err := ask(connect(), "transport *"); err != nil || got != notFound {
		t.Error("after the failures:", got, err)
	}
	if lines := strings.Count(log.String(), "too many open files"); lines != 3 {
		t.Errorf("%d lines: %s", lines, log)
	}
	server.Close()
	if _, err := connect().Read(make([]byte, 1)); err != io.EOF {
		t.Error("a late one:", err)
	}
	listener <- func() (net.Conn, error) { return nil, net.ErrClosed }
	if err := <-ended; !errors.Is(err, socket.ErrClosed) {
		t.Error(err)
	}
}

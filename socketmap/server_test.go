package socketmap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onbehalf/socket"
	"onbehalf/socketmap"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// fixture is a server on a socket of its own.
type fixture struct {
	*socketmap.Server
	path string
	log  logBuffer
}

// serve starts a server over the cast, with the hospital's domain proven.
func serve(t testing.TB, limits socketmap.Limits) *fixture {
	t.Helper()
	table := cast(t)
	set(t, table, "hospital.example dkim=cw1")
	return serveTable(t, limits, table.Snapshot)
}

func serveTable(t testing.TB, limits socketmap.Limits, current func() *tenant.Snapshot) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "s")}
	f.Server = &socketmap.Server{
		Current: current, Limits: limits, Now: func() time.Time { return cases.Now },
		Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	listener, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Serve(listener) }()
	t.Cleanup(func() {
		f.Close()
		if err := <-ended; !errors.Is(err, socket.ErrClosed) {
			t.Error(err)
		}
	})
	return f
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (f *fixture) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// ask sends one request and reads one answer.
func ask(c net.Conn, request string) (string, error) {
	if _, err := fmt.Fprintf(c, "%d:%s,", len(request), request); err != nil {
		return "", err
	}
	return read(c)
}

func read(c net.Conn) (string, error) {
	length, one := 0, make([]byte, 1)
	for {
		if _, err := io.ReadFull(c, one); err != nil {
			return "", err
		}
		if one[0] == ':' {
			break
		}
		length = 10*length + int(one[0]-'0')
	}
	text := make([]byte, length+1)
	if _, err := io.ReadFull(c, text); err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(text), ","), nil
}

const (
	direct   = "transport x@hospital.example"
	hop      = "OK smtp:[mx.hospital.example]:25"
	notFound = "NOTFOUND "
)

// TestManyOnOneConnection holds that a connection serves request after request, also those
// that come at once, and keys of any length.
func TestManyOnOneConnection(t *testing.T) {
	c := serve(t, socketmap.Limits{}).dial(t)
	for range 3 {
		for request, want := range map[string]string{direct: hop, "transport *": notFound, "transport " + strings.Repeat("x", 100_000): notFound, "recipients ": notFound} {
			if got, err := ask(c, request); err != nil || got != want {
				t.Fatalf("%.40s: %q, %v; want %q", request, got, err, want)
			}
		}
	}
	io.WriteString(c, strings.Repeat(fmt.Sprintf("%d:%s,", len(direct), direct), 50))
	for range 50 {
		if got, err := read(c); err != nil || got != hop {
			t.Fatal(got, err)
		}
	}
}

// TestMalformed holds that what is no request ends its connection, with a log line that says
// why, and no other.
func TestMalformed(t *testing.T) {
	for input, said := range map[string]string{
		"transport x@hospital.example\n": "not a netstring",
		"5:abc":                          "unexpected EOF",
		"131073:":                        "at most 131072",
		"\x00\x00\x00\rO\x00\x00\x00\x06\x00\x00": "a milter client called the socketmap socket",
		"": "",
	} {
		t.Run(input, func(t *testing.T) {
			f := serve(t, socketmap.Limits{})
			other, c := f.dial(t), f.dial(t)
			io.WriteString(c, input)
			c.(*net.UnixConn).CloseWrite()
			if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
				t.Errorf("answered %q, %v", got, err)
			}
			if got, err := ask(other, direct); err != nil || got != hop {
				t.Error("the other connection suffers:", got, err)
			}
			f.Close()
			if log := f.log.String(); !strings.Contains(log, said) || said == "" && log != "" {
				t.Errorf("the log says %q, want %q", log, said)
			}
		})
	}
}

// TestStalledPeers holds that who begins a request and does not end it is cut off, and who only
// keeps a connection is not.
func TestStalledPeers(t *testing.T) {
	f := serve(t, socketmap.Limits{Stall: 100 * time.Millisecond})
	idle, stalled := f.dial(t), f.dial(t)
	if _, err := ask(idle, direct); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stalled, "28:transport x@")
	if got, err := io.ReadAll(stalled); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := ask(idle, direct); err != nil || got != hop {
		t.Error(got, err)
	}
}

// TestConnectionLimit holds that at the limit the connection is closed that was used longest
// ago, even in the middle of a request.
func TestConnectionLimit(t *testing.T) {
	f := serve(t, socketmap.Limits{Connections: 3})
	var all []net.Conn
	for i := range 3 {
		c := f.dial(t)
		if i == 1 {
			io.WriteString(c, "28:transport x@")
		} else if _, err := ask(c, direct); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	ask(all[0], direct) // the second is the oldest now
	more := f.dial(t)
	if got, err := ask(more, direct); err != nil || got != hop {
		t.Fatal(got, err)
	}
	if _, err := io.ReadAll(all[1]); err != nil {
		t.Error("the stalled one:", err)
	}
	for i, c := range []net.Conn{all[0], all[2], more} {
		if got, err := ask(c, direct); err != nil || got != hop {
			t.Errorf("connection %d: %q, %v", i, got, err)
		}
	}
	if !strings.Contains(f.log.String(), "connection limit reached") {
		t.Errorf("log: %s", f.log.String())
	}
}

// TestInnerTrouble holds that a fault of ours finds nothing, and stops nothing.
func TestInnerTrouble(t *testing.T) {
	table := cast(t)
	set(t, table, "hospital.example dkim=cw1")
	var fault atomic.Int32
	f := serveTable(t, socketmap.Limits{}, func() *tenant.Snapshot {
		switch fault.Load() {
		case 1:
			return nil
		case 2:
			panic("a fault")
		}
		return table.Snapshot()
	})
	c := f.dial(t)
	for i, want := range []string{hop, notFound, notFound} {
		fault.Store(int32(i))
		if got, err := ask(c, direct); err != nil || got != want {
			t.Errorf("fault %d: %q, %v", i, got, err)
		}
		if log := f.log.String(); i == 1 && log != "" {
			t.Errorf("that there is no table is no fault: %s", log)
		}
	}
	if !strings.Contains(f.log.String(), "a fault") {
		t.Errorf("log: %s", f.log.String())
	}
}

// TestClose holds that the end of the server ends every connection.
func TestClose(t *testing.T) {
	f := serve(t, socketmap.Limits{})
	c := f.dial(t)
	if _, err := ask(c, direct); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := io.ReadAll(c); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", f.path); err == nil {
		t.Error("it still listens")
	}
}

// TestChangesCount holds that a lookup sees the standings of its own instant.
func TestChangesCount(t *testing.T) {
	table := cast(t)
	f := serveTable(t, socketmap.Limits{}, table.Snapshot)
	c := f.dial(t)
	for _, step := range []struct{ standing, want string }{{"hospital.example", notFound}, {"hospital.example dkim=cw1", hop}, {"hospital.example", notFound}} {
		set(t, table, step.standing)
		if got, err := ask(c, direct); err != nil || got != step.want {
			t.Errorf("with %s: %q, %v", step.standing, got, err)
		}
	}
}

package milter

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/socket"
	"onbehalf/test/cases"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the library's
	os.Exit(m.Run())
}

// harness is a server on a real socket, with the cast's tenants.
type harness struct {
	*Server
	t                testing.TB
	book             *logBook
	state            atomic.Pointer[cases.Generation]
	records          map[string]string // DNS
	network, address string
	served           chan error // what Serve returned
}

// open starts a harness on a unix socket. Each change is made before it serves.
func open(t testing.TB, changes ...func(*harness)) *harness {
	t.Helper()
	h := build(t, changes...)
	h.serve("unix", filepath.Join(socketFolder(t), "s"))
	return h
}

// build returns a harness that does not serve yet.
func build(t testing.TB, changes ...func(*harness)) *harness {
	t.Helper()
	cast := cases.NewCast(t)
	h := &harness{t: t, book: new(logBook), records: cast.Records(t)}
	h.state.Store(&cases.Generation{Tenants: cast.Table(t), Keys: cast.Keys, Addresses: true})
	h.Server = &Server{
		Current: func() Source { return h.state.Load() },
		Log:     slog.New(slog.NewJSONHandler(h.book, nil)),
		Now:     func() time.Time { return cases.Now },
	}
	for _, change := range changes {
		change(h)
	}
	return h
}

func (h *harness) serve(network, address string) {
	h.t.Helper()
	listener, err := socket.Listen(network, address)
	must(h.t, err)
	h.serveOn(listener)
}

func (h *harness) serveOn(listener net.Listener) {
	h.network, h.address = listener.Addr().Network(), listener.Addr().String()
	h.served = make(chan error, 1)
	h.once.Do(h.init) // the tests look inside
	go func() { h.served <- h.Serve(listener) }()
	h.t.Cleanup(h.close)
}

// close ends the harness at once.
func (h *harness) close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	h.Shutdown(ended)
}

// socketFolder is short enough for the path of a socket.
func socketFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "onbehalf")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// client connects and says who the client is.
func (h *harness) client(m mta.Mail) *mta.Client {
	h.t.Helper()
	return h.clientOffering(mta.Postfix, m)
}

func (h *harness) clientOffering(offer mta.Offer, m mta.Mail) *mta.Client {
	h.t.Helper()
	c, err := mta.DialOffer(h.network, h.address, offer)
	must(h.t, err)
	h.t.Cleanup(func() { c.Close() })
	must(h.t, c.Connect(m))
	return c
}

// dial connects and says nothing.
func (h *harness) dial() net.Conn {
	h.t.Helper()
	conn, err := net.Dial(h.network, h.address)
	must(h.t, err)
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// lives proves that the daemon works: a message on a new connection comes out signed.
func (h *harness) lives() {
	h.t.Helper()
	m := good()
	h.wantSigned(m, h.send(h.client(m), m))
}

func (h *harness) send(c *mta.Client, m mta.Mail) mta.Result {
	h.t.Helper()
	result, err := c.Send(m)
	must(h.t, err)
	settle(h.t, c)
	return result
}

// settle waits until the server has dealt with all that it was sent: it answers an
// unknown command (U) at any time. The log line of a message is written behind its
// reply.
func settle(t testing.TB, c *mta.Client) {
	t.Helper()
	must(t, c.Write('U', []byte("settle\x00")))
	if code, _, err := c.Read(); code != 'c' || err != nil {
		t.Fatalf("U is answered %c, %v", code, err)
	}
}

// wantSigned checks that the message went on with two signatures that verify.
func (h *harness) wantSigned(m mta.Mail, r mta.Result) {
	h.t.Helper()
	if r.Reply != "" {
		h.t.Fatalf("reply is %q", r.Reply)
	}
	h.wantSignatures(r.Header, m.Body, 2)
}

// wantSignatures checks that the uppermost n fields are signatures that verify.
func (h *harness) wantSignatures(header message.Header, body []byte, n int) {
	h.t.Helper()
	for i := range n {
		if i >= len(header) || !header[i].Is("DKIM-Signature") {
			h.t.Fatalf("field %d is no signature:\n%s", i, header)
		}
	}
	mail := header.String() + "\r\n" + string(body)
	found, err := dkim.VerifyWithOptions(strings.NewReader(mail), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{h.records[name]}, nil },
	})
	must(h.t, err)
	for _, v := range found[:n] {
		if v.Err != nil {
			h.t.Errorf("signature of %s: %v\n%s", v.Domain, v.Err, mail)
		}
	}
}

// good is a message of an authorized tenant, with keys of its own: row 2.
func good() mta.Mail {
	return mta.Mail{
		Client:     netip.MustParseAddr("192.0.2.10"),
		Host:       "mail.courseware.nl",
		QueueID:    "4XQUEUE",
		Sender:     "<courses@university.example>",
		Recipients: []string{"<student@receiver.example>"},
		Header: message.Header{
			{Name: "From", Value: " Courses <courses@university.example>"},
			{Name: "To", Value: " student@receiver.example"},
			{Name: "Subject", Value: " Your\r\n course"},
			{Name: "Date", Value: " Mon, 01 Jun 2026 09:00:00 +0200"},
			{Name: "Message-ID", Value: " <1@courseware.nl>"},
		},
		Body: []byte("It starts on Monday.\r\n"),
	}
}

// from is a message of that author, sent by that login.
func from(author, login string) mta.Mail {
	m := good()
	m.Login, m.Sender = login, "<"+author+">"
	m.Header[0].Value = " " + author
	return m
}

// rewritten is a message that is rewritten: row 6.
func rewritten() mta.Mail { return from("academy@yourorganisationname.nl", "") }

// refusable is a message that is refused: row 10.
func refusable() mta.Mail { return from("team@club.example", "somebody") }

// frame is one frame of the protocol.
func frame(command byte, data string) []byte {
	octets := binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))
	return append(append(octets, command), data...)
}

// frames joins frames given as a letter and its data each.
func frames(all ...string) []byte {
	var octets []byte
	for _, one := range all {
		octets = append(octets, frame(one[0], one[1:])...)
	}
	return octets
}

// offer is what opens every conversation.
func offer(o mta.Offer) string { return "O" + string(o.Octets()) }

// A session up to each of its stages, one frame an element.
var stages = []string{
	offer(mta.Postfix), "Cmx\x004\x9c\x40192.0.2.10\x00", "M<courses@university.example>\x00", "R<student@receiver.example>\x00",
	"LFrom\x00 courses@university.example\x00", "N", "BIt starts", "E",
}

// logBook is where a server logs to.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// line is one line of the log.
type line map[string]any

// lines returns those with that text.
func (b *logBook) lines(t testing.TB, msg string) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(b.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		if l["msg"] == msg {
			all = append(all, l)
		}
	}
	return all
}

// has reports whether some line holds all the words.
func (b *logBook) has(words ...string) bool {
	for text := range strings.Lines(b.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			return true
		}
	}
	return false
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wait waits until something is so.
func wait(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !isSo(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// wantGoroutines waits until no more are left than there were.
func wantGoroutines(t testing.TB, before int) {
	t.Helper()
	wait(t, fmt.Sprintf("at most %d goroutines", before), func() bool { return runtime.NumGoroutine() <= before })
}

// wantClosed checks that the other side closes, whatever it says before.
func wantClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection stays open")
	}
}

func (h *harness) connections() int {
	c := h.Connections()
	return c.Idle + c.Begun + c.Due
}

package milter

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"onbehalf/milter/mta"
)

// script is one message of 4 kB as Postfix sends it, in the writes that it makes of it: whatever
// takes no memory of its own, so that what is allocated is the server's doing.
type script struct {
	conn    net.Conn
	replies *bufio.Reader
	writes  []scriptWrite
}

type scriptWrite struct {
	octets []byte
	reply  byte // the last frame of the answer; 0: none
}

func newScript(t testing.TB, h *harness, m mta.Mail) *script {
	t.Helper()
	m.Body = bytes.Repeat([]byte("It starts on Monday, and it will take a year.\r\n"), 4<<10/47)
	conn := h.dial()
	s := &script{conn: conn, replies: bufio.NewReaderSize(conn, 64<<10)}
	s.writes = []scriptWrite{{frames(stages[0]), 'O'}}
	s.play(t)
	connect := frames("DCj\x00"+m.Host+"\x00", "C[x]\x004\x9c\x40"+m.Client.String()+"\x00")
	var fields []string
	for _, f := range m.Header {
		fields = append(fields, "DLi\x004X\x00", "L"+f.Name+"\x00"+strings.ReplaceAll(f.Value, "\r\n", "\n")+"\x00")
	}
	for range 10 {
		fields = append(fields, "DLi\x004X\x00", "LX-Filler\x00 of a header as long as they are\x00")
	}
	s.writes = []scriptWrite{
		{frames("DM{auth_authen}\x00"+m.Login+"\x00", "M<"+strings.Trim(m.Sender, "<>")+">\x00SIZE=4000\x00", "DR{rcpt_addr}\x00"+strings.Trim(m.Recipients[0], "<>")+"\x00", "R<"+strings.Trim(m.Recipients[0], "<>")+">\x00"), 'c'},
		{frames(append(fields, "DNi\x004X\x00", "N")...), 'c'},
		{frames("B"+string(m.Body), "E"), 'a'},
		{frames("A"), 0},
	}
	_, err := conn.Write(connect)
	must(t, err)
	s.play(t)
	return s
}

// play sends the message once. A reply at the end of the header that ends the message ends it.
func (s *script) play(t testing.TB) {
	t.Helper()
	over := false
	for _, w := range s.writes {
		if over && w.reply != 0 {
			continue
		}
		if _, err := s.conn.Write(w.octets); err != nil {
			t.Fatal(err)
		}
		if w.reply == 0 {
			return
		}
		switch code := s.reply(t); code {
		case w.reply:
		case 'a', 'y':
			over = true
		default:
			t.Fatalf("answered %q", code)
		}
	}
}

// reply passes over edits.
func (s *script) reply(t testing.TB) byte {
	for {
		head, err := s.replies.Peek(5)
		if err != nil {
			t.Fatal(err)
		}
		code, length := head[4], int(head[2])<<8|int(head[3])
		if _, err := s.replies.Discard(4 + length); err != nil {
			t.Fatal(err)
		}
		if !isEdit(code) {
			return code
		}
	}
}

// TestAllocations: a message of 4 kB, signed twice, with a header of sixteen fields, takes at
// most 150 allocations from MAIL to the reply at its end, log line and all.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates too")
	}
	h := open(t)
	for name, c := range map[string]struct {
		mail mta.Mail
		most float64
	}{"kept": {good(), 150}, "rewritten": {rewritten(), 190}, "stranger": {stranger(), 80}} {
		s := newScript(t, h, c.mail)
		got := slices.Min([]float64{perMessage(t, s), perMessage(t, s), perMessage(t, s)})
		t.Logf("%s: %.0f allocations", name, got)
		if got > c.most {
			t.Errorf("%s: %.0f allocations a message, want at most %.0f", name, got, c.most)
		}
	}
}

func perMessage(t *testing.T, s *script) float64 {
	const messages = 100
	var before, after runtime.MemStats
	s.play(t)
	runtime.ReadMemStats(&before)
	for range messages {
		s.play(t)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / messages
}

// BenchmarkServer is BenchmarkMessage without the mail server's work.
func BenchmarkServer(b *testing.B) {
	h := open(b, func(h *harness) { h.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) })
	for name, m := range map[string]mta.Mail{"kept": good(), "rewritten": rewritten(), "stranger": stranger()} {
		b.Run(name, func(b *testing.B) {
			s := newScript(b, h, m)
			b.ReportAllocs()
			for b.Loop() {
				s.play(b)
			}
		})
	}
}

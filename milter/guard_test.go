package milter

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"onbehalf/keys"
	"onbehalf/milter/mta"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestBadFrames: each costs the peer its connection and nobody else anything.
func TestBadFrames(t *testing.T) {
	h := open(t)
	raw := func(octets string) []byte { return append(frames(stages[:2]...), octets...) }
	after := func(n int, more ...string) []byte { return append(frames(stages[:n]...), frames(more...)...) }
	for name, c := range map[string]struct {
		octets []byte
		logged string
	}{
		"no octets":              {raw("\x00\x00\x00\x00"), "frame of 0 bytes"},
		"2 GiB":                  {raw("\x7f\xff\xff\xffB"), "frame of 2147483647 bytes"},
		"4 GiB":                  {raw("\xff\xff\xff\xffB"), "frame of 4294967295 bytes"},
		"one octet too many":     {raw("\x00\x04\x00\x01B"), "frame of 262145 bytes"},
		"HTTP":                   {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "frame of 1195725856 bytes"},
		"no negotiation":         {frames(stages[1]), "the first frame is not a negotiation"},
		"question first":         {frames("U", stages[0]), "the first frame is not a negotiation"},
		"short negotiation":      {frames(stages[0][:9]), "malformed negotiation"},
		"second negotiation":     {after(2, stages[0]), "second negotiation"},
		"negotiation within":     {after(5, stages[0]), "second negotiation"},
		"letter K":               {after(2, "K"), ""},
		"letter NUL":             {after(2, "\x00"), ""},
		"letter \\xff":           {after(4, "\xff"), ""},
		"empty connect":          {after(1, "C"), "malformed C frame"},
		"connect without NUL":    {after(1, "Chost"), "malformed C frame"},
		"connect without family": {after(1, "Chost\x00"), "malformed C frame"},
		"connect without port":   {after(1, "Chost\x004\x00"), "malformed C frame"},
		"empty macros":           {after(2, "D"), "malformed D"},
		"field without NUL":      {after(4, "LFrom"), "malformed header frame"},
		"field without value":    {after(4, "LFrom\x00"), "malformed header frame"},
		"field with three":       {after(4, "LFrom\x00 a\x00 b\x00"), "malformed header frame"},
		"field without its end":  {after(4, "LFrom\x00 a@b.example"), "malformed header frame"},
		"field without a name":   {after(4, "L\x00 a\x00"), "malformed header frame"},
		"name with a blank":      {after(4, "LFrom \x00 a\x00"), "malformed header frame"},
		"name with a colon":      {after(4, "LA:B\x00 a\x00"), "malformed header frame"},
		"MAIL without NUL":       {after(2, "M<a@b.example>"), "malformed M frame"},
		"empty MAIL":             {after(2, "M"), "malformed M frame"},
		"RCPT without NUL":       {after(3, "R<a@b.example>"), "malformed R frame"},
		"end with data":          {after(7, "Emore"), "malformed E frame"},
		"RCPT without MAIL":      {after(2, stages[3]), "command R out of order"},
		"field without MAIL":     {after(2, stages[4]), "command L out of order"},
		"end without MAIL":       {after(2, "E"), "command E out of order"},
		"end twice":              {after(8, "E"), "command E out of order"},
		"end without a header":   {after(4, "E"), "command E out of order"},
		"body without a header":  {after(4, "Btext"), "command B out of order"},
		"body before its time":   {after(5, "Btext"), "command B out of order"},
		"field after the header": {after(6, stages[4]), "command L out of order"},
		"header ends twice":      {after(6, "N"), "command N out of order"},
		"field after body":       {after(7, stages[4]), "command L out of order"},
		"RCPT after header":      {after(6, stages[3]), "command R out of order"},
		"RCPT after abort":       {after(3, "A", stages[3]), "command R out of order"},
		"needed actions missing": {frames(offer(mta.Offer{Version: 6, Actions: 0x3f, Protocol: 0x7f})), "peer does not offer the milter actions 0x40; Postfix does with milter_protocol = 6"},
		"no recipient actions":   {frames(offer(mta.Offer{Version: 6, Actions: 0x1f3, Protocol: 0x7f})), "peer does not offer the milter actions 0xc"},
		"body after a refusal":   {after(4, "LFrom\x00 <\x00", "N", "Btext"), "command B out of order"},
		"end after a refusal":    {after(4, "LFrom\x00 <\x00", "N", "E"), "command E out of order"},
		"end after an accept":    {frames(stages[0], "Cmx\x004\x00\x19203.0.113.5\x00", stages[2], stages[3], "N", "E"), "command E out of order"},
		"half a length":          {raw("\x00\x00"), "unexpected EOF"},
		"half a frame":           {frame('B', "text")[:6], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.book.String())
			conn := h.dial()
			conn.Write(c.octets)
			if c.logged == "unexpected EOF" {
				conn.(*net.UnixConn).CloseWrite()
			}
			wantClosed(t, conn)
			wait(t, "a log line with "+c.logged, func() bool { return strings.Contains(h.book.String()[before:], c.logged) })
		})
	}
	h.lives()
}

// TestNoise: nothing that arrives instead of frames ends the daemon.
func TestNoise(t *testing.T) {
	h := open(t)
	whole := frames(stages...)
	for i := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			noise := bytes.Clone(whole)
			noise[i] ^= flip
			conn := h.dial()
			conn.Write(noise)
			conn.(*net.UnixConn).CloseWrite()
			wantClosed(t, conn)
		}
	}
	h.lives()
}

// TestUnknownCommand: a client's typing error, which Postfix reports as U, costs
// neither the session nor the message under way.
func TestUnknownCommand(t *testing.T) {
	h := open(t)
	client := h.client(good())
	for _, before := range []string{"", "M", "R"} {
		if before != "" {
			client.Ask(before[0], "<courses@university.example>")
		}
		if code, _, err := client.Ask('U', "FOO"); code != 'c' || err != nil {
			t.Fatalf("answered %q, %v", code, err)
		}
	}
	must(t, client.Write('A', nil))
	h.wantSigned(good(), h.send(client, good()))
}

// TestAnnouncedLength: memory grows with what arrives, not with what is announced.
func TestAnnouncedLength(t *testing.T) {
	h := open(t)
	h.lives()
	before := heap()
	for range 200 {
		_, err := h.dial().Write(append(frames(stages[0]), 0x00, 0x04, 0x00, 0x00, 'B'))
		must(t, err)
	}
	wait(t, "200 connections", func() bool { return h.connections() >= 200 })
	runtime.Gosched()
	if grown := int64(heap()) - int64(before); grown > 200*32<<10 {
		t.Errorf("200 peers that announce 256 KiB each cost %d octets", grown)
	}
	h.lives()
}

// heap returns the octets of live objects.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestEndlessHeader: what is past the bound is not kept, not by the library either.
func TestEndlessHeader(t *testing.T) {
	h := open(t)
	client := h.client(good())
	must(t, client.WriteRaw(frames(stages[2:4]...)))
	client.Read() // RCPT's
	field := frame('L', "X-Filler\x00 "+strings.Repeat("x", 50000)+"\x00")
	before := heap()
	for range 1000 { // 50 MB
		must(t, client.WriteRaw(field))
	}
	must(t, client.Write('U', nil)) // answered when all before it is read
	client.Read()
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("a header of 50 MB costs %d octets", grown)
	}
}

// TestStalledPeer: every stage has its deadline.
func TestStalledPeer(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		octets []byte
	}{
		"at once":              {Limits{Idle: 20 * time.Millisecond}, nil},
		"before negotiating":   {Limits{Stall: 20 * time.Millisecond}, nil},
		"between messages":     {Limits{Idle: 20 * time.Millisecond}, frames(stages[:2]...)},
		"within a message":     {Limits{Idle: 20 * time.Millisecond}, frames(stages[:6]...)},
		"within the length":    {Limits{Stall: 20 * time.Millisecond}, []byte{0, 0}},
		"before the letter":    {Limits{Stall: 20 * time.Millisecond}, append(frames(stages[:2]...), 0, 0, 0, 9)},
		"within a frame":       {Limits{Stall: 20 * time.Millisecond}, append(frames(stages[:6]...), 0, 0, 0, 9, 'B', 'x')},
		"within the first one": {Limits{Stall: 20 * time.Millisecond}, []byte{0, 0, 0, 13, 'O', 0}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, func(h *harness) { h.Limits = c.limits })
			before := runtime.NumGoroutine()
			conn := h.dial()
			conn.Write(c.octets)
			wantClosed(t, conn)
			wantGoroutines(t, before)
			if !h.book.has("milter peer sent nothing for too long") {
				t.Errorf("log is %s", h.book)
			}
		})
	}
}

// TestTricklingPeer: a frame has one deadline, however often a piece of it comes.
func TestTricklingPeer(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Stall = 50 * time.Millisecond })
	conn := h.dial()
	conn.Write([]byte{0, 4, 0, 0, 'O'})
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := conn.Write([]byte{0}); err != nil {
			return
		}
		if time.Since(start) > 5*time.Second {
			t.Fatal("a trickle keeps the connection open")
		}
	}
}

// TestPeerThatDoesNotRead: a write has a deadline, too.
func TestPeerThatDoesNotRead(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Stall = 50 * time.Millisecond })
	before := runtime.NumGoroutine()
	conn := h.dial()
	conn.Write(frames(stages[:2]...))
	question := bytes.Repeat(frame('U', ""), 10000)
	for {
		if _, err := conn.Write(question); err != nil {
			break
		}
	}
	wantGoroutines(t, before)
	h.lives()
}

// TestNegotiation: asked for is what is needed, and the macros by name.
func TestNegotiation(t *testing.T) {
	const (
		noHelo, noData, noUnknown = 0x2, 0x200, 0x100
		noReplies, leadingSpace   = 0x80 | 0x1000 | 0x4000 | 0x80000, 0x100000
		needed                    = 0x1 | 0x4 | 0x8 | 0x10 | 0x40
	)
	want := map[string]struct {
		offer             mta.Offer
		actions, protocol uint32
		symlist           bool
	}{
		"Postfix": {mta.Postfix, needed | 0x100, noHelo | noData | noUnknown | noReplies | leadingSpace, true},
		"less":    {mta.Offer{Version: 2, Actions: 0x7f, Protocol: 0x7f}, needed, noHelo, false},
	}
	h := open(t)
	for name, c := range want {
		conn := h.dial()
		conn.Write(frames(offer(c.offer)))
		code, data := readFrame(t, conn)
		if code != 'O' || len(data) < 12 {
			t.Fatalf("%s: %q %q", name, code, data)
		}
		words := [3]uint32{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:])}
		if words != [3]uint32{2, c.actions, c.protocol} {
			t.Errorf("%s: version, actions, protocol %#x", name, words)
		}
		lists := symlist(t, data[12:])
		if c.symlist != (len(lists) > 0) {
			t.Errorf("%s: macros %v", name, lists)
		}
		if c.symlist && (lists[0] != "j" || lists[2] != "{auth_authen}" || lists[3] != "{rcpt_addr}" || lists[5] != "" || lists[6] != "i" || len(lists) != 5) {
			t.Errorf("%s: macros %v", name, lists)
		}
	}
}

// symlist takes the lists of macros apart, by stage: 0 connect, 2 MAIL, 3 RCPT,
// 5 end of message, 6 end of header.
func symlist(t *testing.T, data []byte) map[uint32]string {
	t.Helper()
	lists := make(map[uint32]string)
	for len(data) > 4 {
		names, rest, found := bytes.Cut(data[4:], []byte{0})
		if !found {
			t.Fatalf("list %q has no end", data)
		}
		lists[binary.BigEndian.Uint32(data)] = string(names)
		data = rest
	}
	return lists
}

func readFrame(t testing.TB, r io.Reader) (code byte, data []byte) {
	t.Helper()
	var head [5]byte
	_, err := io.ReadFull(r, head[:])
	must(t, err)
	data = make([]byte, binary.BigEndian.Uint32(head[:])-1)
	_, err = io.ReadFull(r, data)
	must(t, err)
	return head[4], data
}

// writes notes what is written to a connection, write by write.
type writes struct {
	net.Listener
	all chan []byte
}

func (w writes) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err == nil {
		conn = noting{conn, w.all}
	}
	return conn, err
}

type noting struct {
	net.Conn
	all chan []byte
}

func (n noting) Write(p []byte) (int, error) {
	n.all <- bytes.Clone(p)
	return n.Conn.Write(p)
}

// TestEditsInOneWrite: all edits and the reply are one write, so that over TCP they
// are one segment, and Postfix never has some of them only.
func TestEditsInOneWrite(t *testing.T) {
	h := build(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	seen := make(chan []byte, 100)
	h.serveOn(writes{listener, seen})
	m := rewritten()
	client := h.client(m)
	for range 2 {
		h.wantSigned(m, h.send(client, m))
	}
	var got []string
	for len(seen) > 0 {
		got = append(got, codes(t, <-seen))
	}
	// the last c of each message answers settle
	if want := "O c c emhhiia c c c emhhiia c"; strings.Join(got, " ") != want {
		t.Errorf("writes %q, want %q", got, want)
	}
}

// codes returns the letters of frames.
func codes(t *testing.T, octets []byte) string {
	var all []byte
	for r := bytes.NewReader(octets); r.Len() > 0; {
		code, _ := readFrame(t, r)
		all = append(all, code)
	}
	return string(all)
}

// TestAllEditsOrNone: when a message cannot be signed it is deferred, and nothing is
// changed.
func TestAllEditsOrNone(t *testing.T) {
	rsa, err := keys.Generate(tenant.RSA, 2048)
	must(t, err)
	panics, err := keys.NewKey(signer{rsa.Public()})
	must(t, err)
	cast := cases.NewCast(t)
	table := cast.Table(t)
	bad := new(keys.Ring)
	for _, id := range table.Snapshot().Platform().Identities {
		must(t, bad.Add(id, panics))
	}
	for name, c := range map[string]struct {
		ring    *keys.Ring
		content []string // up to the command that is answered so
	}{"no key": {new(keys.Ring), []string{"N"}}, "key that panics": {bad, []string{"N", "BIt starts", "E"}}} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			sound := h.state.Swap(&cases.Generation{Tenants: table, Keys: c.ring})
			client := h.client(rewritten())
			must(t, client.WriteRaw(frames(append([]string{"M<academy@yourorganisationname.nl>\x00", stages[3], "LFrom\x00 academy@yourorganisationname.nl\x00"}, c.content...)...)))
			code, data := readReply(t, client)
			for ; code == 'c'; code, data = readReply(t, client) {
			}
			if code != 'y' || !strings.HasPrefix(string(data), "451 4.7.5 ") {
				t.Errorf("answered %q %q", code, data)
			}
			h.state.Store(sound)
			h.wantSigned(good(), h.send(client, good()))
			l := h.book.lines(t, "message")[0]
			if l["result"] != "deferred" || l["level"] != "ERROR" || l["problem"] == nil || h.Counts.Deferred.Load() != 1 {
				t.Errorf("log line is %v", l)
			}
		})
	}
}

// signer panics, as a broken security module may.
type signer struct{ public crypto.PublicKey }

func (s signer) Public() crypto.PublicKey { return s.public }

func (signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic("key material") }

// TestUnsignable: a message that no later attempt could sign is refused.
func TestUnsignable(t *testing.T) {
	h := open(t)
	client := h.client(good())
	m := good()
	m.Body = []byte("a bare \r in it\r\n")
	if got := h.send(client, m); !strings.HasPrefix(got.Reply, "550 5.6.0 ") || len(got.Header) != len(m.Header) {
		t.Errorf("reply is %q", got.Reply)
	}
	h.wantSigned(good(), h.send(client, good()))
}

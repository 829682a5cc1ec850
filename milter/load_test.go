package milter

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// TestMemoryOfLargeBody sends 50 MB through a session. Every 2 MB it waits until the
// server has read what was sent and collects garbage: what is then in use may not
// exceed what a message of 5 MB uses by 1 MB. Nor may the heap have taken 1 MB more
// from the system, garbage and all, after a first message has given every buffer its
// size and the collector its rhythm.
func TestMemoryOfLargeBody(t *testing.T) {
	h := open(t)
	client := h.client(good())
	chunk := frame('B', string(bytes.Repeat([]byte("It starts on Monday, and it will take a year.\r\n"), 65535/47)))
	stream(t, client, chunk, 5<<20)
	small, taken := stream(t, client, chunk, 5<<20), takenFromSystem()
	size := 50 << 20
	if raced {
		size = 10 << 20 // it takes its time
	}
	large := stream(t, client, chunk, size)
	grown, more := int64(large)-int64(small), int64(takenFromSystem())-int64(taken)
	t.Logf("peak in use %d kB; %d MB move it by %d kB; the heap took %d kB more from the system", large>>10, size>>20, grown>>10, more>>10)
	if grown > 1<<20 {
		t.Errorf("the heap in use grew by %d octets", grown)
	}
	if more > 1<<20 && !raced {
		t.Errorf("the heap took %d octets more from the system", more)
	}
}

// stream sends a message with a body of that size and returns the peak of the heap in use.
func stream(t *testing.T, client *mta.Client, chunk []byte, size int) (peak uint64) {
	t.Helper()
	must(t, client.WriteRaw(frames(stages[2:6]...)))
	for range 2 { // RCPT's and the header's
		client.Read()
	}
	for sent := 0; sent < size; sent += len(chunk) {
		must(t, client.WriteRaw(chunk))
		if sent%(2<<20) < len(chunk) {
			must(t, client.Write('U', nil)) // answered when all before it is read
			client.Read()
			peak = max(peak, heap())
		}
	}
	must(t, client.Write('E', nil))
	if code, data := readReply(t, client); code != 'a' {
		t.Fatalf("answered %q %q", code, data)
	}
	must(t, client.Write('A', nil))
	return peak
}

// takenFromSystem returns the largest size that the heap has had.
func takenFromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys
}

// BenchmarkMessage is one message from MAIL to the reply at its end, the mail
// server's side included: signed by RSA-2048 and Ed25519; decided and passed, which
// is what the protocol costs; forwarded.
func BenchmarkMessage(b *testing.B) {
	for name, address := range map[string]string{"unix": "", "tcp": "127.0.0.1:0"} {
		h := build(b)
		if address == "" {
			address = filepath.Join(socketFolder(b), "s")
		}
		h.serve(name, address)
		for _, c := range []struct {
			name string
			mail mta.Mail
		}{{"kept", good()}, {"rewritten", rewritten()}, {"shadow", from("a@shadow.example", "")}, {"stranger", stranger()}, {"bounce", bounce("<SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl>")}} {
			b.Run(fmt.Sprintf("%s/%s/4kB", name, c.name), func(b *testing.B) { benchmark(b, h, c.mail) })
		}
	}
}

func benchmark(b *testing.B, h *harness, m mta.Mail) {
	m.Body = bytes.Repeat([]byte("It starts on Monday, and it will take a year.\r\n"), 4<<10/47)
	for range 10 {
		m.Header = append(m.Header, message.Field{Name: "X-Filler", Value: " of a header as long as they are"})
	}
	client := h.client(m)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := client.Send(m); err != nil || got.Reply != "" {
			b.Fatal(got.Reply, err)
		}
	}
}

// BenchmarkHeader takes headers of 1 MB, over a socket, from a stranger: what is not signed
// shows what it costs to read and to decide. The mail server that sends them is in the figure.
func BenchmarkHeader(b *testing.B) {
	for name, field := range map[string]message.Field{
		"fields of 50 kB in short folds": {Name: "X-A", Value: strings.Repeat("\r\n a", 12_500)},
		"fields of 1 kB":                 {Name: "X-A", Value: " " + strings.Repeat("x", 1000)},
		"fields of 50 octets":            {Name: "X-A", Value: " " + strings.Repeat("x", 44)},
		"X-Original-From":                {Name: "X-Original-From", Value: " a@b.example"},
	} {
		b.Run(name, func(b *testing.B) {
			h := open(b)
			m := stranger()
			for octets := 0; octets < 1<<20-1000; octets += len(field.Name) + len(field.Value) + 3 {
				m.Header = append(m.Header, field)
			}
			client := h.client(m)
			b.SetBytes(1 << 20)
			for b.Loop() {
				if got := h.send(client, m); got.Reply != "" {
					b.Fatal(got.Reply)
				}
			}
		})
	}
}

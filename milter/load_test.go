package milter

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// TestMemoryOfLargeBody sends 50 MB through a session. After the same session has
// sent 5 MB, so that every buffer has its size and the collector its rhythm, the
// live heap (what a collection finds in use, asked for every 2 MB while the body
// streams) may not exceed that of the first message by 1 MB, nor may the heap have
// taken 1 MB more from the system: garbage counts there.
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
	t.Logf("live heap peak %d kB; %d MB move it by %d kB; the heap took %d kB more from the system", large>>10, size>>20, grown>>10, more>>10)
	if grown > 1<<20 {
		t.Errorf("live heap grew by %d octets", grown)
	}
	if more > 1<<20 && !raced {
		t.Errorf("the heap took %d octets more from the system", more)
	}
}

// stream sends a message with a body of that size and gives the peak of the live heap.
func stream(t *testing.T, client *mta.Client, chunk []byte, size int) (peak uint64) {
	t.Helper()
	must(t, client.WriteRaw(frames(stages[2:6]...)))
	for range 2 {
		client.Read()
	}
	for sent := 0; sent < size; sent += len(chunk) {
		must(t, client.WriteRaw(chunk))
		if sent%(2<<20) < len(chunk) {
			runtime.GC()
			peak = max(peak, metric("/gc/heap/live:bytes"))
		}
	}
	must(t, client.Write('E', nil))
	if code, data := readReply(t, client); code != 'a' {
		t.Fatalf("answered %q %q", code, data)
	}
	must(t, client.Write('A', nil))
	return peak
}

// takenFromSystem gives the largest size that the heap has had.
func takenFromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys
}

func metric(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// BenchmarkMessage is one message from MAIL to the reply at its end, the mail
// server's side included; signed by RSA-2048 and Ed25519, or by Ed25519 alone, or
// passed, which is what the protocol itself costs.
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
		}{{"kept", good()}, {"rewritten", rewritten()}, {"shadow", from("a@shadow.example", "")}, {"stranger", stranger()}} {
			b.Run(fmt.Sprintf("%s/%s/4kB", name, c.name), func(b *testing.B) { benchmark(b, h, c.mail) })
		}
	}
}

func benchmark(b *testing.B, h *house, m mta.Mail) {
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

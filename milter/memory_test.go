package milter

import (
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// withMemory has messages hold little.
func withMemory(n int64) func(*harness) {
	return func(h *harness) {
		state := *h.state.Load()
		state.Memory = n
		h.state.Store(&state)
	}
}

// settled reports whether nothing is held any more, soon.
func (h *harness) settled() bool {
	for range 200 {
		if h.budget.held.Load() == 0 {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// TestNoMemory: when messages under way have all the memory, others are deferred, a recipient
// or the end of the header; when it is free again, they go on. Local mail is not deferred at
// its recipients, where Postfix could not take that.
func TestNoMemory(t *testing.T) {
	h := open(t, withMemory(200_000))
	greedy := h.client(good())
	must(t, greedy.Write('M', []byte("<a@university.example>\x00")))
	greedy.Ask('R', "<student@receiver.example>")
	must(t, greedy.Write('L', []byte("Subject\x00 "+strings.Repeat("x", 60_000)+"\x00")))
	must(t, greedy.Write('L', []byte("Comments\x00 "+strings.Repeat("x", 60_000)+"\x00")))
	must(t, greedy.Write('L', []byte("Keywords\x00 "+strings.Repeat("x", 60_000)+"\x00")))
	for h.budget.held.Load() < 180_000 {
		time.Sleep(time.Millisecond)
	}
	m := good()
	long := good()
	for range 5 {
		long.Header = append(long.Header, message.Field{Name: "X-Note", Value: " " + strings.Repeat("x", 4000)})
	}
	local := localBounce(h.bounceTo(academy))
	local.Header = append(local.Header, long.Header...)
	for range 3 {
		if got := h.send(h.client(long), long); !strings.HasPrefix(got.Reply, "451 4.3.2 ") {
			t.Errorf("at the end of the header: %q, refused %v", got.Reply, got.Refused)
		}
		if got := h.send(h.client(local), local); !strings.HasPrefix(got.Reply, "451 4.3.2 ") || got.Refused != nil {
			t.Errorf("local: %q, refused %v", got.Reply, got.Refused)
		}
		many := m
		for range 40 {
			many.Recipients = append(many.Recipients, "<b@receiver.example>")
		}
		client := h.client(many)
		got := h.send(client, many)
		if reply := got.Refused["<b@receiver.example>"]; !strings.HasPrefix(reply, "451 4.3.2 ") {
			t.Errorf("at a recipient: %q", reply)
		}
	}
	for _, l := range h.book.lines(t, "message") {
		if l["result"] != "deferred" || l["row"] != "undecided" || l["problem"] != errMemory.Error() {
			t.Errorf("log line is %v", l)
		}
	}
	must(t, greedy.Write('A', nil))
	for h.budget.held.Load() > 20_000 {
		time.Sleep(time.Millisecond)
	}
	h.lives()
	if !h.settled() {
		t.Errorf("%d octets are still held", h.budget.held.Load())
	}
}

// TestMemoryIsGivenBack: whatever becomes of a message and its connection, nothing of it is
// held.
func TestMemoryIsGivenBack(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Header = 300_000 })
	long := good()
	long.Header = append(long.Header, message.Field{Name: "X-Note", Value: " " + strings.Repeat("x", 90_000)})
	vast := long
	for range 5 {
		vast.Header = append(vast.Header, long.Header[len(long.Header)-1])
	}
	for name, m := range map[string]mta.Mail{
		"signed": good(), "long": long, "too large": vast, "refused": refusable(), "stranger's": stranger(),
		"to us": bounce(h.bounceTo(academy)), "to nobody": bounce("<x@bounces.courseware.nl>"), "shadow": from("a@shadow.example", ""),
	} {
		h.send(h.client(m), m)
		if !h.settled() {
			t.Errorf("%s: %d octets are held", name, h.budget.held.Load())
		}
		for _, last := range []byte("ACX") {
			client := h.client(m)
			must(t, client.Write('M', []byte(m.Sender+"\x00")))
			client.Ask('R', m.Recipients[0])
			for _, f := range m.Header {
				must(t, client.Write('L', []byte(f.Name+"\x00"+f.Value+"\x00")))
			}
			switch last {
			case 'A': // given up
				must(t, client.Write('A', nil))
			case 'C': // gone
				must(t, client.Close())
			case 'X': // gone within a long frame
				must(t, client.WriteRaw(append([]byte{0, 3, 0, 0, 'L'}, make([]byte, 100_000)...)))
				must(t, client.Close())
			}
			if !h.settled() {
				t.Errorf("%s, given up by %c: %d octets are held", name, last, h.budget.held.Load())
			}
		}
	}
	h.lives()
}

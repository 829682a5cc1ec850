package milter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/test/cases"
)

func of(client string, m mta.Mail) mta.Mail {
	m.Client = netip.MustParseAddr(client)
	return m
}

// TestGuessingByNetwork: who opens a connection for each guess is no better off, and his
// neighbours are taken for him. Other networks do not notice.
func TestGuessingByNetwork(t *testing.T) {
	reported := make(chan netip.Prefix, 10)
	h := open(t, func(h *harness) { h.Guessing = func(network netip.Prefix) { reported <- network } })
	for n := range h.Limits.Refused {
		m := of(fmt.Sprintf("203.0.113.%d", n%250), bounce(fmt.Sprintf("<SRS0=aaaa%04d=D5=victim.example=x@bounces.courseware.nl>", n)))
		got := h.send(h.client(m), m)
		if reply := got.Refused[m.Recipients[0]]; !strings.HasPrefix(reply, "550 5.1.1 ") {
			t.Fatalf("guess %d: %q", n+1, reply)
		}
	}
	for client, limited := range map[string]bool{"203.0.113.254": true, "203.0.112.1": false, "2001:db8::1": false} {
		m := of(client, bounce("<help@courseware.nl>", h.bounceTo(academy)))
		got := h.send(h.client(m), m)
		if reply := got.Refused[h.bounceTo(academy)]; strings.HasPrefix(reply, "450 4.7.1 ") != limited || !limited && reply != "" {
			t.Errorf("a good address from %s is answered %q", client, reply)
		}
		if !slices.Contains(got.Recipients, "<help@courseware.nl>") {
			t.Errorf("an ordinary recipient from %s pays too: %v", client, got.Refused)
		}
	}
	select {
	case network := <-reported:
		if network != netip.MustParsePrefix("203.0.113.0/24") || len(reported) > 0 {
			t.Errorf("reported are %s and %d more", network, len(reported))
		}
	case <-time.After(10 * time.Second):
		t.Error("that a network guesses is not reported")
	}
	last := h.book.lines(t, "recipient refused")
	if l := last[len(last)-1]; l["client"] == "" || l["client"] == nil {
		t.Errorf("the log does not say who: %v", l)
	}
}

// classic has a table that takes another daemon's addresses.
func classic(t *testing.T) *harness {
	h := open(t)
	state := *h.state.Load()
	state.Tenants = cases.NewCast(t).Table(t, "ONBEHALF_SRS_ACCEPT_CLASSIC=true", "ONBEHALF_SRS_ACCEPT_CLASSIC_UNTIL="+time.Now().Format(time.DateOnly))
	h.state.Store(&state)
	return h
}

// TestClassicTakesBouncesOnly: a guessed check code is no way to anybody's mailbox.
func TestClassicTakesBouncesOnly(t *testing.T) {
	h := classic(t)
	at, err := message.ParseDomain(home)
	must(t, err)
	to := "<" + h.codec(0).ClassicBounce(message.ParsePath(academy).Address, at).String() + ">"
	for sender, want := range map[string]string{"<>": "", "<jane@receiver.example>": "550 5.7.1 "} {
		m := bounce(to)
		m.Sender = sender
		got := h.send(h.client(m), m)
		if want == "" && !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) || !strings.HasPrefix(got.Refused[to], want) {
			t.Errorf("from %s: to %s, refused %v", sender, got.Recipients, got.Refused)
		}
	}
}

// TestGuessesInAll: many networks together have no more guesses at the codes of other
// daemons; what has a code of ours goes on, and so does all once they are not accepted.
func TestGuessesInAll(t *testing.T) {
	h := classic(t)
	guess := func(n int) string {
		m := of(fmt.Sprintf("2001:db8:%x:100::1", n), bounce(fmt.Sprintf("<SRS0=aa%02d=D5=victim.example=x%d@bounces.courseware.nl>", n%100, n)))
		return h.send(h.client(m), m).Refused[m.Recipients[0]]
	}
	for n := range h.Limits.Guesses {
		if reply := guess(n); !strings.HasPrefix(reply, "550 5.1.1 ") {
			t.Fatalf("guess %d: %q", n+1, reply)
		}
	}
	if reply := guess(h.Limits.Guesses); !strings.HasPrefix(reply, "450 4.7.1 ") {
		t.Errorf("one more guess: %q", reply)
	}
	at, err := message.ParseDomain(home)
	must(t, err)
	right := bounce("<" + h.codec(0).ClassicBounce(message.ParsePath(academy).Address, at).String() + ">")
	if reply := h.send(h.client(right), right).Refused[right.Recipients[0]]; !strings.HasPrefix(reply, "450 4.7.1 ") {
		t.Errorf("a right guess stands out: %q", reply)
	}
	own := bounce(h.bounceTo(academy))
	if got := h.send(h.client(own), own); !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) {
		t.Errorf("a bounce address of ours: %v", got.Refused)
	}
	state := *h.state.Load()
	state.Tenants = cases.NewCast(t).Table(t)
	h.state.Store(&state)
	if reply := guess(h.Limits.Guesses + 1); !strings.HasPrefix(reply, "550 5.1.1 ") {
		t.Errorf("a guess when there is nothing to guess: %q", reply)
	}
}

// TestLetters: who is no bounce may write to a bounce address a few times. Bounces, replies
// to reply addresses, the postmaster and trusted clients are not counted.
func TestLetters(t *testing.T) {
	h := replying(t)
	letter := func(client, to string) string {
		m := of(client, bounce(to))
		m.Sender = "<jane@receiver.example>"
		return h.send(h.client(m), m).Refused[to]
	}
	for n := range h.Limits.Letters {
		if reply := letter("203.0.113.5", h.bounceTo(academy)); reply != "" {
			t.Fatalf("letter %d: %q", n+1, reply)
		}
	}
	reply := h.codec(0).Reply(message.ParsePath(academy).Address)
	for _, c := range []struct {
		client, to string
		limited    bool
	}{
		{"203.0.113.5", h.bounceTo(academy), true},
		{"203.0.113.99", upper(h.bounceTo(academy)), true},            // a neighbour, another spelling
		{"203.0.113.5", h.bounceAt(academy, home, -1), true},          // yesterday's address of the same mailbox
		{"203.0.113.5", h.overflowOf("yourorg"), true},                // which leads there too
		{"203.0.113.5", h.bounceTo(student), false},                   // another mailbox
		{"198.51.100.1", h.bounceTo(academy), false},                  // another network
		{"203.0.113.5", "<postmaster@bounces.courseware.nl>", false},  //
		{"203.0.113.5", "<" + reply + "@reply.courseware.nl>", false}, //
		{"192.0.2.10", h.bounceTo(academy), false},                    // trusted
	} {
		if reply := letter(c.client, c.to); strings.HasPrefix(reply, "450 4.7.1 ") != c.limited || !c.limited && reply != "" {
			t.Errorf("from %s to %s: %q", c.client, c.to, reply)
		}
	}
	m := bounce(h.bounceTo(academy))
	if got := h.send(h.client(m), m); got.Refused != nil {
		t.Errorf("a bounce is refused: %v", got.Refused)
	}
}

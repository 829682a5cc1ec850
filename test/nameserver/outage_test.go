package nameserver

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What a client may see of the server.
const (
	unanswered = "no answer"
	refused    = "refused"
	failing    = "SERVFAIL"
	missing    = "NXDOMAIN"
)

// see asks for the TXT record of a name. It returns its text or what is there instead.
func see(s *Server, network, name string, timeout time.Duration) string {
	conn, err := net.Dial(network, s.Addr)
	if err != nil {
		return instead(err)
	}
	defer conn.Close()
	client := dns.Client{Net: network, Timeout: timeout}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT)
	answer, _, err := client.ExchangeWithConn(question, &dns.Conn{Conn: conn})
	switch {
	case err != nil:
		return instead(err)
	case len(answer.Answer) == 1:
		return answer.Answer[0].(*dns.TXT).Txt[0]
	default:
		return dns.RcodeToString[answer.Rcode]
	}
}

// instead distinguishes a closed port, which shows in UDP's first answer, from an open one
// that nobody reads from, where a TCP connection succeeds.
func instead(err error) string {
	switch op := new(net.OpError); {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &op) && op.Op == "read":
		return unanswered
	}
	return err.Error()
}

// expect is what a client must see at names, over UDP and TCP.
func expect(t *testing.T, s *Server, want map[string]string) {
	t.Helper()
	for name, want := range want {
		timeout := patience
		if want == unanswered {
			timeout = 100 * time.Millisecond
		}
		for _, network := range []string{"udp", "tcp"} {
			if got := see(s, network, name, timeout); got != want {
				t.Errorf("%s over %s: %s, want %s", name, network, got, want)
			}
		}
	}
}

var outages = map[string]struct {
	begin func(*Server, testing.TB)
	want  string
}{
	"Fail": {(*Server).Fail, failing},
	"Hang": {(*Server).Hang, unanswered},
	"Stop": {(*Server).Stop, refused},
}

func TestPublishReplacesAllRecords(t *testing.T) {
	s := Start(t, TXT("one.nl", "1"), TXT("two.nl", "1"))
	expect(t, s, map[string]string{"one.nl": "1", "two.nl": "1", "three.nl": missing})
	s.Publish(t, TXT("two.nl", "2"), TXT("three.nl", "2"))
	expect(t, s, map[string]string{"one.nl": missing, "two.nl": "2", "three.nl": "2"})
	s.Publish(t)
	expect(t, s, map[string]string{"one.nl": missing, "two.nl": missing, "three.nl": missing})
}

func TestRestoreEndsOutage(t *testing.T) {
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			s := Start(t, TXT("one.nl", "1"))
			addr := s.Addr
			s.Publish(t, TXT("one.nl", "2"))
			outage.begin(s, t)
			expect(t, s, map[string]string{"one.nl": outage.want, "two.nl": outage.want})
			s.Restore(t)
			expect(t, s, map[string]string{"one.nl": "2", "two.nl": missing})
			if s.Addr != addr {
				t.Errorf("address is %s, was %s", s.Addr, addr)
			}
		})
	}
}

func TestPublishEndsOutage(t *testing.T) {
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			s := Start(t, TXT("one.nl", "1"))
			outage.begin(s, t)
			s.Publish(t, TXT("one.nl", "2"))
			expect(t, s, map[string]string{"one.nl": "2"})
		})
	}
}

func TestOutageFollowsOutage(t *testing.T) {
	for before, first := range outages {
		for after, second := range outages {
			t.Run(before+" "+after, func(t *testing.T) {
				s := Start(t, TXT("one.nl", "1"))
				first.begin(s, t)
				second.begin(s, t)
				expect(t, s, map[string]string{"one.nl": second.want})
				s.Restore(t)
				expect(t, s, map[string]string{"one.nl": "1"})
			})
		}
	}
}

// Many clients at once keep NSD's old and new process busy. None that asks after
// Publish returned may meet the old zone.
func TestNoOldAnswerAfterPublish(t *testing.T) {
	s := Start(t)
	var published atomic.Uint32
	var done atomic.Bool
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for !done.Load() {
				least := published.Load()
				if got := serial(s.ask()); got > 0 && got < least {
					t.Errorf("answer from zone %d after zone %d was published", got, least)
					return
				}
			}
		})
	}
	for range 10 {
		s.Publish(t)
		published.Store(s.serial)
	}
	done.Store(true)
	clients.Wait()
}

package resolve_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// patience is what a server that answers may take on a busy machine; haste is how long we
// wait for one that never does.
const (
	patience = 20 * time.Second
	haste    = 50 * time.Millisecond
)

// server is a DNS server on loopback, over UDP and TCP.
type server struct {
	Addr  string
	asked atomic.Int64 // questions that came
}

// serve runs a server until the test ends.
func serve(t testing.TB, handler dns.HandlerFunc) *server {
	t.Helper()
	packets, streams := listen(t)
	s := &server{Addr: packets.LocalAddr().String()}
	counting := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		s.asked.Add(1)
		handler(w, q)
	})
	for _, d := range []*dns.Server{
		{PacketConn: packets, Handler: counting},
		{Listener: streams, Handler: counting},
	} {
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go d.ActivateAndServe()
		<-started
		t.Cleanup(func() { d.Shutdown() })
	}
	return s
}

// listen finds a port that is free for both.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		packets.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// nobody gives an address where nothing listens.
func nobody(t testing.TB) string {
	packets, streams := listen(t)
	packets.Close()
	streams.Close()
	return packets.LocalAddr().String()
}

// client asks these servers, and waits long.
func client(t testing.TB, servers ...string) *resolve.Client {
	t.Helper()
	return clientOf(t, resolve.Options{Servers: servers, Timeout: patience})
}

func clientOf(t testing.TB, o resolve.Options) *resolve.Client {
	t.Helper()
	c, err := resolve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(c resolve.Asker, name string) (resolve.Answer, error) {
	return c.Ask(context.Background(), name, dns.TypeTXT)
}

// says makes a handler that answers each question with a code and records.
func says(rcode int, records ...string) dns.HandlerFunc {
	return reply(func(m *dns.Msg) {
		m.Rcode = rcode
		m.Answer = rrs(records...)
	})
}

// reply makes a handler that answers each question with what edit makes of an empty answer.
func reply(edit func(*dns.Msg)) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		edit(m)
		w.WriteMsg(m)
	}
}

// onTCP makes a handler that sends all who ask over UDP to TCP.
func onTCP(handler dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if isTCP(w) {
			handler(w, q)
			return
		}
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		w.WriteMsg(m)
	}
}

func isTCP(w dns.ResponseWriter) bool { return strings.HasPrefix(w.LocalAddr().Network(), "tcp") }

// silent is a handler that answers nothing.
func silent(dns.ResponseWriter, *dns.Msg) {}

// zone makes a handler that has records, each "name TYPE data", and follows no CNAME.
func zone(records ...string) dns.HandlerFunc {
	all := rrs(records...)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		for _, rr := range all {
			if !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				continue
			}
			m.Rcode = dns.RcodeSuccess
			if rrtype := rr.Header().Rrtype; rrtype == q.Question[0].Qtype || rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		w.WriteMsg(m)
	}
}

func rrs(records ...string) []dns.RR {
	var all []dns.RR
	for _, record := range records {
		rr, err := dns.NewRR(record)
		if err != nil {
			panic(err)
		}
		all = append(all, rr)
	}
	return all
}

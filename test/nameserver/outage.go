package nameserver

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Publish replaces all records by others, written as for Start, and returns when
// every answer is from the new ones. It ends an outage, as Restore does.
func (s *Server) Publish(t testing.TB, records ...string) {
	t.Helper()
	s.writeZone(t, records)
	s.load(t, s.current)
}

// Fail has every query answered with SERVFAIL: the server is there and cannot
// read its zone.
func (s *Server) Fail(t testing.TB) {
	t.Helper()
	s.write(t, "zone", "not a zone (\n")
	s.load(t, failure)
}

// Hang leaves all queries unanswered, over UDP and TCP. The port stays open: the kernel
// still accepts connections, and keeps the queries. A client that still waits at the end of
// it gets an answer.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	if s.nsd == nil {
		s.Restore(t)
	}
	s.nsd.signal(t, syscall.SIGSTOP)
	s.await(t, "stop answering", s.nsd.stopped)
}

// Stop ends the server and closes its port.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.nsd == nil {
		return
	}
	s.nsd.signal(t, syscall.SIGKILL) // SIGTERM would wait for SIGCONT
	s.await(t, "end", s.nsd.gone)
	if err := os.Remove(s.file("group")); err != nil {
		t.Error(err)
	}
	s.nsd.leader.Wait() // frees the group's number
	s.nsd = nil
}

// Restore ends what Fail, Hang or Stop began: the records last published are
// answered again, at the same address.
func (s *Server) Restore(t testing.TB) {
	t.Helper()
	s.Publish(t, s.records...)
}

// load has the server read its zone file, and returns when all its answers are as
// wanted. That may be later than the first such answer: NSD starts a process for
// the new zone before it ends the one for the old, and for a moment both answer.
func (s *Server) load(t testing.TB, wanted func(*dns.Msg) bool) {
	t.Helper()
	if s.nsd == nil {
		s.nsd = s.run(t)
		s.await(t, "answer", func() bool { return wanted(s.ask()) })
		s.nsd.size = len(s.nsd.living())
		return
	}
	s.nsd.signal(t, syscall.SIGCONT)
	s.nsd.signalLeader(t, syscall.SIGHUP)
	s.await(t, "read its zone", func() bool {
		return wanted(s.ask()) && len(s.nsd.living()) <= s.nsd.size
	})
}

// ask asks for the SOA of the zone. A message without content stands for no answer.
func (s *Server) ask() *dns.Msg {
	client := dns.Client{Timeout: time.Second}
	answer, _, err := client.Exchange(new(dns.Msg).SetQuestion(".", dns.TypeSOA), s.Addr)
	if err != nil {
		return new(dns.Msg)
	}
	return answer
}

// current reports whether the answer is from the zone file as last written.
func (s *Server) current(answer *dns.Msg) bool { return serial(answer) == s.serial }

// serial is that of the zone that answers, from 1; 0 stands for no such answer.
func serial(answer *dns.Msg) uint32 {
	if len(answer.Answer) != 1 {
		return 0
	}
	soa, ok := answer.Answer[0].(*dns.SOA)
	if !ok {
		return 0
	}
	return soa.Serial
}

func failure(answer *dns.Msg) bool { return answer.Rcode == dns.RcodeServerFailure }

// await returns when the server has done what it was asked to.
func (s *Server) await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if done() {
			return
		}
	}
	log, _ := os.ReadFile(s.file("log"))
	t.Fatalf("the DNS server at %s does not %s within %v:\n%s", s.Addr, what, patience, log)
}

package demo

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// nameserver answers for a zone on a loopback port, over UDP: no answer of the play is too long for
// that.
type nameserver struct {
	*dns.Server
	address string
	records atomic.Pointer[map[string][]dns.RR] // by name
}

func serveDNS(zone string) (*nameserver, error) {
	n := new(nameserver)
	if err := n.publish(zone); err != nil {
		return nil, err
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.address = packets.LocalAddr().String()
	started := make(chan struct{})
	n.Server = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(n.answer), NotifyStartedFunc: func() { close(started) }}
	go n.ActivateAndServe()
	<-started
	return n, nil
}

// publish makes the zone, with names written out, all that there is.
func (n *nameserver) publish(zone string) error {
	records := make(map[string][]dns.RR)
	parser := dns.NewZoneParser(strings.NewReader("$TTL 60\n"+zone), ".", "")
	for rr, more := parser.Next(); more; rr, more = parser.Next() {
		name := rr.Header().Name
		records[name] = append(records[name], rr)
	}
	if err := parser.Err(); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	n.records.Store(&records)
	return nil
}

// answer sends the records of a name and type; NXDOMAIN for a name without any.
func (n *nameserver) answer(w dns.ResponseWriter, question *dns.Msg) {
	records := *n.records.Load()
	answer := new(dns.Msg).SetReply(question)
	answer.Authoritative = true
	for _, q := range question.Question {
		name := strings.ToLower(q.Name)
		if len(records[name]) == 0 {
			answer.Rcode = dns.RcodeNameError
		}
		for _, rr := range records[name] {
			if rr.Header().Rrtype == q.Qtype {
				answer.Answer = append(answer.Answer, rr)
			}
		}
	}
	w.WriteMsg(answer)
}

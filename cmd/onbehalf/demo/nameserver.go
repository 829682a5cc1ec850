package demo

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// nameserver answers for a zone on a loopback port, over UDP and TCP.
type nameserver struct {
	address  string
	udp, tcp *dns.Server
	records  atomic.Pointer[map[string][]dns.RR] // by name
}

func serveDNS(zone string) (*nameserver, error) {
	n := new(nameserver)
	if err := n.publish(zone); err != nil {
		return nil, err
	}
	packets, streams, err := listenBoth()
	if err != nil {
		return nil, err
	}
	n.address = packets.LocalAddr().String()
	n.udp = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(n.answer)}
	n.tcp = &dns.Server{Listener: streams, Handler: dns.HandlerFunc(n.answer)}
	for _, server := range []*dns.Server{n.udp, n.tcp} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
	}
	return n, nil
}

// listenBoth opens a port of loopback that is free for UDP and TCP alike. The system chooses one
// that is free for one of them, and another program may have it for the other.
func listenBoth() (packets net.PacketConn, streams net.Listener, err error) {
	for range 100 {
		if streams, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if packets, err = net.ListenPacket("udp", streams.Addr().String()); err == nil {
			return packets, streams, nil
		}
		streams.Close()
	}
	return nil, nil, err
}

// Shutdown stops answering.
func (n *nameserver) Shutdown() {
	n.udp.Shutdown()
	n.tcp.Shutdown()
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
	if _, overUDP := w.RemoteAddr().(*net.UDPAddr); overUDP {
		answer.Truncate(roomFor(question))
	}
	w.WriteMsg(answer)
}

// roomFor returns the octets that the asker takes over UDP (RFC 6891 section 6.2.3).
func roomFor(question *dns.Msg) int {
	if edns := question.IsEdns0(); edns != nil {
		return int(edns.UDPSize())
	}
	return dns.MinMsgSize
}

package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// asking is one question under way.
type asking struct {
	*Client
	ctx  context.Context
	took time.Duration // by servers
}

// exchange asks one server after the other, the one that answered last first, until
// one returns an answer that means something.
func (a *asking) exchange(name string, qtype uint16) (*dns.Msg, error) {
	if len(a.servers) == 0 {
		return nil, a.reason
	}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	question.SetEdns0(udpSize, false)
	first := int(a.good.Load())
	attempts := min(max(2, len(a.servers)), maxAttempts)
	var problems []error
	for attempt := range attempts {
		at := (first + attempt) % len(a.servers)
		m, err := a.askServer(a.servers[at], question)
		switch {
		case err == nil, errors.Is(err, ErrTooLarge):
			a.good.Store(uint32(at))
			return m, err
		case a.ctx.Err() != nil:
			return nil, a.ctx.Err()
		case errors.Is(err, ErrNoTurn):
			return nil, errors.Join(append(problems, err)...)
		}
		problems = append(problems, err)
	}
	a.good.Store(uint32((first + attempts) % len(a.servers))) // of many servers, it may be the turn of the others
	return nil, errors.Join(problems...)
}

// askServer asks over UDP and, when the answer did not fit, over TCP. A server that does not know
// EDNS is asked without it (RFC 6891 section 7).
func (a *asking) askServer(server string, question *dns.Msg) (*dns.Msg, error) {
	m, err := a.send("udp", server, question)
	if err == nil && refusesEDNS(m) {
		question = question.Copy()
		question.Extra = nil
		m, err = a.send("udp", server, question)
	}
	if err == nil && m.Truncated {
		m, err = a.send("tcp", server, question)
	}
	switch {
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrNoTurn): // no fault of the server
		return nil, err
	case err != nil:
	case !isDefinitive(m):
		err = errors.New(failure(m))
	case m.Truncated:
		err = errors.New("answer cut off")
	case isReferral(m):
		err = errors.New("only refers to other servers")
	case contradicts(m):
		err = errors.New("says that the name does not exist (NXDOMAIN), and has records of it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return m, nil
}

func refusesEDNS(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers
}

func isDefinitive(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
}

// isReferral distinguishes an answer without records from the absence of records (RFC 2308 section
// 2.2): a server that does not recurse names the servers of a zone above.
func isReferral(m *dns.Msg) bool {
	of := func(rrtype uint16) func(dns.RR) bool {
		return func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype }
	}
	return m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 &&
		slices.ContainsFunc(m.Ns, of(dns.TypeNS)) && !slices.ContainsFunc(m.Ns, of(dns.TypeSOA))
}

// contradicts reports whether a message says that there is no such name, and has a record of that
// name: of the one at the end of the aliases, for those before it do exist (RFC 6604 section 3). A
// server that says both knows neither.
func contradicts(m *dns.Msg) bool {
	if m.Rcode != dns.RcodeNameError || len(m.Question) != 1 {
		return false
	}
	end := lower(m.Question[0].Name)
	for range maxChain + 1 {
		alias := ""
		for _, rr := range m.Answer {
			if rr.Header().Class != dns.ClassINET || lower(rr.Header().Name) != end {
				continue
			}
			cname, isAlias := rr.(*dns.CNAME)
			if !isAlias || m.Question[0].Qtype == dns.TypeCNAME {
				if _, isProof := rr.(*dns.RRSIG); !isProof { // of the alias
					return true
				}
				continue
			}
			alias = lower(cname.Target)
		}
		if alias == "" {
			return false
		}
		end = alias
	}
	return false // take refuses the chain
}

// send sends one packet, or one question over a connection, when its turn has come. It then
// waits for the answer until the time is up, whatever else arrives: otherwise anyone who
// guesses the port could end the wait with garbage, and turn every answer into none.
func (a *asking) send(network, server string, question *dns.Msg) (*dns.Msg, error) {
	if err := a.turn(); err != nil {
		return nil, err
	}
	start := time.Now()
	a.counts.sent(start)
	defer func() { a.took += time.Since(start) }()
	q := question.Copy()
	q.Id = dns.Id()
	dialer := net.Dialer{Deadline: start.Add(min(a.timeout, maxAttempts*a.timeout-a.took))}
	socket, err := dialer.DialContext(a.ctx, network, server)
	if err != nil {
		return nil, plain(err)
	}
	defer socket.Close()
	defer context.AfterFunc(a.ctx, func() { socket.Close() })()
	socket.SetDeadline(dialer.Deadline)
	conn := &dns.Conn{Conn: socket, UDPSize: udpSize}
	if err := conn.WriteMsg(q); err != nil {
		return nil, plain(err)
	}
	for {
		m, err := read(conn)
		switch {
		case m == nil && !errors.Is(err, dns.ErrShortRead):
			return nil, plain(err)
		case m != nil && answers(m, q):
			return m, err // what cannot be read behind the question is an error
		}
	}
}

// turn waits until one more packet may be sent. That may take any time where there is
// much to ask, and is not held against whoever is asked.
func (a *asking) turn() error {
	err := a.limiter.Wait(a.ctx)
	if err != nil && a.ctx.Err() == nil { // the library sees that the deadline would come first
		return ErrNoTurn
	}
	return err
}

// read returns the next message. One that is too large is given without records, for
// those would take ten to fifty times as much when they are unpacked.
func read(conn *dns.Conn) (*dns.Msg, error) {
	var header dns.Header
	packet, err := conn.ReadMsgHeader(&header)
	if err != nil {
		return nil, err
	}
	tooLarge := len(packet) > maxOctets || header.Ancount > maxRecords+maxChain
	if tooLarge {
		clear(packet[6:12]) // ANCOUNT, NSCOUNT and ARCOUNT (RFC 1035 section 4.1.1)
	}
	m := new(dns.Msg)
	err = m.Unpack(packet)
	if err == nil && tooLarge && isDefinitive(m) {
		err = ErrTooLarge
	}
	return m, err
}

// answers reports whether a message is the answer to a question. A server that reports a failure
// need not repeat the question.
func answers(m, q *dns.Msg) bool {
	if m.Id != q.Id || !m.Response {
		return false
	}
	if len(m.Question) == 0 {
		return !isDefinitive(m)
	}
	to, asked := m.Question[0], q.Question[0]
	return len(m.Question) == 1 && to.Qtype == asked.Qtype && to.Qclass == asked.Qclass && strings.EqualFold(to.Name, asked.Name)
}

// plain words what the net package says at length.
func plain(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func rcodeName(rcode int) string {
	if name, found := dns.RcodeToString[rcode]; found {
		return name
	}
	return fmt.Sprintf("RCODE %d", rcode)
}

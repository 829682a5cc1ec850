// Package resolve asks recursive DNS servers, and tells answers from silence.
//
// To a program that acts on what DNS says, "there is no such record" and "nobody
// told me" are as far apart as yes and no. The first is an Answer without
// records: the name or the type does not exist, and whoever is in charge of the
// zone has said so. The second is an *Error: a time-out, SERVFAIL, REFUSED, a
// garbled packet. It says something about a server, and nothing about the name.
//
// What comes from the network is hostile until shown otherwise. Messages, CNAME
// chains and attempts are bounded; only records of the name asked for, or of the
// chain that starts there, are looked at.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

// Bounds of one question.
const (
	udpSize     = 1232            // octets, which no path fragments (RFC 9715 section 3.1)
	maxChain    = 8               // CNAMEs in a row
	maxAttempts = 3               // packets sent before the question counts as unanswered
	usualTime   = 2 * time.Second // of one attempt
)

// Client asks the DNS servers it was made with. It may be used by many goroutines.
type Client struct {
	servers []string
	timeout time.Duration // of one attempt
	limiter *rate.Limiter
	good    atomic.Uint32 // index of the server to ask first: the one that answered last
}

// Options say whom to ask, and how much.
type Options struct {
	Servers      []string      // host:port; empty: those of /etc/resolv.conf
	Timeout      time.Duration // of one attempt; 0: 2 s
	MaxPerSecond int           // questions, evenly spaced; 0: as many as are asked
}

const systemConfig = "/etc/resolv.conf"

// New makes a client. The error says that the system names no DNS server.
func New(o Options) (*Client, error) {
	c := &Client{servers: o.Servers, timeout: cmp.Or(o.Timeout, usualTime), limiter: rate.NewLimiter(rate.Inf, 1)}
	if o.MaxPerSecond > 0 {
		c.limiter.SetLimit(rate.Limit(o.MaxPerSecond))
	}
	if len(c.servers) > 0 {
		return c, nil
	}
	system, err := dns.ClientConfigFromFile(systemConfig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name the DNS servers in dns.servers", systemConfig, err)
	}
	for _, server := range system.Servers {
		c.servers = append(c.servers, net.JoinHostPort(server, system.Port))
	}
	if len(c.servers) == 0 {
		return nil, fmt.Errorf("%s names no server; name the DNS servers in dns.servers", systemConfig)
	}
	return c, nil
}

// Servers gives the servers that are asked, host:port.
func (c *Client) Servers() []string { return c.servers }

// Answer is a definitive answer to one question.
type Answer struct {
	Chain   []string // the name asked for and the CNAMEs it led through, lower case, without final dots, special octets with a \
	Records []dns.RR // of the type asked for, at the end of the chain; none: it does not exist
	NoName  bool     // NXDOMAIN: at the end of the chain there is nothing of any type
}

// Target gives the name at the end of the chain.
func (a Answer) Target() string { return a.Chain[len(a.Chain)-1] }

// Error is a question that nobody answered. It is not to be taken for an absence.
type Error struct {
	Name, Type string
	Cause      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Name, e.Type, e.Cause) }
func (e *Error) Unwrap() error { return e.Cause }

// Ask asks for the records of a name (no final dot needed) and type. A name that
// DNS cannot hold is answered with NoName: it does not exist. The error is an *Error.
func (c *Client) Ask(ctx context.Context, name string, qtype uint16) (Answer, error) {
	name, valid := canonical(name)
	answer := Answer{Chain: []string{name}}
	for {
		end := answer.Target()
		if !valid || end == "" {
			answer.NoName = true
			return answer, nil
		}
		m, err := c.exchange(ctx, end, qtype)
		if err == nil {
			err = answer.take(m, qtype)
		}
		switch {
		case err != nil:
			return answer, &Error{name, typeName(qtype), err}
		case answer.Target() == end || len(answer.Records) > 0 || answer.NoName:
			return answer, nil
		}
		// The server knew the CNAME and not where it leads: that is asked for itself.
	}
}

// take follows the chain through one message, and picks the records at its end.
func (a *Answer) take(m *dns.Msg, qtype uint16) error {
	for {
		var alias string
		for _, rr := range m.Answer {
			if rr.Header().Class != dns.ClassINET || lower(rr.Header().Name) != a.Target() {
				continue
			}
			switch cname, isAlias := rr.(*dns.CNAME); {
			case rr.Header().Rrtype == qtype:
				a.Records = append(a.Records, rr)
			case isAlias:
				alias = lower(cname.Target)
			}
		}
		if alias == "" || len(a.Records) > 0 {
			a.NoName = m.Rcode == dns.RcodeNameError && len(a.Records) == 0
			return nil
		}
		if a.Chain = append(a.Chain, alias); len(a.Chain) > maxChain+1 {
			return fmt.Errorf("more than %d CNAMEs in a row", maxChain)
		}
	}
}

// exchange asks one server after the other, the one that answered last first, until
// one gives an answer that means something.
func (c *Client) exchange(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	question.SetEdns0(udpSize, false)
	first := int(c.good.Load())
	attempts := min(max(2, len(c.servers)), maxAttempts)
	var problems []error
	for attempt := range attempts {
		at := (first + attempt) % len(c.servers)
		m, err := c.askServer(ctx, c.servers[at], question)
		if err == nil {
			c.good.Store(uint32(at))
			return m, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		problems = append(problems, err)
	}
	c.good.Store(uint32((first + attempts) % len(c.servers))) // of many servers, it may be the turn of the others
	return nil, errors.Join(problems...)
}

// askServer asks over UDP and, when the answer did not fit, over TCP.
func (c *Client) askServer(ctx context.Context, server string, question *dns.Msg) (*dns.Msg, error) {
	m, err := c.send(ctx, "udp", server, question)
	if err == nil && m.Truncated {
		m, err = c.send(ctx, "tcp", server, question)
	}
	switch {
	case err != nil:
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		err = errors.New(rcodeName(m.Rcode))
	case m.Truncated:
		err = errors.New("answer cut off")
	case isReferral(m):
		err = errors.New("knows no more than whom else to ask")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return m, nil
}

// isReferral tells an answer without records from the absence of records (RFC 2308 section
// 2.2): a server that does not recurse names the servers of a zone above.
func isReferral(m *dns.Msg) bool {
	of := func(rrtype uint16) func(dns.RR) bool {
		return func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype }
	}
	return m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 &&
		slices.ContainsFunc(m.Ns, of(dns.TypeNS)) && !slices.ContainsFunc(m.Ns, of(dns.TypeSOA))
}

// send sends one packet, or one question over a connection, when its turn has come. It then
// waits for the answer until the time is up, whatever else arrives: otherwise anyone who
// guesses the port could end the wait with garbage, and turn every answer into none.
func (c *Client) send(ctx context.Context, network, server string, question *dns.Msg) (*dns.Msg, error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	q := question.Copy()
	q.Id = dns.Id()
	dialer := net.Dialer{Deadline: time.Now().Add(c.timeout)}
	socket, err := dialer.DialContext(ctx, network, server)
	if err != nil {
		return nil, plain(err)
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	socket.SetDeadline(dialer.Deadline)
	conn := dns.Conn{Conn: socket, UDPSize: udpSize}
	if err := conn.WriteMsg(q); err != nil {
		return nil, plain(err)
	}
	for {
		m, err := conn.ReadMsg()
		switch {
		case m == nil && !errors.Is(err, dns.ErrShortRead):
			return nil, plain(err)
		case m != nil && answers(m, q):
			return m, err // what cannot be read behind the question is an error
		}
	}
}

// answers tells whether a message is the answer to a question. A server that reports a failure need
// not repeat the question.
func answers(m, q *dns.Msg) bool {
	if m.Id != q.Id || !m.Response {
		return false
	}
	if len(m.Question) == 0 {
		return m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError
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

// canonical gives a name as it comes back in an answer: the DNS library puts a \ before
// octets that mean something in a master file (RFC 1035 section 5.1), such as the @ that
// macros of SPF lead to. A name that DNS cannot hold stays as it is.
func canonical(name string) (_ string, valid bool) {
	wire := make([]byte, 256)
	if _, err := dns.PackDomainName(dns.Fqdn(name), wire, 0, nil, false); err != nil {
		return name, false
	}
	text, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return name, false
	}
	return lower(text), true
}

// lower gives a name of the DNS library's, in lower case and without the final dot.
func lower(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

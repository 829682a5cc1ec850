package resolve

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"

	"onbehalf/disk"
	"onbehalf/remedy"
)

// Bounds of one question.
const (
	udpSize     = 1232            // octets, which no path fragments (RFC 9715 section 3.1)
	maxChain    = 8               // CNAMEs in a row
	maxAttempts = 3               // packets sent before the question counts as unanswered
	usualTime   = 2 * time.Second // of one attempt
	maxOctets   = 16 << 10        // of a message; TXT records beside SPF come to a few thousand
	maxRecords  = 200             // in an answer, without CNAMEs
)

// Client asks the DNS servers it was made with. It may be used by many goroutines.
type Client struct {
	servers []string
	reason  error         // why there are none; nil: there are
	timeout time.Duration // of one attempt
	limiter *rate.Limiter
	counts  *Counts
	good    atomic.Uint32 // index of the server to ask first: the one that answered last
}

// Options say whom to ask, and how much.
type Options struct {
	Servers      []string      // host:port; empty: those of /etc/resolv.conf
	Timeout      time.Duration // of one attempt; 0: 2 s
	MaxPerSecond int           // packets, evenly spaced; 0: as many as are asked
	Counts       *Counts       // where questions are counted; nil: by the client alone
}

// SystemConfig names the servers of the system (resolv.conf(5)).
const SystemConfig = "/etc/resolv.conf"

// maxSystemConfig bounds it, in bytes.
const maxSystemConfig = 1 << 20

// New makes a client. The error says that the system names no DNS server, and why.
func New(o Options) (*Client, error) {
	c := &Client{servers: o.Servers, timeout: cmp.Or(o.Timeout, usualTime), limiter: rate.NewLimiter(rate.Inf, 1), counts: o.Counts}
	if c.counts == nil {
		c.counts = new(Counts)
	}
	if o.MaxPerSecond > 0 {
		c.limiter.SetLimit(rate.Limit(o.MaxPerSecond))
	}
	if len(c.servers) > 0 {
		return c, nil
	}
	text, err := disk.Read(SystemConfig, maxSystemConfig)
	if err != nil {
		cause, _ := remedy.Of(err, "")
		return nil, fmt.Errorf("%s: %s; name the DNS servers in dns.servers", SystemConfig, cause)
	}
	system, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name the DNS servers in dns.servers", SystemConfig, err)
	}
	for _, server := range system.Servers {
		c.servers = append(c.servers, net.JoinHostPort(server, system.Port))
	}
	if len(c.servers) == 0 {
		return nil, fmt.Errorf("%s names no server; name the DNS servers in dns.servers", SystemConfig)
	}
	return c, nil
}

// Without makes a client that has no server to ask, for a reason. No question is answered.
func Without(reason error) *Client {
	return &Client{reason: reason, limiter: rate.NewLimiter(rate.Inf, 1), counts: new(Counts)}
}

// Servers returns the servers that are asked, host:port; none: see Without.
func (c *Client) Servers() []string { return c.servers }

// Answer is a definitive answer to one question.
type Answer struct {
	Chain   []string // the name asked for and the CNAMEs it led through, lower case, without final dots, special octets with a \
	Records []dns.RR // of the type asked for, at the end of the chain; none: it does not exist
	NoName  bool     // NXDOMAIN: at the end of the chain there is nothing of any type

	Code     string    // of the response, as NOERROR or NXDOMAIN; empty: there was none
	Extended []string  // extended errors (RFC 8914) that came with it
	At       time.Time // when it came, to the second

	// Took is how long servers took, also where they gave none. The wait for our turn, where
	// questions are held back for MaxPerSecond, is not in it.
	Took time.Duration
}

// Target returns the name at the end of the chain.
func (a Answer) Target() string { return a.Chain[len(a.Chain)-1] }

// Error is a question that nobody answered. It is not to be taken for an absence.
type Error struct {
	Name, Type string
	Cause      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Name, e.Type, e.Cause) }
func (e *Error) Unwrap() error { return e.Cause }

// Causes of an Error that are not missing answers of servers.
var (
	// ErrTooLarge: there is an answer, and it is larger than any honest one. It is
	// definitive, and the fault of whoever publishes it.
	ErrTooLarge = fmt.Errorf("more than the %d records or %d KiB that are read of one answer", maxRecords, maxOctets>>10)
	// ErrNoTurn: nobody was asked, for other questions come first and the context would end
	// before. It says nothing of anybody.
	ErrNoTurn = errors.New("not asked in time, because too many DNS questions wait already (dns.max_per_second)")
)

// Ask asks for the records of a name (no final dot needed) and type. A name that
// DNS cannot hold is answered with NoName: it does not exist. Servers have time for
// maxAttempts, aliases included; before that, the question waits for its turn until ctx
// ends. The error is an *Error.
func (c *Client) Ask(ctx context.Context, name string, qtype uint16) (Answer, error) {
	a := &asking{Client: c, ctx: ctx}
	answer, err := a.follow(name, qtype)
	c.counts.note(answer, err)
	answer.Took, answer.At = a.took, time.Now().UTC().Truncate(time.Second)
	return answer, err
}

// follow asks for a name and, where a server knows only that it is an alias, for what that
// leads to.
func (a *asking) follow(name string, qtype uint16) (Answer, error) {
	name, valid := canonical(name)
	answer := Answer{Chain: []string{name}}
	for {
		end := answer.Target()
		if !valid || end == "" {
			answer.NoName = true
			return answer, nil
		}
		m, err := a.exchange(end, qtype)
		if err == nil {
			err = answer.take(m, qtype)
		}
		switch {
		case err != nil:
			return answer, &Error{name, typeName(qtype), err}
		case answer.Target() == end || len(answer.Records) > 0 || answer.NoName:
			return answer, nil
		}
	}
}

// take follows the chain through one message, and picks the records at its end.
func (a *Answer) take(m *dns.Msg, qtype uint16) error {
	for {
		var alias string
		owner := a.Target() + "."
		for _, rr := range m.Answer {
			if rr.Header().Class != dns.ClassINET || lower(rr.Header().Name) != a.Target() {
				continue
			}
			switch cname, isAlias := rr.(*dns.CNAME); {
			case rr.Header().Rrtype == qtype:
				a.Records = append(a.Records, compact(rr, owner))
			case isAlias:
				alias = lower(cname.Target)
			}
		}
		if alias == "" || len(a.Records) > 0 {
			a.NoName = m.Rcode == dns.RcodeNameError && len(a.Records) == 0
			a.Code = rcodeName(m.Rcode)
			a.Extended, _ = reasons(m)
			return nil
		}
		if a.Chain = append(a.Chain, alias); len(a.Chain) > maxChain+1 {
			return fmt.Errorf("more than %d CNAMEs in a row", maxChain)
		}
	}
}

// fewStrings is how many strings of a text are kept apart.
const fewStrings = 16

// compact makes a record take little more than its data: the library makes each a copy of
// its owner, and 16 bytes to each string of a text, even to an empty one. Where there are few,
// they say what its publisher took for the parts of the text.
func compact(rr dns.RR, owner string) dns.RR {
	rr.Header().Name, rr.Header().Rdlength = owner, 0
	if txt, ok := rr.(*dns.TXT); ok && len(txt.Txt) > fewStrings {
		txt.Txt = []string{strings.Join(txt.Txt, "")}
	}
	return rr
}

// canonical returns a name as it comes back in an answer: the DNS library puts a \ before
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

// lower returns a name of the DNS library's, in lower case and without the final dot.
func lower(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

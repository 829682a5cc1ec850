package message

import (
	"net/netip"
	"strings"
	"time"
)

// Envelope is what MAIL and RCPT said.
type Envelope struct {
	ReversePath  Path
	ForwardPaths []Path
	SMTPUTF8     bool // RFC 6531: MAIL carried SMTPUTF8
}

// Submitter is who handed us the message.
type Submitter struct {
	Client netip.Addr // zero: unknown
	Login  string     // SASL login name; empty: not authenticated
	Local  bool       // submitted on the host itself, not by SMTP (sendmail, Postfix's own bounces)
}

// Message is all that a decision may rest on.
type Message struct {
	Envelope  Envelope
	Header    Header
	Submitter Submitter
	Host      Domain      // the mail host's own name (Postfix's macro j); zero: unknown
	QueueID   string      // empty: not yet known
	Received  time.Time   // when MAIL came
	Besides   []time.Time // when it may have come, for the host's clock has jumped; mostly none
	Signed    bool        // it bears a signature that we have made for this header a moment ago
}

// Path is a reverse-path or forward-path (RFC 5321 section 4.1.2): the text that
// MAIL or RCPT gave, and the address in it if it could be read. The zero Path is
// the null reverse-path <>.
type Path struct {
	Verbatim string  // without the angle brackets
	Address  Address // zero: null, or not readable
}

// ParsePath reads the argument of MAIL or RCPT, with or without angle brackets.
// It never fails: what it cannot read (an unqualified name, an address literal)
// keeps its Verbatim and has no Address. A source route is ignored, as RFC 5321
// appendix C asks, and so is the final dot of a rooted domain, as Postfix does.
func ParsePath(s string) Path {
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		s = s[1 : len(s)-1]
	}
	spec := s
	if strings.HasPrefix(spec, "@") {
		if _, after, found := strings.Cut(spec, ":"); found {
			spec = after
		}
	}
	address, err := ParseAddress(strings.TrimSuffix(spec, "."))
	if err != nil {
		return Path{Verbatim: s}
	}
	return Path{Verbatim: s, Address: address}
}

// PathOf returns the path that leads to an address.
func PathOf(a Address) Path { return Path{Verbatim: a.String(), Address: a} }

// Null reports whether this is the null reverse-path, which asks for no bounce.
func (p Path) Null() bool { return p.Verbatim == "" }

// Readable reports whether Address holds what the path says.
func (p Path) Readable() bool { return !p.Address.IsZero() }

// Plain reports whether the path is an address and nothing else: it can be read, and
// has no source route.
func (p Path) Plain() bool { return p.Readable() && !strings.HasPrefix(p.Verbatim, "@") }

// String returns the path in angle brackets, as MAIL and RCPT have it.
func (p Path) String() string { return "<" + p.Verbatim + ">" }

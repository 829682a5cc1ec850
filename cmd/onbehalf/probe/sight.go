package probe

import (
	"net/netip"
	"slices"
	"time"

	"onbehalf/cmd/onbehalf/smtp"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Sight is what was seen.
type Sight struct {
	Tenant   string                `json:"tenant"` // id
	NextHop  tenant.NextHop        `json:"next_hop"`
	Domain   message.Domain        `json:"domain"`   // whose postmaster was asked for
	TLS      tenant.TLS            `json:"tls"`      // that holds for the next hop
	Envelope tenant.DirectEnvelope `json:"envelope"` // that mail has
	NotYet   string                `json:"not_yet,omitempty"`
	Bounce   message.Domain        `json:"bounce_domain"`
	Caller   Caller                `json:"caller"`

	Lookup Trouble `json:"lookup,omitzero"` // why there is no address
	Left   int     `json:"left,omitempty"`  // addresses that were not looked at, nor would Postfix
	Hosts  []Host  `json:"hosts"`
}

// Host is what was seen at one address.
type Host struct {
	Address
	Local   netip.Addr `json:"local,omitzero"` // that we came from
	Steps   []Step     `json:"steps"`
	Offers  []string   `json:"offers,omitempty"` // keywords of the reply to EHLO
	Session *Session   `json:"session,omitempty"`
	Levels  []Outcome  `json:"levels,omitempty"` // by Judge
}

// greeted reports whether the server took EHLO or HELO, so that it is known whether it offers TLS.
func (h Host) greeted() bool {
	return slices.ContainsFunc(h.Steps, func(s Step) bool { return s.Stage == Hello && s.OK() })
}

// Address is where to connect to.
type Address struct {
	Name message.Domain `json:"name,omitzero"` // of the host; zero: the next hop is an address
	Addr netip.AddrPort `json:"address"`
}

// String is the name, if there is one, and the address.
func (a Address) String() string {
	if a.Name.IsZero() {
		return a.Addr.String()
	}
	return a.Name.String() + " [" + a.Addr.String() + "]"
}

// Step is one thing that was said, and what became of it.
type Step struct {
	Stage   Stage       `json:"stage"`
	Sender  Sender      `json:"sender,omitempty"` // of Mail and Rcpt
	Reply   *smtp.Reply `json:"-"`                // nil: none came
	Text    string      `json:"reply,omitempty"`  // of Reply, less our address
	Trouble Trouble     `json:"trouble,omitzero"`
}

// OK reports whether the server did what it was asked to.
func (s Step) OK() bool { return s.Trouble.Kind == "" && (s.Reply == nil || s.Reply.OK()) }

// refused reports whether the server answered that there is no use in trying again.
func (s Step) refused() bool { return s.Reply != nil && s.Reply.Code/100 == 5 }

// words returns what came: a reply, or why there is none.
func (s Step) words() string {
	if s.Reply == nil {
		return s.Trouble.Text
	}
	return clip(s.Text)
}

// Stage is how far a conversation is.
type Stage string

const (
	Connect  Stage = "connect"
	Greeting Stage = "greeting"
	Hello    Stage = "EHLO"
	StartTLS Stage = "STARTTLS"
	Mail     Stage = "MAIL"
	Rcpt     Stage = "RCPT"
)

// Sender is which envelope sender was named.
type Sender string

const (
	BounceSender Sender = "bounce"
	AuthorSender Sender = "author"
)

// Session is TLS as it was agreed on, or why it was not.
type Session struct {
	Version     string       `json:"version,omitempty"`
	Certificate *Certificate `json:"certificate,omitempty"` // of the server
	AskedOurs   bool         `json:"asked_ours"`            // the server asked for our certificate
	Trouble     Trouble      `json:"trouble,omitzero"`
	Plain       bool         `json:"plain,omitempty"` // then the rest was said in plain text, as Postfix would
}

// Certificate is what a server, or this host, presents.
type Certificate struct {
	Names    []string  `json:"names"` // of DNS, or the common name where there are none
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
	Faults   []Trouble `json:"faults,omitempty"` // why verify would refuse it
}

// Caller is this host as the server sees it.
type Caller struct {
	Hello         string       `json:"hello"`
	SendingIPs    []netip.Addr `json:"sending_ips"` // of the configuration
	Postfix       bool         `json:"postfix"`     // there is a Postfix that was asked
	SecurityLevel string       `json:"smtp_tls_security_level,omitempty"`
	Certificate   *Certificate `json:"certificate,omitempty"` // nil: none
	Unusable      string       `json:"certificate_unusable,omitempty"`
	TrustedFrom   string       `json:"authorities"` // where they come from; empty: there are none
}

// Trouble is a kind, and a sentence without a full stop.
type Trouble struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

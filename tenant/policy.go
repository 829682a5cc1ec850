package tenant

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/remedy"
)

// The choices of a policy are words of the configuration.
type (
	// Authorization says who decides whether a tenant has authorized us.
	Authorization string
	// UnknownDomain says what becomes of a message from a domain of no tenant.
	UnknownDomain string
	// UnreadableFrom says what becomes of a message whose author cannot be read.
	UnreadableFrom string
	// RewriteFrom says when the From of an unauthorized tenant is rewritten.
	RewriteFrom string
	// UnboundLogins says whether a login that belongs to no tenant may send.
	UnboundLogins string
	// Mode says whether plans are carried out.
	Mode string
)

const (
	Auto         Authorization = "auto" // its DNS
	Authorized   Authorization = "authorized"
	Unauthorized Authorization = "unauthorized"

	UnknownRewrite UnknownDomain = "rewrite"
	UnknownReject  UnknownDomain = "reject"
	UnknownPass    UnknownDomain = "pass"

	UnreadableReject  UnreadableFrom = "reject"
	UnreadableRewrite UnreadableFrom = "rewrite"

	RewriteAlways RewriteFrom = "always"
	RewriteDMARC  RewriteFrom = "dmarc" // only when the domain's DMARC policy asks for it
	RewriteNever  RewriteFrom = "never"

	UnboundAllow  UnboundLogins = "allow"
	UnboundRefuse UnboundLogins = "refuse"

	Enforce Mode = "enforce"
	Shadow  Mode = "shadow" // decide and log, change nothing
)

// Policy is the part of the configuration that a decision rests on. The
// platform's holds for everyone; a tenant's is the platform's with what the
// tenant overrides.
type Policy struct {
	UnknownDomain  UnknownDomain
	UnreadableFrom UnreadableFrom
	RewriteFrom    RewriteFrom
	KeepEnvelope   bool             // row 2 keeps an aligned envelope sender
	AlwaysRewrite  []message.Domain // rewritten whatever RewriteFrom dmarc finds
	UnboundLogins  UnboundLogins    // of the platform alone
	Mode           Mode
}

// Submitters names who may send as a tenant or as the platform. The zero value
// names nobody, which means that anyone trusted may.
type Submitters struct {
	Logins   []string       // as Trust.Login writes them
	Networks []netip.Prefix // masked
}

// IsZero reports whether nobody is named.
func (s Submitters) IsZero() bool { return len(s.Logins) == 0 && len(s.Networks) == 0 }

// Include reports whether the submitter is named, by login or by network.
func (s Submitters) Include(who message.Submitter) bool {
	named := func(login string) bool { return message.EqualFold(login, who.Login) }
	if who.Login != "" && slices.ContainsFunc(s.Logins, named) {
		return true
	}
	return within(s.Networks, who.Client)
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Trust names the clients whose mail is ours to decide about.
type Trust struct {
	Networks      []netip.Prefix // masked
	Authenticated bool           // whoever has logged in
	Realm         string         // of logins that may be written with it or without; empty: none
	// Reinjected: a message that came to this host from a stranger, and that a program of
	// the host hands back, is trusted like the program's own.
	Reinjected bool
}

// Login returns the one form in which a login is compared: SASL servers let people write theirs
// in any case, and with its realm or without.
func (t Trust) Login(login string) string {
	login = message.Folded(login)
	if t.Realm == "" {
		return login
	}
	return strings.TrimSuffix(login, "@"+message.Folded(t.Realm))
}

// Platform is the platform itself.
type Platform struct {
	Name       string
	Domain     message.Domain // SDID of its signatures; with FromDomain, of those of rewritten mail
	Domains    []Pattern      // its own From domains
	From       Template       // local part of the rewritten From's address
	FromDomain message.Domain // its domain: Domain or one below it
	BouncesTo  message.Address
	Bounce     message.Domain // bounce addresses are made there
	SendingIPs []netip.Addr
	SPFInclude message.Domain // what customers include instead of SendingIPs; zero: none
	Identities []Identity     // of Domain and of FromDomain; all live by definition, RSA before Ed25519
	Submitters Submitters
	Trust      Trust
	Policy     Policy
	SRS        SRS
}

// SRS is how bounce addresses are protected.
type SRS struct {
	Secrets []Secret      // the first signs, each verifies
	MaxAge  time.Duration // of an address, in whole days
	// ClassicUntil is when the last day begins on which the addresses of other SRS daemons are
	// accepted too. Zero: they are not.
	ClassicUntil time.Time
	// ClassicHashMin is how many characters of their hash are wanted at least; less than 4: 4.
	ClassicHashMin int
}

// TakesClassic reports whether the addresses of other SRS daemons are accepted.
func (s SRS) TakesClassic(now time.Time) bool {
	return !s.ClassicUntil.IsZero() && now.Before(s.ClassicUntil.AddDate(0, 0, 1))
}

// Owns reports whether the domain is one of the platform's own From domains, the one
// of rewritten Froms included.
func (p *Platform) Owns(d message.Domain) bool {
	return !d.IsZero() && d == p.FromDomain || slices.ContainsFunc(p.Domains, func(own Pattern) bool { return own.Covers(d) })
}

// Signers returns the identities that sign mail with this domain in From, those of it first. A
// DMARC record with adkim=s accepts no other SDID than the domain itself (RFC 9989 section 4.4.1),
// so mail from FromDomain is signed as that. Where its key is not published yet and the record is
// relaxed, one signature of Domain speaks for it; one, because some receivers look at the first
// three only (OpenDKIM's MaximumSignaturesToVerify).
func (p *Platform) Signers(from message.Domain) []Identity {
	if p.FromDomain == p.Domain {
		return p.Identities
	}
	as := func(sdid message.Domain) []Identity {
		return slices.DeleteFunc(slices.Clone(p.Identities), func(id Identity) bool { return id.SDID != sdid })
	}
	own := as(p.Domain)
	if from != p.FromDomain || len(own) == 0 {
		return own
	}
	return append(as(p.FromDomain), own[0])
}

// TakesReplies reports whether reply addresses of ours stand at the domain: where From is made of
// them.
func (p *Platform) TakesReplies(d message.Domain) bool {
	return !d.IsZero() && d == p.FromDomain && p.From.Holds("reply")
}

// OnlyReplies reports whether nothing but reply addresses of ours, and the role
// addresses, stand at the domain: it was given a name of its own.
func (p *Platform) OnlyReplies(d message.Domain) bool {
	return p.TakesReplies(d) && d != p.Domain && !slices.Contains(p.Domains, Pattern{Domain: d})
}

// Trusts reports whether mail of this submitter is decided about. Everyone else's
// passes untouched.
func (p *Platform) Trusts(s message.Submitter) bool {
	return s.Local || s.Login != "" && p.Trust.Authenticated || within(p.Trust.Networks, s.Client)
}

// Secret is a key of a MAC. It never prints. It lies behind a pointer because fmt
// asks no method of what stands in an unexported field of a struct.
type Secret struct{ octets *string }

// NewSecret takes the octets of a secret.
func NewSecret(octets []byte) Secret {
	s := string(octets)
	return Secret{&s}
}

// Octets returns the secret to who computes a MAC.
func (s Secret) Octets() []byte { return []byte(*s.octets) }

// Format hides the secret from every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[secret]") }

// MarshalText hides the secret from JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Template is text with {placeholders}. The zero Template expands to nothing.
type Template struct{ text string }

// ParseTemplate checks that every placeholder is one of those given, without
// braces, and that braces are balanced.
func ParseTemplate(text string, placeholders ...string) (Template, error) {
	if text == "" {
		return Template{}, errors.New("it is empty")
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return Template{}, fmt.Errorf("%q has a } without a {", text)
		}
		if !found {
			return Template{text}, nil
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed {
			return Template{}, fmt.Errorf("%q has a { without a }", text)
		}
		if !slices.Contains(placeholders, name) {
			return Template{}, remedy.New("use {"+strings.Join(placeholders, "}, {")+"}", "{%s} is not known here", name)
		}
		rest = behind
	}
}

// Expand replaces each placeholder with what value returns for its name. What value returns is not
// searched for placeholders again.
func (t Template) Expand(value func(name string) string) string {
	var b strings.Builder
	for rest := t.text; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, behind, _ := strings.Cut(after, "}")
		b.WriteString(value(name))
		rest = behind
	}
}

// DefaultFromName names the author of a rewritten message whose tenant has no
// pattern of its own, or that has no tenant.
func DefaultFromName() Template { return Template{"{name} via {platform}"} }

// Holds reports whether the template has the placeholder.
func (t Template) Holds(placeholder string) bool {
	return strings.Contains(t.text, "{"+placeholder+"}")
}

// String returns what ParseTemplate read.
func (t Template) String() string { return t.text }

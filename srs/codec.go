package srs

import (
	"strings"
	"time"

	"onbehalf/message"
)

// Settings say with what addresses are made, and which ones are accepted.
type Settings struct {
	Secrets [][]byte      // at least one; the first signs, each verifies
	MaxAge  time.Duration // of a bounce address, in whole days
	Classic bool          // addresses that other SRS daemons made with a secret of ours are accepted too
	// ClassicHashMin is the least number of characters of their check code; less than 4: 4.
	ClassicHashMin int
}

// Codec makes and reads the addresses that lead back to someone. It does not change.
//
//	SRS0=<mac>=<tt>=<domain>=<local>        to local@domain
//	SRS1=<mac><tt>=<host>=<rest>            to SRS0<rest>@host, a foreign forwarder
//	bounces+<tenant>=<mac>=<tt>             to the tenant's bounces_to: nothing else fitted
//	reply=<mac>=<tt>=<domain>=<local>       to local@domain, from anyone
//	reply+<tenant>=<mac>=<tt>               to the tenant's bounces_to: no longer made, still read
//
// What Postfix would take for a route in <local> is escaped (see escape.go).
//
// tt is the day modulo 1024 in two base32 characters; the MAC covers which round of 1024 days
// it is of, so that an address is not good again when its tt comes round. mac is 8 characters of
// base32 of HMAC-SHA-256 (RFC 2104) over the purpose and the other parts, each with its length
// before it, so that no two sets of parts read alike, and a bounce address is never a reply
// address. Case is folded: mail systems on the way may do so.
type Codec struct {
	settings Settings
	day      int // since 1970, of UTC
}

// New returns a codec that makes addresses of the day of now and judges the age of others by it.
func New(s Settings, now time.Time) Codec {
	return Codec{s, int(now.Unix() / (24 * 60 * 60))}
}

// What an address is for, as the MAC has it.
const (
	forBounce   = "bounce"
	forForeign  = "srs1"
	forOverflow = "overflow"
	forReply    = "reply"
	forReplies  = "reply overflow"
)

// Bounce returns the bounce address at a domain for an envelope sender. For a sender that cannot
// be wrapped, because it is too long or no address, it returns the tenant's overflow address
// (tenantID may be empty: the platform's), so that the bounce has a place to go. A foreign SRS
// address is shortened to SRS1 instead of nested.
func (c Codec) Bounce(sender message.Path, tenantID string, at message.Domain, smtputf8 bool) message.Address {
	if sender.Readable() {
		wrapped := message.Address{Local: c.wrap(sender.Address), Domain: at}
		if wrapped.Writable(smtputf8) {
			return wrapped
		}
	}
	return c.Overflow(tenantID, at)
}

// Overflow returns the address that leads to the tenant's bounces_to; of an empty id, to the
// platform's. Nothing in it is a sender's.
func (c Codec) Overflow(tenantID string, at message.Domain) message.Address {
	tt := stamp(c.day)
	local := "bounces+" + tenantID + "=" + c.mac(inRound(forOverflow, c.day), tt, tenantID) + "=" + tt
	return message.Address{Local: local, Domain: at}
}

// BounceAt is Bounce for a sender that may be a bounce address of ours already, or what another
// forwarder has made of one (SRS1): one at the domain stays as it is, and another is made for
// the same mailbox. Ours reports whether bounce addresses of ours stand at a domain.
func (c Codec) BounceAt(sender message.Path, tenantID string, at message.Domain, smtputf8 bool, ours func(message.Domain) bool) message.Address {
	if host, rest, ok := foreign(sender.Address); ok { // which may have rewritten an address of ours
		first := message.ParsePath("SRS0" + rest + "@" + host).Address
		if ours(first.Domain) {
			decoded, _ := c.Decode(first)
			sender = message.PathOf(decoded.Address)
		}
	}
	if ours(sender.Address.Domain) {
		decoded, err := c.Decode(sender.Address)
		if err == nil && sender.Address.Domain == at {
			return sender.Address
		}
		sender = message.PathOf(decoded.Address) // none, when it cannot be decoded
	}
	return c.Bounce(sender, tenantID, at, smtputf8)
}

func (c Codec) wrap(a message.Address) string {
	if host, rest, ok := foreign(a); ok {
		tt := stamp(c.day)
		purpose, rest := escape(forForeign, rest)
		return "SRS1=" + c.mac(inRound(purpose, c.day), tt, host, rest) + tt + "=" + host + "=" + rest
	}
	return "SRS0=" + c.stamped(forBounce, a)
}

// stamped returns <mac>=<tt>=<domain>=<local>.
func (c Codec) stamped(purpose string, a message.Address) string {
	tt, domain := stamp(c.day), a.Domain.String()
	purpose, local := escape(purpose, a.Local)
	return c.mac(inRound(purpose, c.day), tt, domain, local) + "=" + tt + "=" + domain + "=" + local
}

// Reply returns the local part of a reply address that leads to the author; empty where
// none fits: what a person answers must not end in an operator's mailbox.
func (c Codec) Reply(author message.Address) string {
	local := "reply=" + c.stamped(forReply, author)
	if author.IsZero() || !author.IsASCII() || len(message.QuoteLocal(local)) > message.MaxWrittenLocal {
		return ""
	}
	return local
}

// LooksLikeReply reports whether a local part has the form of a reply address, in which people's
// mailboxes do not come.
func LooksLikeReply(local string) bool {
	local = strings.ToLower(local)
	return strings.HasPrefix(local, "reply=") || strings.HasPrefix(local, "reply+") && strings.Count(local, "=") == 2
}

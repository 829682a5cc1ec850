package rewrite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Codec makes and reads the addresses that lead back to someone: bounce addresses
// of the Sender Rewriting Scheme (SRS), and reply addresses.
//
//	SRS0=<mac>=<tt>=<domain>=<local>        to local@domain
//	SRS1=<mac><tt>=<host>=<rest>            to SRS0<rest>@host, a foreign forwarder
//	bounces+<tenant>=<mac>=<tt>             to the tenant's bounces_to: nothing else fitted
//	reply=<mac>=<tt>=<domain>=<local>       to local@domain, from anyone
//	reply+<tenant>=<mac>=<tt>               to the tenant's bounces_to: made no more, and still read
//
// What Postfix would take for a route in <local> is escaped (see escape.go).
//
// tt is the day modulo 1024 in two base32 characters; the MAC covers which round of 1024 days
// it is of, so that an address is not good again when its tt comes round. mac is 8 characters of
// base32 of HMAC-SHA-256 over the purpose and the other parts, each with its
// length before it, so that no two sets of parts read alike, and a bounce address
// is never a reply address. Case is folded: mail systems on the way may do so.
type Codec struct {
	srs     tenant.SRS
	day     int
	classic bool // other daemons' addresses are read too
}

// NewCodec gives a codec that makes addresses of the day of now and judges the age
// of others by it.
func NewCodec(srs tenant.SRS, now time.Time) Codec {
	return Codec{srs, int(now.Unix() / (24 * 60 * 60)), srs.TakesClassic(now)}
}

// What an address is for, as the MAC has it.
const (
	forBounce   = "bounce"
	forForeign  = "srs1"
	forOverflow = "overflow"
	forReply    = "reply"
	forReplies  = "reply overflow"
)

const (
	maxLocal   = 64  // RFC 5321 section 4.5.3.1.1, octets
	maxAddress = 254 // RFC 5321 section 4.5.3.1.3, without the brackets
	macLength  = 8
)

// writable tells whether an address may stand in a reverse-path: Postfix checks
// nothing of what a milter gives it.
func writable(a message.Address, smtputf8 bool) bool {
	return !a.IsZero() && len(message.QuoteLocal(a.Local)) <= maxLocal && len(a.String()) <= maxAddress &&
		(smtputf8 || a.IsASCII())
}

// Bounce gives the bounce address for an envelope sender. A sender that cannot be
// wrapped, for its length or because it is no address, gives the tenant's overflow
// address (tenantID may be empty: the platform's), so that the bounce has a place
// to go. A foreign SRS address is shortened to SRS1 instead of nested.
func (c Codec) Bounce(sender message.Path, tenantID string, at message.Domain, smtputf8 bool) message.Address {
	if sender.Readable() {
		wrapped := message.Address{Local: c.wrap(sender.Address), Domain: at}
		if writable(wrapped, smtputf8) {
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
// the same mailbox.
func (c Codec) BounceAt(sender message.Path, tenantID string, at message.Domain, smtputf8 bool, s *tenant.Snapshot) message.Address {
	if host, rest, ok := foreign(sender.Address); ok { // which may have rewritten an address of ours
		first := message.ParsePath("SRS0" + rest + "@" + host).Address
		if s.TakesBounces(first.Domain) {
			decoded, _ := c.Decode(first)
			sender = message.PathOf(decoded.Address)
		}
	}
	if s.TakesBounces(sender.Address.Domain) {
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

// foreign takes apart another forwarder's SRS address: the host that knows the
// SRS0 form, and what stands behind "SRS0" there, its separator included.
func foreign(a message.Address) (host, rest string, ok bool) {
	tag, rest := cutTag(a.Local)
	switch tag {
	case "SRS0":
		return a.Domain.String(), rest, strings.Count(rest, "=") >= 3
	case "SRS1":
		parts := strings.SplitN(rest[1:], "=", 3)
		if len(parts) < 3 {
			return "", "", false
		}
		host, err := message.ParseDomain(parts[1])
		return host.String(), parts[2], err == nil && isForeignRest(parts[2])
	}
	return "", "", false
}

// isForeignRest tells whether s can stand behind "SRS0": a separator and more.
func isForeignRest(s string) bool {
	return len(s) >= 2 && strings.ContainsRune("=+-", rune(s[0]))
}

// cutTag takes "SRS0" or "SRS1" from the start; the rest starts with its
// separator, of which three are in use.
func cutTag(local string) (tag, rest string) {
	if len(local) < 6 || !strings.ContainsRune("=+-", rune(local[4])) {
		return "", local
	}
	return strings.ToUpper(local[:4]), local[4:]
}

// Reply returns the local part of a reply address that leads to the author; empty where
// none fits: what a person answers must not end in an operator's mailbox.
func (c Codec) Reply(author message.Address) string {
	local := "reply=" + c.stamped(forReply, author)
	if author.IsZero() || !author.IsASCII() || len(message.QuoteLocal(local)) > maxLocal {
		return ""
	}
	return local
}

// OldReply returns the local part that earlier versions made where none fitted. It shows
// that these are still read; mail that we send never carries it.
func (c Codec) OldReply(tenantID string) string {
	tt := stamp(c.day)
	return "reply+" + tenantID + "=" + c.mac(inRound(forReplies, c.day), tt, tenantID) + "=" + tt
}

// Decoded is where an address of ours leads.
type Decoded struct {
	Address message.Address // zero: to BouncesTo of the tenant
	Tenant  string          // id, where Address is zero; empty: the platform
	Reply   bool            // a reply address
	Classic bool            // made by another SRS daemon: what its check code is worth, see classic.go
}

// Why an address does not lead anywhere.
var (
	ErrNotOurs = errors.New("it does not have the form of a bounce or reply address")
	ErrForged  = errors.New("its check code does not fit: it is mistyped, forged, or made with a secret that is gone")
	ErrExpired = errors.New("it has expired")
)

// Decode reads an address that Bounce or Reply made. It looks at the local part
// only: whether the domain is one of ours is the caller's to know. Errors are the
// Err values above, wrapped where there is more to say.
func (c Codec) Decode(a message.Address) (Decoded, error) {
	local := a.Local
	switch tag, rest := cutTag(local); tag {
	case "SRS0":
		return c.decodeStamped(forBounce, rest[1:])
	case "SRS1":
		return c.decodeForeign(rest[1:])
	}
	head, rest, found := strings.Cut(local, "=")
	kind, id, plus := strings.Cut(strings.ToLower(head), "+")
	switch {
	case !found:
	case kind == "reply" && !plus:
		return c.decodeStamped(forReply, rest)
	case kind == "reply":
		return c.decodeOverflow(forReplies, id, rest)
	case kind == "bounces" && plus:
		return c.decodeOverflow(forOverflow, id, rest)
	}
	return Decoded{}, ErrNotOurs
}

func (c Codec) decodeStamped(purpose, rest string) (Decoded, error) {
	parts := strings.SplitN(rest, "=", 4)
	if len(parts) < 4 {
		return Decoded{}, ErrNotOurs
	}
	domain, err := message.ParseHost(parts[2])
	if err != nil || parts[3] == "" {
		return Decoded{}, ErrNotOurs
	}
	local, classic := parts[3], false
	day := c.dayOf(parts[1])
	switch {
	case c.verify(parts[0], inRound(purpose, day), parts[1], domain.String(), local):
	case c.verify(parts[0], inRound(escaped(purpose), day), parts[1], domain.String(), local):
		local = unescaper.Replace(local)
	case purpose == forBounce && c.verifyClassic(parts[0], parts[1], parts[2], local):
		classic = true
	default:
		return Decoded{}, ErrForged
	}
	if err := c.checkAge(parts[1], purpose); err != nil {
		return Decoded{}, err
	}
	return Decoded{Address: message.Address{Local: local, Domain: domain}, Reply: purpose == forReply, Classic: classic}, nil
}

func (c Codec) decodeForeign(rest string) (Decoded, error) {
	parts := strings.SplitN(rest, "=", 3)
	if len(parts) < 3 {
		return Decoded{}, ErrNotOurs
	}
	host, err := message.ParseDomain(parts[1])
	if err != nil || !isForeignRest(parts[2]) {
		return Decoded{}, ErrNotOurs
	}
	tail := parts[2]
	if c.verifyClassic(parts[0], parts[1], tail) {
		return Decoded{Address: message.Address{Local: "SRS0" + tail, Domain: host}, Classic: true}, nil
	}
	if len(parts[0]) != macLength+2 {
		return Decoded{}, ErrForged
	}
	mac, tt := parts[0][:macLength], parts[0][macLength:]
	day := c.dayOf(tt)
	switch {
	case c.verify(mac, inRound(forForeign, day), tt, host.String(), tail):
	case c.verify(mac, inRound(escaped(forForeign), day), tt, host.String(), tail):
		tail = unescaper.Replace(tail)
	default:
		return Decoded{}, ErrForged
	}
	if err := c.checkAge(tt, forForeign); err != nil {
		return Decoded{}, err
	}
	return Decoded{Address: message.Address{Local: "SRS0" + tail, Domain: host}}, nil
}

func (c Codec) decodeOverflow(purpose, id, rest string) (Decoded, error) {
	mac, tt, found := strings.Cut(rest, "=")
	if !found {
		return Decoded{}, ErrNotOurs
	}
	if !c.verify(mac, inRound(purpose, c.dayOf(tt)), tt, id) {
		return Decoded{}, ErrForged
	}
	if err := c.checkAge(tt, purpose); err != nil {
		return Decoded{}, err
	}
	return Decoded{Tenant: id, Reply: purpose == forReplies}, nil
}

// base32 of RFC 4648 section 6. Five octets are eight characters without padding.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (c Codec) mac(parts ...string) string { return macWith(c.srs.Secrets[0], parts) }

func macWith(secret tenant.Secret, parts []string) string {
	h := hmac.New(sha256.New, secret.Octets())
	for _, part := range parts {
		part = strings.ToLower(part)
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return base32Lower.EncodeToString(h.Sum(nil)[:macLength*5/8])
}

// verify tries every secret, in the same time whether or not one fits.
func (c Codec) verify(mac string, parts ...string) bool {
	mac = strings.ToLower(mac)
	fits := 0
	for _, secret := range c.srs.Secrets {
		fits |= subtle.ConstantTimeCompare([]byte(mac), []byte(macWith(secret, parts)))
	}
	return fits == 1
}

const stampLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// stampCycle is the number of days after which stamps repeat.
const stampCycle = 1024

func stamp(day int) string {
	day = (day%stampCycle + stampCycle) % stampCycle // days before 1970 are negative
	return string([]byte{stampLetters[day>>5], stampLetters[day&31]})
}

// firstRound is the round of 1024 days in which the first addresses were made. Its number is
// not in their MAC.
const firstRound = 20

// inRound is a purpose in the round of a day.
func inRound(purpose string, day int) string {
	if round := day / stampCycle; round > firstRound {
		return purpose + " " + strconv.Itoa(round)
	}
	return purpose
}

// age returns how many days ago a stamp was made; stampCycle-1: tomorrow. Ok is false for what
// is no stamp.
func (c Codec) age(tt string) (days int, ok bool) {
	tt = strings.ToUpper(tt)
	if len(tt) != 2 {
		return 0, false
	}
	high, low := strings.IndexByte(stampLetters, tt[0]), strings.IndexByte(stampLetters, tt[1])
	if high < 0 || low < 0 {
		return 0, false
	}
	return ((c.day-(high<<5|low))%stampCycle + stampCycle) % stampCycle, true
}

// dayOf returns the day of a stamp: the last one that has it, or tomorrow. Of what is no
// stamp, any.
func (c Codec) dayOf(tt string) int {
	age, _ := c.age(tt)
	if age == stampCycle-1 {
		return c.day + 1
	}
	return c.day - age
}

// checkAge refuses a stamp that is too old, or of a day yet to come (tomorrow is
// let pass: clocks differ). Reply addresses are good as long as a stamp can tell.
func (c Codec) checkAge(tt, purpose string) error {
	age, ok := c.age(tt)
	if !ok {
		return ErrNotOurs
	}
	most := int(c.srs.MaxAge / (24 * time.Hour))
	if purpose == forReply || purpose == forReplies {
		most = stampCycle - 2
	}
	if age > most && age != stampCycle-1 {
		return fmt.Errorf("%w: it is %d days old, and good for %d", ErrExpired, age, most)
	}
	return nil
}

package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/srs"
	"onbehalf/tenant"
)

// Redirect is a recipient of ours whose mail is forwarded: a bounce to the original sender, a reply
// to the author.
type Redirect struct {
	Recipient string          `json:"recipient"` // as RCPT gave it
	To        message.Address `json:"to"`
	Tenant    string          `json:"tenant,omitempty"` // id; empty: no tenant's
	Kind      Kind            `json:"kind"`
}

// Kind is what sort of address of ours a recipient is.
type Kind string

const (
	KindBounce  Kind = "bounce"  // for bounces, which have the null sender
	KindClassic Kind = "classic" // the same, made by another SRS daemon: for the null sender alone
	KindReply   Kind = "reply"   // for people
	KindRole    Kind = "role"    // postmaster, abuse: for people
)

// Errors that refuse a recipient, besides those of srs.Codec.Decode.
var (
	ErrNoReply = errors.New("it is a reply address at a domain for bounce addresses, or a bounce address at a domain for replies")
	ErrGone    = errors.New("its tenant no longer exists")
	ErrLoop    = errors.New("it leads to a bounce address of ours")
	// ErrClassic: the short check codes of other daemons can be guessed, and what a guess
	// wins must not be a way to anybody's mailbox.
	ErrClassic = errors.New("it was made by an earlier SRS daemon, and takes bounces only, which have the null sender")
	// ErrSpelling: Postfix would deliver by its own reading, and a milter could not take such a
	// recipient back.
	ErrSpelling = errors.New("it is not written as a plain address: local-part@domain, without route, comment or blank")
)

// Ours reports whether mail to an address is ours to route: it is at a domain where only
// addresses of ours exist, or it has the form of a reply address where those stand
// beside the mailboxes of people.
func Ours(to message.Address, s *tenant.Snapshot) bool {
	p := s.Platform()
	return s.TakesBounces(to.Domain) || p.OnlyReplies(to.Domain) || p.TakesReplies(to.Domain) && srs.LooksLikeReply(to.Local)
}

// Route says where mail from an envelope sender to a recipient goes. Ours is false for an
// ordinary recipient, with which we have nothing to do. An error refuses the recipient: it is
// ours to route, and leads nowhere. This is no relay: an address leads to whom its MAC covers,
// and to nobody else. An address is good that is so now, or at one of the times that it may be
// besides.
func Route(sender, to message.Path, s *tenant.Snapshot, now time.Time, besides ...time.Time) (x Redirect, ours bool, err error) {
	if !Ours(to.Address, s) {
		return Redirect{}, false, nil
	}
	if !to.Plain() {
		return Redirect{}, true, ErrSpelling
	}
	decoded, err := decode(to.Address, s, now, besides)
	if err != nil {
		return Redirect{}, true, err
	}
	x, err = mailboxBehind(decoded, s)
	switch {
	case Ours(x.To, s):
		err = ErrLoop
	case decoded.Classic && !sender.Null():
		err = ErrClassic
	}
	x.Recipient, x.Kind = to.Verbatim, kindOf(to.Address, decoded)
	return x, true, err
}

func kindOf(to message.Address, d srs.Decoded) Kind {
	switch {
	case isRole(to.Local):
		return KindRole
	case d.Classic:
		return KindClassic
	case d.Reply:
		return KindReply
	}
	return KindBounce
}

// NewCodec returns the codec of a platform's bounce and reply addresses at an instant.
func NewCodec(of tenant.SRS, now time.Time) srs.Codec { return codecAt(of, now, now) }

// codecAt is a codec for a time that it may be besides. What is due to end by the system's clock
// (accept_classic_until) does so by no other.
func codecAt(of tenant.SRS, at, now time.Time) srs.Codec {
	s := srs.Settings{MaxAge: of.MaxAge, Classic: of.TakesClassic(now), ClassicHashMin: of.ClassicHashMin}
	for _, secret := range of.Secrets {
		s.Secrets = append(s.Secrets, secret.Octets())
	}
	return srs.New(s, at)
}

// decode reads an address that is ours to route. Bounce and reply addresses do not
// work in each other's place; the role addresses lead to the platform.
func decode(to message.Address, s *tenant.Snapshot, now time.Time, besides []time.Time) (srs.Decoded, error) {
	forBounces, forReplies := s.TakesBounces(to.Domain), s.Platform().TakesReplies(to.Domain)
	if isRole(to.Local) {
		return srs.Decoded{}, nil
	}
	decoded, err := NewCodec(s.Platform().SRS, now).Decode(to)
	for _, at := range besides {
		if err != nil {
			if then, bad := codecAt(s.Platform().SRS, at, now).Decode(to); bad == nil {
				decoded, err = then, nil
			}
		}
	}
	switch {
	case err != nil:
		return srs.Decoded{}, err
	case decoded.Reply && !forReplies, !decoded.Reply && !forBounces:
		return srs.Decoded{}, ErrNoReply
	}
	return decoded, nil
}

// mailboxBehind finds the mailbox behind a decoded address: the one that it holds; else the
// tenant's bounces_to; else the platform's.
func mailboxBehind(d srs.Decoded, s *tenant.Snapshot) (Redirect, error) {
	if !d.Address.IsZero() {
		x := Redirect{To: d.Address}
		if owner, _ := s.Owner(d.Address.Domain); owner != nil {
			x.Tenant = owner.ID
		}
		return x, nil
	}
	if d.Tenant == "" {
		return Redirect{To: s.Platform().BouncesTo}, nil
	}
	owner := s.Tenant(d.Tenant)
	switch {
	case owner == nil:
		return Redirect{}, ErrGone
	case owner.BouncesTo.IsZero():
		return Redirect{To: s.Platform().BouncesTo, Tenant: owner.ID}, nil
	}
	return Redirect{To: owner.BouncesTo, Tenant: owner.ID}, nil
}

// isRole reports whether it is a mailbox that every mail domain must have (RFC 5321 section 4.5.1,
// RFC 2142 section 5).
func isRole(local string) bool {
	return strings.EqualFold(local, "postmaster") || strings.EqualFold(local, "abuse")
}

// hopField counts how often a message has been forwarded.
const hopField = "X-Onbehalf-Hop"

// maxHops is after how many rounds a message is refused.
const maxHops = 3

// hops counts the rounds that a message has made through this platform.
func (f *facts) hops() int {
	n := 0
	for _, field := range f.m.Header.All(hopField) {
		if strings.EqualFold(field.Text(), f.platform.Bounce.String()) {
			n++
		}
	}
	return n
}

// readRecipients finds where each recipient is delivered: those of ours are redirected.
// Those that lead nowhere were refused at RCPT. Local mail is redirected when it is
// Postfix's own bounce, to an address as we wrote it. All other stays and comes to our own MX,
// because it cannot be refused here, and Postfix does not take back what it has rewritten: the
// recipient would get it by both ways.
func (f *facts) readRecipients() {
	stays := f.m.Submitter.Local && !f.ownBounce
	f.destinations = make([]message.Domain, len(f.m.Envelope.ForwardPaths))
	for i, to := range f.m.Envelope.ForwardPaths {
		f.destinations[i] = to.Address.Domain
		if x, ours, err := Route(f.m.Envelope.ReversePath, to, f.s, f.m.Received, f.m.Besides...); ours && err == nil && !stays {
			f.redirects = append(f.redirects, x)
			f.destinations[i] = x.To.Domain
		}
	}
}

// forward lets a message that is not ours to decide about pass to the mailbox behind the address.
// The envelope sender cannot stay, for SPF of its domain does not know our host. Nor is an
// address made that leads back to it: who claims a sender would read in his own mailbox
// how to reach it through us, and what cannot be delivered would go to whom he named.
// Bounces of such a message go to the operator instead.
//
// That makes SPF pass for the bounce domain, or for the host's own name when the
// sender is null. A From that aligns with them would be the platform's to the author's
// receiver, whoever wrote it: it is replaced, and the message is not signed. So is one that
// we cannot read, for a receiver may read the platform's in it. A bounce or a vacation reply
// has to arrive all the same. What is no such thing, and passes for the platform's own, is
// refused.
func (f *facts) forward(redirects []Redirect) Plan {
	claimed := f.claimed(dmarc.Listed(f.platform.Bounce))
	if claimed && !f.isNotification() {
		return Plan{
			Row: RowReturn, Action: Refuse, Tenant: redirects[0].Tenant,
			Reason: "only the platform itself may send from its domains",
			Detail: "From names " + dmarc.Listed(f.platform.Bounce).String(),
		}
	}
	p := Plan{
		Row: RowReturn, Action: Forward,
		Reason:      "a bounce or reply is forwarded to the mailbox behind its address",
		Tenant:      redirects[0].Tenant,
		ReversePath: f.replaceSender(f.toOperator),
		Redirects:   redirects,
	}
	switch {
	case claimed, f.claimed(dmarc.Listed(f.m.Host)):
		p.Detail = "From names a domain of the platform or of this host, and is replaced"
	case !f.isReadable():
		p.Detail = "From cannot be read one way only, and is replaced"
	}
	if p.Detail != "" {
		f.trusted = false // whoever the client is, the author is a stranger
		p.Edits = slices.Concat(f.dropTrail(), f.replaceFrom())
	}
	p.Edits = append(p.Edits, f.hopEdit()...)
	return p
}

// forwardDecided forwards a message that was decided about and signed when it first came to this
// host.
func (f *facts) forwardDecided(redirects []Redirect) Plan {
	return Plan{
		Row: RowReturn, Action: Forward, Reason: "it was decided about when it came to this host, and is forwarded",
		Tenant: redirects[0].Tenant, Redirects: redirects, Edits: f.hopEdit(),
	}
}

// toOperator returns the overflow address of the tenant that all recipients of ours belong
// to, else of the platform.
func (f *facts) toOperator() *message.Address {
	id := f.redirects[0].Tenant
	if slices.ContainsFunc(f.redirects, func(x Redirect) bool { return x.Tenant != id }) {
		id = ""
	}
	address := NewCodec(f.platform.SRS, f.m.Received).Overflow(id, f.platform.Bounce)
	return &address
}

// isNotification reports whether a program wrote the message to report on another one:
// by the null sender (RFC 5321 section 4.5.5), Auto-Submitted (RFC 3834) or its type
// (RFC 6522).
func (f *facts) isNotification() bool {
	automatic := func(field message.Field) bool {
		word, _, _ := strings.Cut(field.Text(), ";")
		word, _, _ = strings.Cut(word, "(")
		word = strings.TrimSpace(word)
		return word != "" && !strings.EqualFold(word, "no")
	}
	kind, _ := f.m.Header.Get("Content-Type")
	return f.m.Envelope.ReversePath.Null() || slices.ContainsFunc(f.m.Header.All("Auto-Submitted"), automatic) ||
		strings.HasPrefix(strings.ToLower(kind.Text()), "multipart/report")
}

// isReadable reports whether there is one From, with an address that can be read.
func (f *facts) isReadable() bool {
	if len(f.fields) != 1 {
		return false
	}
	_, err := message.ParseFrom(f.fields[0].Value)
	return err == nil
}

// claimed reports whether a receiver may read in From a domain of the organization: in
// what can be read one way only, or anywhere in what cannot.
func (f *facts) claimed(organization message.Domain) bool {
	if organization.IsZero() {
		return false
	}
	if len(f.fields) > maxEdits {
		return true // who knows; it is refused
	}
	within := func(m message.Mailbox) bool { return dmarc.Listed(m.Address.Domain) == organization }
	if len(f.fields) == 0 {
		return slices.ContainsFunc(f.author.Mailboxes, within)
	}
	return slices.ContainsFunc(f.fields, func(field message.Field) bool {
		author, err := message.ParseFrom(field.Value)
		return slices.ContainsFunc(author.Mailboxes, within) || (err != nil || author.Repaired) && mayName(field, organization)
	})
}

// mayName reports whether some receiver may find the domain in a field that we cannot read.
func mayName(field message.Field, d message.Domain) bool {
	text := field.Text()
	return d.MayName(text) || d.MayName(stripCFWS(text)) || d.MayName(stripCFWS(message.Mapped(text)))
}

// stripCFWS is text without what RFC 5322 lets stand inside an address and
// mean nothing: comments, blanks, quotes and backslashes.
func stripCFWS(text string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '(':
			depth++
			return -1
		case r == ')':
			depth = max(depth-1, 0)
			return -1
		case depth > 0, strings.ContainsRune(" \t\"\\", r):
			return -1
		}
		return r
	}, text)
}

func (f *facts) hopEdit() []Edit {
	return []Edit{{Op: Add, Name: hopField, Value: " " + f.platform.Bounce.String()}}
}

// withRedirects adds redirected recipients to the plan of a message that
// is decided about like any other. Shadow mode forwards too: an address of ours
// that arrives was made when plans were carried out, and has no other place to go. And
// so does a trusted client that only hands on somebody's bounce or reply: its author is
// not the client's to be rewritten or refused.
func (f *facts) withRedirects(p Plan) Plan {
	redirects := f.redirects
	onlyRedirects := len(redirects) == len(f.m.Envelope.ForwardPaths)
	switch {
	case len(redirects) == 0:
		return p
	case f.hops() >= maxHops && (p.Action != Refuse || p.Shadow):
		return Plan{
			Row: RowLoop, Action: Refuse, Tenant: redirects[0].Tenant,
			Reason: "the message goes round in circles",
			Detail: fmt.Sprintf("it has come through here %d times", f.hops()),
		}
	case p.Row == RowDecided:
		return f.forwardDecided(redirects)
	case p.Action == Pass, p.Shadow, onlyRedirects && (p.Row == RowUnknown || p.Row == RowUnreadable):
		return f.forward(redirects)
	case p.Action == Refuse:
		return p
	}
	p.Redirects = redirects
	p.Edits = append(p.Edits, f.hopEdit()...)
	return p
}

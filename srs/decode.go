package srs

import (
	"errors"
	"strings"

	"onbehalf/message"
)

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
	ErrForged  = errors.New("its check code is wrong: it is mistyped, forged, or made with a secret that is no longer in use")
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
	head, rest, _ := strings.Cut(local, "=")
	kind, id, plus := strings.Cut(strings.ToLower(head), "+")
	switch {
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
	host, err := message.ParseHost(parts[1])
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

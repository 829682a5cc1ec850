package srs

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"onbehalf/message"
)

// The classic form is what other SRS daemons (libsrs2, postsrsd) make:
//
//	SRS0=<hash>=<tt>=<domain>=<local>     SRS1=<hash>=<host>=<rest>
//
// hash is the start, usually four characters (ClassicHashMin is how many we want), of
// base64 of HMAC-SHA-1 over the other parts, lower-cased and joined without a border; tt is
// as ours. Behind "SRS0" and "SRS1" may stand =, - or +. A platform that comes from such a
// daemon adds its secret to its own and accepts the form for as long as old bounces may come.

const (
	minClassic = 4  // characters of hash that other daemons make, and accept, by default
	maxClassic = 27 // base64 of a SHA-1, without the padding
)

// ClassicBounce returns the bounce address that another SRS daemon with our first
// secret would make. It shows that the two understand each other; mail that we send
// never carries it.
func (c Codec) ClassicBounce(sender message.Address, at message.Domain) message.Address {
	tt := stamp(c.day)
	hash := classicHash(c.settings.Secrets[0], tt, sender.Domain.String(), sender.Local)[:c.classicHashMin()]
	return message.Address{Local: "SRS0=" + hash + "=" + tt + "=" + sender.Domain.String() + "=" + sender.Local, Domain: at}
}

func classicHash(secret []byte, parts ...string) string {
	h := hmac.New(sha1.New, secret)
	for _, part := range parts {
		h.Write([]byte(strings.ToLower(part)))
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (c Codec) classicHashMin() int { return max(minClassic, c.settings.ClassicHashMin) }

// verifyClassic compares without regard to case: so do the daemons, for mail systems
// may have folded it.
func (c Codec) verifyClassic(hash string, parts ...string) bool {
	if !c.settings.Classic || len(hash) < c.classicHashMin() || len(hash) > maxClassic {
		return false
	}
	fits := 0
	for _, secret := range c.settings.Secrets {
		wanted := classicHash(secret, parts...)[:len(hash)]
		fits |= subtle.ConstantTimeCompare([]byte(strings.ToLower(hash)), []byte(strings.ToLower(wanted)))
	}
	return fits == 1
}

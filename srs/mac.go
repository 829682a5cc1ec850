package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

const macLength = 8 // characters

// base32 of RFC 4648 section 6. Five octets are eight characters without padding.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (c Codec) mac(parts ...string) string { return macWith(c.settings.Secrets[0], parts) }

func macWith(secret []byte, parts []string) string {
	h := hmac.New(sha256.New, secret)
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
	for _, secret := range c.settings.Secrets {
		fits |= subtle.ConstantTimeCompare([]byte(mac), []byte(macWith(secret, parts)))
	}
	return fits == 1
}

package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is a mailbox without a display name: a local part and a domain. The
// zero Address is none; as a reverse-path it is the null one.
//
// Local is the meaning of the local part, not its spelling: without quotes and
// backslashes. Its case is kept, because only the owner of the domain may fold
// it (RFC 5321 section 2.4). It holds no control character, but may hold any other,
// UTF-8 included (RFC 6531).
type Address struct {
	Local  string
	Domain Domain
}

// maxLocal bounds what we read, in octets as String spells it. RFC 5321 section
// 4.5.3.1.1 has 64 octets, which mailing systems exceed; what we write ourselves keeps to 64.
const maxLocal = 512

// MaxWrittenLocal and maxWritten bound what we write, in octets as String spells it: the local
// part (RFC 5321 section 4.5.3.1.1), and the whole (section 4.5.3.1.3, a path without its angle
// brackets).
const (
	MaxWrittenLocal = 64
	maxWritten      = 254
)

// ParseAddress reads local-part@domain (RFC 5321 section 4.1.2, Mailbox), the
// local part bare or as a quoted-string. Dots may stand where a dot-atom has
// none ("a..b", "a."): such addresses exist. An address literal ([192.0.2.1]) is
// an error, because no DNS name stands for it.
func ParseAddress(s string) (Address, error) {
	local, rest, err := cutLocal(s)
	if err != nil {
		return Address{}, err
	}
	if !strings.HasPrefix(rest, "@") {
		return Address{}, fmt.Errorf("%q is not an address: no @ after the local part", clip(s))
	}
	domain, err := ParseHost(rest[1:])
	if err != nil {
		return Address{}, err
	}
	return Address{local, domain}, nil
}

// cutLocal takes a local part from the start of s.
func cutLocal(s string) (local, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		local, rest, err = cutQuoted(s)
	} else {
		end := strings.IndexFunc(s, endsAtom)
		if end < 0 {
			end = len(s)
		}
		local, rest = s[:end], s[end:]
	}
	switch {
	case err != nil:
		return "", "", err
	case local == "":
		return "", "", fmt.Errorf("%q is not an address: no local part", clip(s))
	case len(QuoteLocal(local)) > maxLocal:
		return "", "", fmt.Errorf("local part is longer than %d bytes", maxLocal)
	case !utf8.ValidString(local):
		return "", "", errors.New("local part is neither ASCII nor UTF-8")
	case strings.IndexFunc(local, unicode.IsControl) >= 0:
		return "", "", errors.New("local part holds a control character")
	}
	return local, rest, nil
}

// cutQuoted takes a quoted-string (RFC 5322 section 3.2.4) from the start of s and
// returns its meaning.
func cutQuoted(s string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
			if i == len(s) {
				return "", "", errors.New("quoted string is not closed")
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("quoted string is not closed")
}

// endsAtom reports whether a character can be no part of an atom, or of several with dots between:
// it is neither a dot nor atext of RFC 5322 section 3.2.3, widened by RFC 6532 section 3.2. An octet
// that is not UTF-8 arrives here as utf8.RuneError and ends none: raw Latin-1 in a display name is
// read, in an address cutLocal refuses it.
func endsAtom(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(specials+`"(`, r)
}

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a == Address{} }

// IsASCII reports whether the local part can travel without SMTPUTF8.
func (a Address) IsASCII() bool { return isASCII(a.Local) }

// Writable reports whether the address may stand in a reverse-path that we write: Postfix checks
// nothing of what a milter sends.
func (a Address) Writable(smtputf8 bool) bool {
	return !a.IsZero() && len(QuoteLocal(a.Local)) <= MaxWrittenLocal && len(a.String()) <= maxWritten &&
		(smtputf8 || a.IsASCII())
}

// String returns the address as RFC 5321 has it, quoted where it must be; empty
// for the zero Address.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return QuoteLocal(a.Local) + "@" + a.Domain.String()
}

// QuoteLocal returns the spelling of a local part: as it is when it is a dot-string
// (RFC 5321 section 4.1.2), else as a quoted-string.
func QuoteLocal(local string) string {
	if isDotAtom(local) {
		return local
	}
	return quote(local)
}

func isDotAtom(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return strings.IndexFunc(s, endsAtom) < 0
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// MarshalText is String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseAddress; the empty text is the zero Address.
func (a *Address) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	*a, err = ParseAddress(string(text))
	return err
}

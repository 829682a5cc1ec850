package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"onbehalf/remedy"
)

// Domain is a domain name in its one canonical form: lower-case A-labels without
// a final dot (RFC 5890 section 2.3.2.1). Only ParseDomain and ParseHost make one, so
// two Domains are the same name exactly when they are ==. The zero Domain is none.
type Domain struct{ name string }

// toASCII and its inverse follow UTS 46 without the transitional mappings, so
// that ß and the other deviation characters stay themselves, as RFC 5891 has it.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(false), // names like r3---sn.example exist
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
)

// ParseDomain reads a domain name given as A-labels or U-labels, in any case.
// A U-label must be written as it is printed (NFC, no full-width letters or dots,
// no Kelvin sign for a K): a form that only some receivers map to the same name
// is a *remedy.Error with the usual one.
func ParseDomain(s string) (Domain, error) {
	if s == "" {
		return Domain{}, errors.New("domain is empty")
	}
	lower := strings.ToLower(s)
	if isASCII(s) && plainLDH(lower) {
		return Domain{lower}, nil
	}
	if len(s) > maxSpelling || !utf8.ValidString(s) { // idna lets pass what is not UTF-8
		return Domain{}, fmt.Errorf("%q is not a domain name", clip(s))
	}
	ascii, err := toASCII.ToASCII(s)
	if err != nil || !lowerLDH(ascii) {
		return Domain{}, fmt.Errorf("%q is not a domain name", clip(s))
	}
	d := Domain{ascii}
	u := d.Unicode()
	if strings.HasPrefix(u, "xn--") || strings.Contains(u, ".xn--") { // an A-label of what looks like one
		return Domain{}, fmt.Errorf("%q is not a domain name", clip(s))
	}
	if lower != ascii && lower != strings.ToLower(u) || !norm.NFC.IsNormalString(s) {
		return Domain{}, remedy.New(fmt.Sprintf("write %q", u), "%q is not the usual spelling of a domain name", clip(s))
	}
	return d, nil
}

// ParseHost reads the name of a host, or the domain of an address, as ParseDomain does,
// underscores allowed: no host may be called so (RFC 1123 section 2.1), but hosts are, and
// DNS carries them. A label that holds one is ASCII.
func ParseHost(s string) (Domain, error) {
	if !strings.Contains(s, "_") {
		return ParseDomain(s)
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if strings.Contains(label, "_") && (!isASCII(label) || len(label) > 3 && strings.EqualFold(label[:4], "xn--")) {
			return Domain{}, fmt.Errorf("%q is not a domain name", clip(s))
		}
	}
	plain, err := ParseDomain(strings.ReplaceAll(s, "_", "x")) // as long, and as plain
	if err != nil {
		return Domain{}, fmt.Errorf("%q is not a domain name", clip(s))
	}
	read := strings.Split(plain.name, ".")
	for i, label := range labels {
		if strings.Contains(label, "_") {
			read[i] = strings.ToLower(label)
		}
	}
	return Domain{strings.Join(read, ".")}, nil
}

// maxSpelling bounds a name before IDNA looks at it, in octets: no character takes
// more than four in UTF-8, nor less than one in an A-label. Punycode is quadratic.
const maxSpelling = 4 * 253

// plainLDH is lowerLDH for names with no label that claims to be an A-label. Those need the whole
// of IDNA; the rest do not.
func plainLDH(s string) bool {
	return lowerLDH(s) && !strings.HasPrefix(s, "xn--") && !strings.Contains(s, ".xn--")
}

// IsLDH reports whether s is letters, digits and hyphens in labels of 1 to 63 octets, 253 in all
// (RFC 1035 section 2.3.1, RFC 1123 section 2.1), in any case. It may hold A-labels.
func IsLDH(s string) bool { return isASCII(s) && lowerLDH(strings.ToLower(s)) }

func lowerLDH(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !(c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z') {
				return false
			}
		}
	}
	return true
}

// String returns the A-label form, for machines.
func (d Domain) String() string { return d.name }

// Unicode returns the U-label form, for people.
func (d Domain) Unicode() string {
	u, _ := idna.Punycode.ToUnicode(d.name) // what is no A-label stays as it is
	return u
}

// IsZero reports whether there is no domain.
func (d Domain) IsZero() bool { return d.name == "" }

// IsNumeric reports whether the last label is all digits, as no top-level domain is: a mistyped
// IPv4 address.
func (d Domain) IsNumeric() bool {
	return strings.Trim(d.name[strings.LastIndexByte(d.name, '.')+1:], "0123456789") == ""
}

// Within reports whether d is the other domain or lies below it.
func (d Domain) Within(other Domain) bool {
	return d == other || d.Below(other)
}

// Below reports whether d is a proper subdomain of the other.
func (d Domain) Below(other Domain) bool {
	return other.name != "" && strings.HasSuffix(d.name, "."+other.name)
}

// Parent returns the domain without its first label; zero for a single label.
func (d Domain) Parent() Domain {
	_, parent, _ := strings.Cut(d.name, ".")
	return Domain{parent}
}

// MarshalText returns the A-label form.
func (d Domain) MarshalText() ([]byte, error) { return []byte(d.name), nil }

// UnmarshalText is ParseHost; the empty text is the zero Domain.
func (d *Domain) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = Domain{}
		return nil
	}
	*d, err = ParseHost(string(text))
	return err
}

// clip shortens text of unknown origin for an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

package message

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// Name is a name in DNS that need not be a domain of hosts or mail: its labels may
// begin with an underscore, which keeps records apart from what people call their
// machines (RFC 8552). Otherwise it is as a Domain is: lower-case A-labels without a
// final dot. Only ParseName makes one. The zero Name is none.
type Name struct{ name string }

// ParseName reads a name as ParseDomain does, underscores allowed: "_spf.example.org".
// What follows an underscore is ASCII.
func ParseName(s string) (Name, error) {
	if !strings.Contains(s, "_") {
		if s == "" {
			return Name{}, errors.New("name is empty")
		}
		d, err := ParseDomain(s)
		return Name(d), err
	}
	labels := strings.Split(s, ".")
	for i, label := range labels {
		bare, marked := strings.CutPrefix(label, "_")
		if marked && !plainLDH(strings.ToLower(bare)) {
			return Name{}, notName(s)
		}
		labels[i] = bare
	}
	d, err := ParseDomain(strings.Join(labels, "."))
	if err != nil {
		return Name{}, notName(s)
	}
	name := mark(d.name, s)
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > 63 || len(name) > 253 {
			return Name{}, notName(s)
		}
	}
	return Name{name}, nil
}

func notName(s string) error { return fmt.Errorf("%q is not a name in DNS", clip(s)) }

// mark puts the underscores of the spelling before the labels of the domain that was
// read from it.
func mark(domain, spelling string) string {
	labels := strings.Split(domain, ".")
	for i, label := range strings.Split(spelling, ".") {
		if strings.HasPrefix(label, "_") {
			labels[i] = "_" + labels[i]
		}
	}
	return strings.Join(labels, ".")
}

// String returns the A-label form, for machines.
func (n Name) String() string { return n.name }

// Unicode returns the U-label form, for people.
func (n Name) Unicode() string {
	u, err := idna.Punycode.ToUnicode(n.name)
	if err != nil {
		return n.name
	}
	return u
}

// IsZero reports whether there is no name.
func (n Name) IsZero() bool { return n.name == "" }

// Within reports whether n is the domain's name or lies below it.
func (n Name) Within(d Domain) bool { return n.name == d.name || Domain(n).Below(d) }

// MarshalText returns the A-label form.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.name), nil }

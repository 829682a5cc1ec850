package dmarc

import (
	"strings"

	"onbehalf/message"
)

// maxWalk bounds the questions of a tree walk (RFC 9989 section 4.10).
const maxWalk = 8

// Published is a record that receivers read, and where it stands.
type Published struct {
	Domain message.Domain // below which _dmarc stands
	Record
	Text string
}

// Walk returns the records that a tree walk from a domain finds, lowest first (RFC 9989 section
// 4.10). At returns the one record of a domain that receivers read there; nil: there is none. Its
// error ends the walk, and is returned.
func Walk(d message.Domain, at func(message.Domain) (*Published, error)) ([]Published, error) {
	var found []Published
	for up := d; !up.IsZero(); up = next(up) {
		one, err := at(up)
		if err != nil {
			return nil, err
		}
		if one == nil {
			continue
		}
		found = append(found, *one)
		if one.Suffix == "n" || one.Suffix == "y" && up != d {
			break
		}
	}
	return found, nil
}

// next returns the domain that a walk asks after this one: its parent, or of a very long
// name the one with maxWalk-1 labels.
func next(d message.Domain) message.Domain {
	d = d.Parent()
	for strings.Count(d.String(), ".") >= maxWalk-1 {
		d = d.Parent()
	}
	return d
}

// Organizational returns the organizational domain of a domain by what a walk from it has found
// (RFC 9989 section 4.10.2).
func Organizational(d message.Domain, walked []Published) message.Domain {
	org := d
	for _, at := range walked {
		switch {
		case at.Suffix == "n":
			return at.Domain
		case at.Suffix == "y" && at.Domain != d:
			return childOf(at.Domain, d)
		}
		org = at.Domain
	}
	return org
}

// childOf returns the domain one label below parent, on the way down to d.
func childOf(parent, d message.Domain) message.Domain {
	for d.Parent() != parent && !d.Parent().IsZero() {
		d = d.Parent()
	}
	return d
}

// Governing returns the record that holds for a domain: its own, else that of its organizational
// domain, else that of the public suffix (RFC 9989 section 4.10.1). False: none does.
func Governing(d message.Domain, walked []Published) (Published, bool) {
	org := Organizational(d, walked)
	for _, holder := range []message.Domain{d, org, org.Parent()} {
		for _, at := range walked {
			if at.Domain == holder && (holder != org.Parent() || at.Suffix == "y") {
				return at, true
			}
		}
	}
	return Published{}, false
}

// AsksOf returns what the record asks for mail from a domain at its place or below. Exists says
// whether there is anything at the domain's name in DNS: np= is for names without.
func (p Published) AsksOf(d message.Domain, exists bool) Asks {
	a := Asks{Policy: p.Policy, StrictDKIM: p.StrictDKIM, StrictSPF: p.StrictSPF}
	switch {
	case p.Domain == d:
	case exists:
		a.Policy = p.Subdomains
	default:
		a.Policy = p.Absent
	}
	return a
}

package message

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Mapped returns text as a program may read it that maps names by UTS 46, whatever its
// version: compatibility forms (full width, long s, the ideographic full stop), case, and
// what is ignored (soft hyphen, joiners, variation selectors) make no difference then. It is
// for looking for a domain in text that we cannot read; a Domain is compared by ==.
//
// It maps more than any one version does (ß to ss, as the transitional mappings have it),
// so both sides of a comparison are to be mapped.
func Mapped(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u3002':
			return '.'
		case isIgnorable(r):
			return -1
		}
		return r
	}, text)
}

// isIgnorable reports whether a character is seen by nobody (Default_Ignorable_Code_Point of
// Unicode, and all other format characters).
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// MayName reports whether a program may find the domain, or one below it, in text, in
// whatever letters either is written.
func (d Domain) MayName(text string) bool {
	text = Mapped(text)
	return strings.Contains(text, d.name) || strings.Contains(text, Mapped(d.Unicode()))
}

// ParseMappedHost is ParseHost for a name that others may map before they compare it with
// ours: what is no usual spelling is mapped first.
func ParseMappedHost(s string) (Domain, error) {
	d, err := ParseHost(s)
	if err != nil && len(s) <= maxSpelling {
		return ParseHost(Mapped(s))
	}
	return d, err
}

// EqualFold reports whether two texts are one but for case, by full case folding: ß is ss. So
// Postfix folds addresses; strings.EqualFold knows folds of one character to one only.
func EqualFold(a, b string) bool { return strings.EqualFold(a, b) || Folded(a) == Folded(b) }

// Folded returns the form that texts have in common which are one but for case.
func Folded(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Fold().String(s)
}

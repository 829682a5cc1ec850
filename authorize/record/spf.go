package record

import (
	"fmt"
	"strings"
)

// SPF is an SPF record: its terms in the order in which a receiver tries them.
type SPF struct{ Terms []Term }

// Term is a mechanism or a modifier (RFC 7208 section 4.6.1).
type Term struct {
	Text      string // as written
	Qualifier byte   // of a mechanism: + - ~ or ?, + when none is written; 0: a modifier
	Name      string // lower case: all include a mx ptr ip4 ip6 exists redirect exp, or that of an unknown modifier
	Value     string // what stands behind : or =, with the /length; of "a/24" it is "/24"
}

// SyntaxError is the first term of a record that the grammar does not allow.
type SyntaxError struct{ Term, Cause string }

func (e *SyntaxError) Error() string { return fmt.Sprintf("%q %s", clip(e.Term), e.Cause) }

const version = "v=spf1"

// IsSPF reports whether receivers take a TXT record for an SPF record, a faulty one
// perhaps: its version section is v=spf1, ended by a space or the end (RFC 7208
// section 4.5).
func IsSPF(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return strings.EqualFold(first, version)
}

// OnlySPF returns those of some texts that IsSPF holds for.
func OnlySPF(texts []string) []string {
	var all []string
	for _, text := range texts {
		if IsSPF(text) {
			all = append(all, text)
		}
	}
	return all
}

// ParseSPF reads a record for which IsSPF holds, by the grammar of RFC 7208 section
// 12. The error is a *SyntaxError, and the SPF then still holds all terms, for people
// to see: a fault in any of them makes receivers take the whole record for none
// (section 4.6), even where they would not have come to that term.
func ParseSPF(text string) (SPF, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
	if !IsSPF(text) {
		return SPF{}, &SyntaxError{strings.Join(words[:min(1, len(words))], ""), "is not " + version + ", with which an SPF record begins"}
	}
	var s SPF
	var first *SyntaxError
	for i, word := range words[1:] {
		t, cause := parseTerm(word)
		if cause == "" {
			cause = s.misplaced(t)
		}
		if cause != "" && strings.HasSuffix(word, ":") && i+2 < len(words) {
			cause += "; there must be no space after the colon"
		}
		s.Terms = append(s.Terms, t)
		if cause != "" && first == nil {
			first = &SyntaxError{word, cause}
		}
	}
	if first != nil {
		return s, first
	}
	return s, nil
}

// misplaced says why a term that is good by itself cannot follow those before it.
func (s SPF) misplaced(t Term) string {
	if t.Name != "redirect" && t.Name != "exp" {
		return ""
	}
	for _, before := range s.Terms {
		if before.Name == t.Name && before.Qualifier == 0 {
			return "appears twice"
		}
	}
	return ""
}

// String returns the record's text, with one space between terms.
func (s SPF) String() string {
	var b strings.Builder
	b.WriteString(version)
	for _, t := range s.Terms {
		b.WriteString(" " + t.Text)
	}
	return b.String()
}

// All returns the record's all mechanism, behind which receivers do not look.
func (s SPF) All() (Term, bool) { return s.first("all") }

// Redirect returns the redirect modifier, which counts where there is no all.
func (s SPF) Redirect() (Term, bool) { return s.first("redirect") }

func (s SPF) first(name string) (Term, bool) {
	for _, t := range s.Terms {
		if t.Name == name && (name == "redirect") == (t.Qualifier == 0) {
			return t, true
		}
	}
	return Term{}, false
}

// LooksUp reports whether the term is one of those of which a receiver follows ten at
// most (RFC 7208 section 4.6.4).
func (t Term) LooksUp() bool {
	switch t.Name {
	case "include", "a", "mx", "ptr", "exists":
		return t.Qualifier != 0
	case "redirect":
		return t.Qualifier == 0
	}
	return false
}

// Domain returns the domain-spec, which may hold macros; empty: the domain that is
// being looked at.
func (t Term) Domain() string {
	switch t.Name {
	case "a", "mx":
		domain, _ := splitLengths(t.Value)
		return domain
	case "include", "ptr", "exists", "redirect", "exp":
		return t.Value
	}
	return ""
}

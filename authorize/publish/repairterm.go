package publish

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"onbehalf/authorize/record"
)

// readTerms reads the first term of some words: as it stands; joined with the words behind it,
// where a space was put into it; or in the way that it was meant, which can be several terms.
func readTerms(rest []string) (taken int, terms []record.Term, fault error) {
	alone := qualifiers(rest)
	if alone == len(rest) {
		_, fault = readTerm(rest[0])
		return alone, nil, fault
	}
	if alone > 0 {
		whole := asTyped(strings.Join(rest[:alone+1], ""))
		taken, terms, fault = readTerms(append([]string{whole}, rest[alone+1:]...))
		return taken + alone, terms, fault
	}
	if terms, ok := beforeAll(rest); ok {
		return 2, terms, nil
	}
	for n := min(3, len(rest)); n > 1; n-- {
		if joined, ok := join(rest[:n]); ok {
			if terms, err := readWord(joined); err == nil {
				return n, terms, nil
			}
		}
	}
	terms, fault = readWord(rest[0])
	return 1, terms, fault
}

// beforeAll reads a term with the qualifier of an all behind it: "mx- all".
func beforeAll(rest []string) ([]record.Term, bool) {
	if len(rest) < 2 || !strings.EqualFold(trimmed(asTyped(rest[1])), "all") {
		return nil, false
	}
	word := asTyped(rest[0])
	stem := strings.TrimRight(word, "+-~?")
	q, _ := cutQualifier(word[len(stem):])
	if stem == "" || q == "" {
		return nil, false
	}
	terms, err := readWord(stem)
	return append(terms, term(q+"all")), err == nil
}

// join puts words together that a space around a colon or = has separated, or that miss one. The
// colons at the end of an IPv6 address wait for nothing.
func join(parts []string) (string, bool) {
	if _, fault := readTerm(parts[0]); fault == nil && strings.HasSuffix(parts[0], "::") {
		return "", false
	}
	joined := asTyped(parts[0])
	for _, part := range parts[1:] {
		part = asTyped(part)
		_, name := cutQualifier(joined)
		switch {
		case strings.HasSuffix(joined, ":"), strings.HasPrefix(part, ":"):
			joined += part
		case (strings.HasSuffix(joined, "=") || strings.HasPrefix(part, "=")) && isModifier.MatchString(joined):
			joined += part
		case slices.Contains([]string{"include", "exists", "ip4", "ip6"}, strings.ToLower(name)) && len(parts) == 2:
			joined += ":" + part
		default:
			return "", false
		}
	}
	return joined, true
}

var isModifier = regexp.MustCompile(`(?i)^(redirect|exp)=?$`)

// qualifiers counts the words that are qualifiers, cut off their term by a space.
func qualifiers(rest []string) int {
	n := 0
	for n < len(rest) && strings.Trim(asTyped(rest[n]), "+-~?") == "" {
		n++
	}
	return n
}

// cutQualifier cuts one off, typed twice perhaps. Different ones are none.
func cutQualifier(text string) (q, rest string) {
	rest = strings.TrimLeft(text, "+-~?")
	q = text[:len(text)-len(rest)]
	if q == "" || strings.Trim(q, q[:1]) != "" {
		return "", text
	}
	return q[:1], rest
}

// longestWord bounds what is read in other ways than as it stands, in bytes.
const longestWord = 1000

// readWord reads one word.
func readWord(word string) ([]record.Term, error) {
	t, fault := readTerm(word)
	if fault == nil {
		return []record.Term{t}, nil
	}
	q, body := cutQualifier(asTyped(word))
	if terms, ok := meant(q + trimmed(body)); ok {
		return terms, nil
	}
	return nil, fault
}

// meant reads a word that is no term as it stands.
func meant(word string) ([]record.Term, bool) {
	if len(word) > longestWord {
		return nil, false
	}
	if t, ok := one(word); ok {
		return []record.Term{t}, true
	}
	if parts := separated(word); len(parts) > 1 {
		return readAll(parts)
	}
	for _, at := range seams(word) {
		if t, ok := one(word[:at]); ok {
			behind, err := readWord(word[at:])
			return append([]record.Term{t}, behind...), err == nil
		}
	}
	return nil, false
}

func readAll(parts []string) (all []record.Term, ok bool) {
	for _, part := range parts {
		terms, err := readWord(part)
		if err != nil {
			return nil, false
		}
		all = append(all, terms...)
	}
	return all, len(all) > 0
}

// one reads a text as one term: as it stands, as an address, or with a value that is written in
// another way.
func one(text string) (record.Term, bool) {
	q, body := cutQualifier(text)
	texts := []string{q + body, q + asAddress(body)}
	if value, ok := asValue(body); ok {
		texts = append(texts, q+value)
	}
	for _, text := range texts {
		if t, err := readTerm(text); err == nil {
			return t, true
		}
	}
	return record.Term{}, false
}

// trimmed takes off what was pasted in with a term.
func trimmed(body string) string {
	bare := strings.Trim(body, "\"'`;,|()<>[]\\")
	if all := strings.TrimRight(bare, "."); strings.EqualFold(all, "all") {
		return all
	}
	return bare
}

// asValue is a mechanism with the value that it can only have: an address is one of ip4 or ip6,
// whatever stands before it, a name is without what makes a URL of it, and the two modifiers
// have = for the colon.
func asValue(text string) (string, bool) {
	name, value, found := strings.Cut(text, ":")
	name, value = strings.ToLower(name), strings.Trim(value, "\"'<>[]")
	if !found {
		return "", false
	}
	switch name {
	case "redirect", "exp":
		return name + "=" + withoutURL(value), true
	case "ip", "ip4", "ip6", "ipv4", "ipv6", "a", "mx", "include":
		if address := asAddress(value); address != value {
			return address, true
		}
	}
	return name + ":" + withoutURL(value), true
}

// asAddress is the term for a text that is an address or a network; for another the text.
func asAddress(text string) string {
	address, _, _ := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return text
	case addr.Is4():
		return "ip4:" + text
	}
	return "ip6:" + text
}

var scheme = regexp.MustCompile(`(?i)^(https?:)?//`)

// withoutURL takes out what a browser puts around a name. A domain-spec can have a slash within
// macros, so that one without a scheme keeps all but the last.
func withoutURL(value string) string {
	if at := scheme.FindString(value); at != "" {
		value, _, _ = strings.Cut(value[len(at):], "/")
	}
	return strings.TrimSuffix(value, "/")
}

// separated takes commas and the like for spaces, but in macros, where they mean something. What
// has no mechanism of its own has that before it.
func separated(text string) []string {
	inMacro := false
	parts := strings.FieldsFunc(text, func(r rune) bool {
		inMacro = r == '{' || inMacro && r != '}'
		return (r == ',' || r == ';' || r == '|') && !inMacro
	})
	q, mechanism := "", ""
	for i, part := range parts {
		own, body := cutQualifier(part)
		name, _, found := strings.Cut(body, ":")
		switch address := asAddress(body); {
		case own == "" && address != body:
			parts[i] = q + address
		case own != "" || found:
			q, mechanism = own, own+name+":"
		case strings.Contains(part, ".") && mechanism != "":
			parts[i] = mechanism + part
		default:
			q, mechanism = "", ""
		}
	}
	return parts
}

// seam is where a term begins that stands directly behind another. Behind a name, a and mx need
// a qualifier: the name could end so.
var seam = regexp.MustCompile(`(?i)[+~?-]all\b|[+~?-]?(include:|exists:|ip[v46]*:|redirect=|exp=)|[+~?-](a|mx|ptr)\b`)

// shortSeam is where a or mx begins behind an address.
var shortSeam = regexp.MustCompile(`(?i)^(ip4:[0-9./]+)((a|mx)(:.*|/.*)?)$`)

// seams are the places where a text can be cut, first one first.
func seams(text string) []int {
	var all []int
	for _, at := range seam.FindAllStringIndex(text, -1) {
		if at[0] > 0 {
			all = append(all, at[0])
		}
	}
	if m := shortSeam.FindStringSubmatchIndex(text); m != nil {
		all = append(all, m[4])
	}
	return all
}

// readTerm reads a text as one term that can be meant.
func readTerm(text string) (record.Term, error) {
	s, err := record.ParseSPF(version + " " + text)
	switch {
	case err != nil:
		return record.Term{}, err
	case len(s.Terms) != 1:
		return record.Term{}, &record.SyntaxError{Term: text, Cause: "is not one term"}
	}
	if cause := s.Terms[0].Unlikely(); cause != "" {
		return record.Term{}, &record.SyntaxError{Term: text, Cause: cause}
	}
	return s.Terms[0], nil
}

package record

import (
	"regexp"
	"slices"
	"strings"
)

// Unlikely says why a term that the grammar allows cannot be meant: receivers take it for
// something else than its publisher does. Empty: it can.
func (t Term) Unlikely() string {
	switch {
	case t.Qualifier == 0 && slices.Contains([]string{"all", "include", "a", "mx", "ptr", "ip", "ip4", "ip6", "exists"}, t.Name):
		return "has = where a colon belongs, so that receivers ignore it; if those hosts may send, write " + t.Name + ":" + t.Value
	case t.Domain() == "":
		return ""
	}
	name := strings.TrimSuffix(macros.ReplaceAllString(t.Domain(), "%"), ".")
	label := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case strings.Trim(strings.ToLower(name), nameCharacters+"%") != "":
		return "has something else than a domain name where that belongs"
	case strings.Contains(label, "-") && !strings.HasPrefix(strings.ToLower(label), "xn--") && !strings.Contains(label, "%"):
		return "names a domain in a top-level domain that cannot exist"
	}
	return ""
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_."

var macros = regexp.MustCompile(`%\{[^}]*\}|%[%_-]`)

// Everyone returns the first term that lets every host on the Internet pass. Receivers do not look
// behind an all.
func (s SPF) Everyone() (Term, bool) {
	for _, t := range s.Terms {
		if t.Everyone() || t.Name == "all" && t.Qualifier != 0 {
			return t, t.Everyone()
		}
	}
	return Term{}, false
}

// Everyone reports whether the term lets every host on the Internet pass, whatever DNS has.
func (t Term) Everyone() bool {
	if t.Qualifier != '+' {
		return false
	}
	switch t.Name {
	case "all":
		return true
	case "ip4", "ip6":
		return strings.HasSuffix(t.Value, "/0")
	case "a", "mx":
		_, lengths := splitLengths(t.Value)
		four, six, _ := strings.Cut(lengths, "//")
		return four == "/0" || six == "0"
	}
	return false
}

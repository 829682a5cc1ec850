package record

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// parseTerm reads one term. cause says what the grammar has against it; the Term
// then holds what could be read.
func parseTerm(text string) (t Term, cause string) {
	t = Term{Text: text}
	if cause := strange(text); cause != "" {
		return t, cause
	}
	end := strings.IndexAny(text, ":/=")
	if end >= 0 && text[end] == '=' {
		t.Name, t.Value = strings.ToLower(text[:end]), text[end+1:]
		return t, modifier(t)
	}
	t.Qualifier = '+'
	if strings.ContainsRune("+-~?", rune(text[0])) {
		t.Qualifier, text = text[0], text[1:]
		end--
	}
	t.Name = strings.ToLower(text)
	colon := false
	if end >= 0 {
		t.Name, t.Value, colon = strings.ToLower(text[:end]), text[end:], text[end] == ':'
		t.Value = strings.TrimPrefix(t.Value, ":")
	}
	return t, mechanism(t, colon)
}

// strange finds characters that no term can have.
func strange(text string) string {
	inMacro := false // where a comma can be a delimiter
	for _, r := range text {
		inMacro = r == '{' || inMacro && r != '}'
		switch {
		case r == ',' && inMacro:
		case r == '\t':
			return "holds a tab; terms are separated by spaces"
		case r == '–' || r == '—' || r == '−' || r == '‑':
			return "holds a dash that is not ASCII; type a plain hyphen"
		case r < '!' || r > '~':
			return fmt.Sprintf("holds %q, which is not printable ASCII", r)
		case r == '"':
			return "holds a quotation mark, which was pasted in and is part of the record"
		case r == ';' || r == ',':
			return fmt.Sprintf("holds a %q; terms are separated by spaces alone", r)
		}
	}
	return ""
}

func modifier(t Term) string {
	if strings.ContainsRune("+-~?", rune(t.Text[0])) {
		return "has a qualifier, and no modifier can"
	}
	if !isModifierName(t.Name) {
		return "has no name that a modifier can have before the ="
	}
	if t.Name == "redirect" || t.Name == "exp" {
		return domainSpec(t.Value)
	}
	_, cause := macroString(t.Value, "slodiphcrtv")
	return cause
}

func isModifierName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_.", rune(c))) {
			return false
		}
	}
	return s != ""
}

func mechanism(t Term, colon bool) string {
	switch t.Name {
	case "all":
		if t.Value != "" || colon {
			return "has something after all, which takes no value"
		}
		return ""
	case "include", "exists", "ptr":
		if !colon {
			return alone(t)
		}
		return domainSpec(t.Value)
	case "a", "mx":
		return hostSpec(t.Value, colon)
	case "ip4", "ip6":
		if !colon {
			return "has no colon and address"
		}
		return network(t)
	}
	return unknown(t, colon)
}

// alone judges a mechanism without a colon that takes a domain only.
func alone(t Term) string {
	switch {
	case t.Value != "":
		return "has a /, which " + t.Name + " does not take"
	case t.Name == "ptr":
		return ""
	}
	return "names no domain"
}

// hostSpec judges what stands behind a or mx: [":" domain-spec] [dual-cidr-length].
func hostSpec(value string, colon bool) string {
	domain, lengths := splitLengths(value)
	if cause := dualLength(lengths); cause != "" {
		return cause
	}
	if colon {
		return domainSpec(domain)
	}
	return ""
}

// splitLengths cuts off a dual-cidr-length. A / may stand in a macro too ("%{d/}").
func splitLengths(value string) (domain, lengths string) {
	last := strings.LastIndexByte(value, '}') + 1
	slash := strings.IndexByte(value[last:], '/')
	if slash < 0 {
		return value, ""
	}
	return value[:last+slash], value[last+slash:]
}

// dualLength judges [ "/" ip4 ] [ "//" ip6 ].
func dualLength(s string) string {
	if s == "" {
		return ""
	}
	four, six, both := strings.Cut(s, "//")
	switch {
	case four != "" && !isLength(four[1:], 32):
		return fmt.Sprintf("has a prefix length %q, which is not one of 0 to 32", clip(four))
	case both && !isLength(six, 128):
		return fmt.Sprintf("has a prefix length %q, which is not one of 0 to 128", clip("//"+six))
	}
	return ""
}

func isLength(s string, most int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= most && strconv.Itoa(n) == s
}

// network judges ip4 and ip6.
func network(t Term) string {
	text, length, found := strings.Cut(t.Value, "/")
	addr, err := netip.ParseAddr(text)
	most := map[string]int{"ip4": 32, "ip6": 128}[t.Name]
	switch {
	case text == "":
		return "has no address"
	case err != nil || addr.Zone() != "":
		return fmt.Sprintf("has %q for an address", clip(text))
	case t.Name == "ip4" && addr.Is6():
		return "has an IPv6 address; that is ip6:"
	case t.Name == "ip6" && addr.Is4():
		return "has an IPv4 address; that is ip4:"
	case found && !isLength(length, most):
		return fmt.Sprintf("has a prefix length %q, which is not one of 0 to %d", clip("/"+length), most)
	}
	return ""
}

// unknown says what was probably meant.
func unknown(t Term, colon bool) string {
	addr, err := netip.ParseAddr(strings.TrimLeft(t.Text, "+-~?"))
	switch {
	case err == nil && addr.Is4():
		return "is a bare address; write ip4: before it"
	case err == nil:
		return "is a bare address; write ip6: before it"
	case t.Name == "":
		return "has no name"
	case t.Name == "redirect" || t.Name == "exp":
		return "is a modifier, and takes = for the colon"
	case t.Name == "ip" || t.Name == "ipv4":
		return "is not a mechanism; write ip4:"
	case t.Name == "ipv6":
		return "is not a mechanism; write ip6:"
	case !colon && strings.Contains(t.Name, "."):
		return "is not a mechanism; write include:, a: or ip4: before a name or address"
	}
	return "is not a mechanism of SPF"
}

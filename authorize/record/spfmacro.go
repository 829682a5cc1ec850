package record

import (
	"fmt"
	"strings"
)

// domainSpec judges a domain-spec: macros and letters that end in a macro or in a
// top-level label behind a dot (RFC 7208 section 7.1).
func domainSpec(s string) string {
	if s == "" {
		return "names no domain"
	}
	// c, r and t are for explanations alone (section 7.2).
	tail, cause := macroString(s, "slodiphv")
	switch {
	case cause != "":
		return cause
	case tail == "": // ends in a macro
		return ""
	}
	tail = strings.TrimSuffix(tail, ".")
	dot := strings.LastIndexByte(tail, '.')
	if dot < 0 || !isTopLabel(tail[dot+1:]) {
		return fmt.Sprintf("has %q where a domain name with a dot in it belongs", clip(s))
	}
	return ""
}

// isTopLabel: letters, digits and inner hyphens, not digits alone.
func isTopLabel(s string) bool {
	digits := true
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && c != '-' && (c < '0' || c > '9') {
			return false
		}
		digits = digits && c >= '0' && c <= '9'
	}
	return s != "" && !digits && s[0] != '-' && s[len(s)-1] != '-'
}

// macroString judges the macros in s, and returns what follows the last one.
func macroString(s, letters string) (tail, cause string) {
	for {
		_, after, found := strings.Cut(s, "%")
		if !found {
			return s, ""
		}
		switch {
		case after != "" && strings.ContainsRune("%_-", rune(after[0])):
			s = after[1:]
		case strings.HasPrefix(after, "{"):
			body, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", "has a macro %{ without a }"
			}
			if cause := macroBody(body, letters); cause != "" {
				return "", cause
			}
			s = rest
		default:
			return "", "has a lone %; a macro is %{d} or the like"
		}
	}
}

// macroBody judges macro-letter transformers *delimiter.
func macroBody(body, letters string) string {
	if body == "" || !strings.ContainsRune(letters, rune(body[0]|0x20)) {
		return fmt.Sprintf("has a macro %%{%s} that SPF does not know here", clip(body))
	}
	rest := strings.TrimLeft(body[1:], "0123456789")
	if digits := body[1 : len(body)-len(rest)]; digits != "" && strings.Trim(digits, "0") == "" {
		return fmt.Sprintf("has a macro %%{%s} that keeps no label", clip(body))
	}
	if rest != "" && rest[0]|0x20 == 'r' {
		rest = rest[1:]
	}
	if strings.Trim(rest, ".-+,/_=") != "" {
		return fmt.Sprintf("has a macro %%{%s} that SPF does not know", clip(body))
	}
	return ""
}

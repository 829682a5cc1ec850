package record

import (
	"fmt"
	"strings"
)

// LooksLikeSPF reports whether a TXT record was meant to be an SPF record and is none
// to receivers, who pass over it without a word; fault says what is wrong with it.
func LooksLikeSPF(text string) (fault string, ok bool) {
	lower := lowerASCII(text)
	trimmed := strings.Trim(lower, blank+`"'`+"\u00a0\ufeff")
	at := strings.Index(lower, version)
	switch {
	case IsSPF(text):
		return "", false
	case strings.HasPrefix(trimmed, "spf2.0/"): // Sender ID (RFC 4406), another thing
		return "", false
	case strings.HasPrefix(trimmed, "spf1"):
		return "it begins with spf1 and not with " + version, true
	case strings.HasPrefix(strings.Join(strings.Fields(trimmed), ""), version) && !strings.HasPrefix(trimmed, version):
		return "there is a space inside " + version, true
	case strings.HasPrefix(trimmed, "v=spf") && at < 0:
		return fmt.Sprintf("it begins with %q and not with %s", clip(strings.Fields(trimmed)[0]), version), true
	case at < 0:
		return "", false
	case at > 0 && Pasted(text) != "":
		return Pasted(text), true
	case at > 0 && strings.Trim(lower[:at], blank) == "":
		return "there is white space before " + version, true
	case at > 0:
		return fmt.Sprintf("there is %q before %s", clip(text[:at]), version), true
	}
	return behindVersion(text[len(version):])
}

// behindVersion judges a text that begins with v=spf1, and no space behind it.
func behindVersion(rest string) (string, bool) {
	switch {
	case strings.HasPrefix(rest, `"`):
		return "quotation marks were pasted in and are part of the record", true
	case rest[0] == ';':
		return "there is a semicolon after " + version + ", where a space belongs", true
	case strings.HasPrefix(rest, "\u00a0"):
		return "there is a no-break space after " + version + ", where a plain one belongs", true
	}
	return "there is no space after " + version, true
}

// lowerASCII leaves all octets where they are.
func lowerASCII(s string) string {
	octets := []byte(s)
	for i, c := range octets {
		if 'A' <= c && c <= 'Z' {
			octets[i] = c | 0x20
		}
	}
	return string(octets)
}

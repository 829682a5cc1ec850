package srs

import (
	"strings"

	"onbehalf/message"
)

// foreign takes apart another forwarder's SRS address: the host that knows the
// SRS0 form, and what stands behind "SRS0" there, its separator included.
func foreign(a message.Address) (host, rest string, ok bool) {
	tag, rest := cutTag(a.Local)
	switch tag {
	case "SRS0":
		return a.Domain.String(), rest, strings.Count(rest, "=") >= 3
	case "SRS1":
		parts := strings.SplitN(rest[1:], "=", 3)
		if len(parts) < 3 {
			return "", "", false
		}
		host, err := message.ParseHost(parts[1])
		return host.String(), parts[2], err == nil && isForeignRest(parts[2])
	}
	return "", "", false
}

// isForeignRest reports whether s can stand behind "SRS0": a separator and more.
func isForeignRest(s string) bool {
	return len(s) >= 2 && strings.ContainsRune("=+-", rune(s[0]))
}

// cutTag takes "SRS0" or "SRS1" from the start; the rest starts with its
// separator, of which three are in use.
func cutTag(local string) (tag, rest string) {
	if len(local) < 6 || !strings.ContainsRune("=+-", rune(local[4])) {
		return "", local
	}
	return strings.ToUpper(local[:4]), local[4:]
}

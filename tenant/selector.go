package tenant

import "strings"

// maxName is the longest domain name in text form (RFC 1035 section 2.3.4).
const maxName = 253

// ValidSelector reports whether s is a selector: labels of letters, digits and inner
// hyphens, with dots between (RFC 6376 section 3.1, RFC 5321 section 4.1.2). Case
// means nothing. Other characters would do harm: a semicolon ends the tag.
func ValidSelector(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return len(s) <= maxName
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i] | 0x20; !('a' <= c && c <= 'z' || '0' <= label[i] && label[i] <= '9' || label[i] == '-') {
			return false
		}
	}
	return true
}

// Fits reports whether the name under which the key is published is one that DNS can
// hold.
func (i Identity) Fits() bool { return len(i.String()) <= maxName }

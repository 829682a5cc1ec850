package tenant

import "onbehalf/message"

// ValidSelector reports whether s is a selector: labels of letters, digits and inner
// hyphens, with dots between (RFC 6376 section 3.1, RFC 5321 section 4.1.2). Case
// means nothing. Other characters would do harm: a semicolon ends the tag.
func ValidSelector(s string) bool { return message.IsLDH(s) }

// Fits reports whether the name under which the key is published is one that DNS can
// hold: of 253 octets at most in text form (RFC 1035 section 2.3.4).
func (i Identity) Fits() bool { return len(i.String()) <= 253 }

package message

import (
	"net/netip"
	"slices"
	"strings"
)

// Received is what a Received field of Postfix says (RFC 5321 section 4.4):
//
//	from HELO (NAME [ADDRESS])
//		(using TLSv1.3 ...)
//		by HOST (Postfix) with ESMTPSA id QUEUEID ...
//	by HOST (Postfix, from userid 33) id QUEUEID ...
//
// It is read by its lines as Postfix folds them: HELO, the name in a certificate and the
// recipient are the client's words, and may look like any other part, but hold no line
// end.
type Received struct {
	By            Domain     // zero: it does not say
	Client        netip.Addr // zero: unknown, or none
	Authenticated bool       // the protocol's word ends with A (RFC 3848)
	Local         bool       // submitted on the host itself, not by SMTP
}

// ParseReceived reads the value of a Received field. It never fails: what is written
// otherwise has fewer parts.
func ParseReceived(value string) Received {
	var r Received
	for i, line := range strings.Split(value, "\r\n") {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case i == 0 && strings.EqualFold(words[0], "from"):
			r.Client = clientOf(words[2:])
		case strings.EqualFold(words[0], "by") && r.By.IsZero():
			r.By, _ = ParseHost(words[1])
			r.Local = i == 0
			r.Authenticated = hasAuthenticated(words[2:])
		}
	}
	if r.By.IsZero() {
		r.By = byOf(strings.Fields(value))
	}
	return r
}

// byOf finds the host in a field that somebody has folded otherwise. Nothing else in it
// can be relied on.
func byOf(words []string) Domain {
	for i, word := range words[:max(0, len(words)-1)] {
		if strings.EqualFold(word, "by") {
			if by, err := ParseHost(words[i+1]); err == nil {
				return by
			}
		}
	}
	return Domain{}
}

// clientOf reads "(NAME [ADDRESS])", or "([ADDRESS])".
func clientOf(words []string) netip.Addr {
	if len(words) == 0 || words[0][0] != '(' {
		return netip.Addr{}
	}
	text := words[0][1:]
	if len(words) > 1 && !strings.HasPrefix(text, "[") {
		text = words[1]
	}
	text, _, closed := strings.Cut(strings.TrimPrefix(text, "["), "]")
	if len(text) > 5 && strings.EqualFold(text[:5], "IPv6:") { // RFC 5321 section 4.1.3
		text = text[5:]
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || !closed {
		return netip.Addr{}
	}
	return addr.Unmap()
}

func hasAuthenticated(words []string) bool {
	i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, "with") })
	return 0 <= i && i < len(words)-1 && strings.HasSuffix(strings.ToUpper(words[i+1]), "A")
}

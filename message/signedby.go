package message

import "strings"

// SignedBy returns the domain (d=) and the selector (s=) of a DKIM-Signature field (RFC
// 6376 section 3.5). Ok is false where it has no domain that can be read.
func SignedBy(f Field) (sdid Domain, selector string, ok bool) {
	for tag := range strings.SplitSeq(unfold(f.Value), ";") {
		name, value, _ := strings.Cut(tag, "=")
		value = strings.Trim(value, " \t")
		switch strings.Trim(name, " \t") {
		case "d":
			d, err := ParseMappedHost(value)
			sdid, ok = d, err == nil
		case "s":
			selector = value
		}
	}
	return sdid, selector, ok
}

// AuthenticatedBy returns the authserv-id of an Authentication-Results field (RFC 8601
// section 2.2), which names the host that the results are of; zero: none that is a name.
func AuthenticatedBy(f Field) Domain {
	const enough = 1000 // octets, for an id and a comment before it
	f.Value = f.Value[:min(len(f.Value), enough)]
	tokens, _ := tokenize(f.Text()) // none where a quote is not closed
	for _, t := range tokens {
		if t.kind != comment {
			d, _ := ParseMappedHost(strings.TrimSuffix(t.text, "."))
			return d
		}
	}
	return Domain{}
}

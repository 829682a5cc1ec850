package authorize

import "strings"

// causes say in our words why a DKIM signature does not verify, by words of the library that
// verifies it, which gives no other sign. The first that is found counts.
var causes = []struct{ library, ours string }{
	{"key unavailable", "DNS does not answer about its key"},
	{"no key for signature", "there is no record of its key"},
	{"no valid key found", "there is no record of its key"},
	{"multiple TXT records", "there is more than one record of its key"},
	{"key revoked", "its key is revoked"},
	{"key is too short", "its key is shorter than 1024 bits, which receivers ignore"},
	{"inappropriate key algorithm", "the record of its key is for another algorithm"},
	{"inappropriate hash algorithm", "the record of its key is for another algorithm"},
	{"inappropriate service", "the record of its key is not for mail"},
	{"key record error", "the record of its key is not a DKIM key"},
	{"key syntax error", "the record of its key is not a DKIM key"},
	{"public key", "the record of its key is not a DKIM key"},
	{"unsupported key algorithm", "the record of its key is not a DKIM key"},
	{"body hash", "the body is not the one that was signed"},
	{"did not verify", "it was made with another key, or the header has changed"},
	{"expired", "it has expired"},
}

// VerifyCause returns why a signature does not verify, in a sentence without a full stop.
func VerifyCause(err error) string {
	text := err.Error()
	for _, c := range causes {
		if strings.Contains(text, c.library) {
			return c.ours
		}
	}
	return "it cannot be verified: " + shown(strings.TrimPrefix(text, "dkim: "))
}

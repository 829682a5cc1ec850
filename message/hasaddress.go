package message

import "strings"

// HoldsAddress reports whether somebody can be reached by a field such as Reply-To: it
// holds an address, in a list, a group, or among text of any kind. "<>", "none", quotes,
// commas and empty groups hold none, nor does a word to which a mail server has added its
// domain: adds reports whether it does, as for ParseCompletedFrom.
func HoldsAddress(value string, adds func(Domain) bool) bool {
	if !strings.Contains(value, "@") {
		return false
	}
	tokens, err := tokenize(strings.Trim(unfold(value[:min(len(value), maxFrom)]), " \t"))
	if err != nil || len(value) > maxFrom {
		return true // whoever reads it
	}
	for i, t := range tokens {
		if t.kind != '@' || i == 0 || i+1 == len(tokens) {
			continue
		}
		before, behind := tokens[i-1], tokens[i+1]
		if (before.kind == atom || before.kind == quoted || before.kind == comment) &&
			(behind.kind == atom || behind.kind == '[' || behind.kind == comment) && strings.Trim(before.text, ".") != "" {
			domain, _ := ParseHost(behind.text)
			encoded := before.kind == atom && strings.HasPrefix(before.text, "=?") && strings.HasSuffix(before.text, "?=")
			if !encoded && !adds(domain) {
				return true
			}
		}
	}
	return false
}

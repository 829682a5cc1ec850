package message

import "strings"

// HoldsAddress reports whether somebody can be reached by a field such as Reply-To: it
// holds an address, in a list, a group, or among text of any kind. "<>", "none", quotes,
// commas and empty groups hold none.
func HoldsAddress(value string) bool {
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
			return true
		}
	}
	return false
}

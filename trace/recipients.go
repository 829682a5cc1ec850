package trace

import (
	"slices"
	"strings"
)

// recipients finds groups by the address of a recipient, in lower case. Strangers choose how many
// notifications there are, so that none may have all groups looked at.
type recipients map[string][]*group

// mostSame is how many groups are found by one recipient, the latest.
const mostSame = 200

// add notes a group for an address, and reports whether it was not noted before.
func (r recipients) add(to string, g *group) bool {
	all := r[to]
	if slices.Contains(all, g) {
		return false
	}
	r[to] = append(all[max(0, len(all)+1-mostSame):], g)
	return true
}

// remove takes a group out, which is among the first where groups go in the order in which they
// came.
func (r recipients) remove(to string, g *group) {
	at := slices.Index(r[to], g)
	switch {
	case at < 0:
	case len(r[to]) == 1:
		delete(r, to)
	default:
		r[to] = slices.Delete(r[to], at, at+1)
	}
}

// lowered returns addresses in lower case, each once.
func lowered(all []string) []string {
	low := make([]string, 0, len(all))
	for _, one := range all {
		low = append(low, strings.ToLower(one))
	}
	slices.Sort(low)
	return slices.Compact(low)
}

package setup

import (
	"context"
	"slices"
	"strings"

	"onbehalf/message"
)

// DomainsIn returns which of the domains stand in a setting with a list of domains, as such or
// in a table that it names. below says that the list holds for names below, too.
func (p Postfix) DomainsIn(ctx context.Context, setting string, domains []message.Domain, below bool) ([]message.Domain, error) {
	var in []message.Domain
	for _, one := range words(p.expanded[setting]) {
		holdsOne := func(d message.Domain) bool {
			parent, err := message.ParseDomain(strings.TrimPrefix(one, "."))
			return strings.EqualFold(one, d.String()) || below && err == nil && d.Within(parent)
		}
		if strings.Contains(one, ":") {
			found, err := p.Query(ctx, ParseTables(one)[0], texts(domains))
			if err != nil {
				return nil, err
			}
			holdsOne = func(d message.Domain) bool { _, there := found[d.String()]; return there }
		}
		for _, d := range domains {
			if holdsOne(d) && !slices.Contains(in, d) {
				in = append(in, d)
			}
		}
	}
	return in, nil
}

// Without returns the change that takes domains out of a list; written reports whether any is
// written there as such.
func (p Postfix) Without(setting string, domains []message.Domain) (c Change, written bool) {
	now := words(p.values[setting])
	rest := slices.DeleteFunc(slices.Clone(now), func(one string) bool {
		return slices.ContainsFunc(domains, func(d message.Domain) bool { return holds([]string{one}, d) })
	})
	return Change{Name: setting, Now: p.values[setting], Value: join(rest)}, len(rest) < len(now)
}

// Words returns the elements of a list, with $names replaced.
func (p Postfix) Words(setting string) []string { return words(p.expanded[setting]) }

func texts(domains []message.Domain) []string {
	var all []string
	for _, d := range domains {
		all = append(all, d.String())
	}
	return all
}

package postfix

import (
	"fmt"
	"maps"
	"slices"
)

// Postfix asks all tables of a list for the whole address first, in their order, and then those
// that have an index for its domain (transport(5)). So a table before ours that answers for whole
// addresses hides ours, and an entry for the domain alone is hidden by ours, wherever it stands.

// elsewhere is a domain that does not exist (RFC 6761): a table that knows it knows everything.
const elsewhere = "onbehalf-doctor.invalid"

// anybody is a local part that no table lists.
const anybody = "onbehalf-doctor"

// key is what a table is asked for, and about what.
type key struct {
	subject string // a domain, or a next hop
	whole   bool   // as Postfix asks first, not for the domain alone
}

// directKeys returns what Postfix asks about directly delivered mail.
func directKeys(setting string, w Wanted) map[string]key {
	keys := make(map[string]key)
	if setting == "transport_maps" {
		for _, domain := range w.directDomains() {
			keys[anybody+"@"+domain] = key{domain, true}
			keys[domain] = key{domain, false}
		}
		return keys
	}
	for _, d := range w.strict() {
		keys[d.NextHop] = key{d.NextHop, true}
	}
	return keys
}

// orderFindings asks the tables beside ours about directly delivered mail.
func (c Configuration) orderFindings(setting string, w Wanted, a *asker) []Finding {
	value := c.Setting(setting)
	for _, service := range c.readersOf(setting) {
		if setting == "transport_maps" || isDirect(service) {
			value, _ = c.Of(service.Name, setting)
		}
	}
	tables, keys := ParseTables(value), directKeys(setting, w)
	ours := slices.IndexFunc(tables, func(t Table) bool { return c.works(setting, t, w) })
	if ours < 0 || len(keys) == 0 {
		return nil
	}
	var all []Finding
	for i, t := range tables {
		if c.ours(t, w) || i > ours && !(setting == "transport_maps" && t.Indexed()) {
			continue
		}
		found, answered := a.ask(t, append(slices.Collect(maps.Keys(keys)), elsewhere), t.Text+" in "+setting+" was not asked whether it hides our table")
		if answered {
			all = append(all, c.hides(setting, w, t, found, keys, i < ours)...)
		}
	}
	return all
}

// hides says which of ours a table hides, and what of its own is hidden by ours.
func (c Configuration) hides(setting string, w Wanted, t Table, found map[string]string, keys map[string]key, before bool) []Finding {
	var hidden, unreached []string
	_, everything := found[elsewhere]
	for _, text := range slices.Sorted(maps.Keys(found)) {
		switch k, known := keys[text]; {
		case !known:
		case k.whole && before:
			hidden = append(hidden, fmt.Sprintf("%s (%s)", k.subject, found[text]))
		case !k.whole && t.Indexed() && !everything:
			unreached = append(unreached, k.subject)
		}
	}
	var all []Finding
	if len(hidden) > 0 {
		f := Finding{Level: Error, What: fmt.Sprintf("in %s %s stands before our table and answers for %s", setting, t.Text, List(hidden)),
			Why: "our table is not asked, so that mail is not delivered directly"}
		if setting != "transport_maps" {
			f.Level, f.Why = Warning, "our table is not asked, so direct.tls of that next hop does not count"
		}
		all = append(all, c.tidy(f, setting, w))
	}
	if len(unreached) > 0 {
		all = append(all, Finding{Level: Warning, What: fmt.Sprintf("%s in %s names %s, which our table answers first", t.Text, setting, List(unreached)),
			Why: "Postfix asks for whole addresses before it asks for domains, so the entry counts only while DNS does not prove that the domain is the tenant's",
			Fix: "take it out, unless it is meant for that time"})
	}
	return all
}

package doctor

import (
	"fmt"
	"maps"
	"slices"

	"onbehalf/cmd/onbehalf/setup"
)

// Postfix asks all tables of a list for the whole address first, in their order, and then those
// that have an index for its domain (transport(5)). So a table before ours that answers for whole
// addresses hides ours, and an entry for the domain alone is hidden by ours, wherever it stands.

// order asks the tables beside ours about directly delivered mail.
func (d *doctor) order(setting string, w setup.Wanted) {
	value := d.Postfix.Setting(setting)
	for _, service := range d.Postfix.ReadsTables(setting) {
		if setting == "transport_maps" || service.Name == setup.DirectService {
			value, _ = d.Postfix.Of(service, setting)
		}
	}
	tables := setup.ParseTables(value)
	ours := slices.IndexFunc(tables, func(t setup.Table) bool { return d.Postfix.At(t, w) && d.Postfix.Right(setting, t.Name) })
	keys := d.keysOf(setting)
	if ours < 0 || len(keys) == 0 {
		return
	}
	for i, t := range tables {
		if d.Postfix.Ours(t, w) || i > ours && !(setting == "transport_maps" && t.Indexed()) {
			continue
		}
		found, err := d.Postfix.Query(d.ctx, t, append(slices.Collect(maps.Keys(keys)), elsewhere))
		if err != nil {
			d.skip(t.Text+" in "+setting+" was not asked whether it hides our table", err.Error(), "run onbehalf doctor as root, while Postfix runs")
			continue
		}
		d.hides(setting, w, t, found, keys, i < ours)
	}
}

// elsewhere is a domain that nobody has (RFC 6761): a table that knows it knows everything.
const elsewhere = "onbehalf-doctor.invalid"

// key is what a table is asked for, and about what.
type key struct {
	subject string // a domain, or a next hop
	whole   bool   // as Postfix asks first, not for the domain alone
}

// keysOf returns what Postfix asks about directly delivered mail.
func (d *doctor) keysOf(setting string) map[string]key {
	keys := make(map[string]key)
	if setting == "transport_maps" {
		for _, domain := range d.directDomains() {
			name := domain.String()
			keys["onbehalf-doctor@"+name] = key{name, true}
			keys[name] = key{name, false}
		}
		return keys
	}
	for _, t := range d.strict() {
		hop := t.Direct.NextHop.String()
		keys[hop] = key{hop, true}
	}
	return keys
}

// hides says which of ours a table hides, and what of its own is hidden by ours.
func (d *doctor) hides(setting string, w setup.Wanted, t setup.Table, found map[string]string, keys map[string]key, before bool) {
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
	if len(hidden) > 0 {
		f := Finding{Level: Error, What: fmt.Sprintf("in %s %s stands before our table and answers for %s", setting, t.Text, list(hidden)),
			Why: "our table is not asked, so that mail is not delivered directly"}
		if setting != "transport_maps" {
			f.Level, f.Why = Warning, "our table is not asked, so direct.tls of that next hop does not count"
		}
		d.add(d.tidy(f, setting, w))
	}
	if len(unreached) > 0 {
		d.add(Finding{Level: Warning, What: fmt.Sprintf("%s in %s names %s, which our table answers first", t.Text, setting, list(unreached)),
			Why:  "Postfix asks for whole addresses before it asks for domains, so the entry counts only while DNS does not prove that the domain is the tenant's",
			Mend: "take it out, unless it is meant for that time"})
	}
}

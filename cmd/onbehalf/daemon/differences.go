package daemon

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onbehalf/store"
)

// differences are entries like the one given, one for each key of the configuration that changed.
func differences(like store.Entry, last, next profile, there bool) []store.Entry {
	var all []store.Entry
	add := func(kind store.Kind, subject, before, after, text string) {
		e := like
		e.Kind, e.Subject, e.Before, e.After, e.Text = kind, subject, before, after, text
		all = append(all, e)
	}
	if !there {
		add(store.KindConfiguration, "tenant", "", "configured", next.String())
	} else {
		for _, key := range slices.Sorted(maps.Keys(next.Values)) {
			if before, known := last.Values[key]; known && before != next.Values[key] { // else this version follows more than the one before
				add(store.KindConfiguration, key, before, next.Values[key], "")
			}
		}
		for _, key := range slices.Sorted(maps.Keys(next.Lists)) {
			if before, known := last.Lists[key]; known && !slices.Equal(before, next.Lists[key]) {
				add(store.KindConfiguration, key, "", "", listChange(before, next.Lists[key]))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.Keys)) {
		if before := last.Keys[name]; before != next.Keys[name] {
			add(store.KindKey, name, before, next.Keys[name], "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last.Keys)) {
		if _, stays := next.Keys[name]; !stays {
			add(store.KindKey, name, last.Keys[name], "", "")
		}
	}
	return all
}

// String says in words what a new tenant is.
func (p profile) String() string {
	return fmt.Sprintf("mode %s, authorization %s, domains %s", p.Values["mode"], p.Values["authorization"], fewOf(p.Lists["domains"]))
}

// listChange says what a list has more and less than before.
func listChange(before, after []string) string {
	var words []string
	if more := without(after, before); len(more) > 0 {
		words = append(words, "added "+fewOf(more))
	}
	if less := without(before, after); len(less) > 0 {
		words = append(words, "removed "+fewOf(less))
	}
	if len(words) == 0 {
		return "in another order"
	}
	return strings.Join(words, "; ")
}

func without(all, others []string) (rest []string) {
	there := make(map[string]bool, len(others))
	for _, one := range others {
		there[one] = true
	}
	for _, one := range all {
		if !there[one] {
			rest = append(rest, one)
		}
	}
	return rest
}

// fewOf lists the first few.
func fewOf(all []string) string {
	const most = 10
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

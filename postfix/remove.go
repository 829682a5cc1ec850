package postfix

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Removal is one setting that onbehalf is taken out of, or that is given back the value that it had
// before onbehalf came.
type Removal struct {
	Service    string // of master.cf; empty: main.cf
	Name       string
	Now, Value string
	Drop       bool // the line goes out of main.cf, and Postfix's default counts
	Why        string
}

// args are those of postconf.
func (r Removal) args() []string {
	switch {
	case r.Service != "":
		return []string{"-P", r.Service + "/" + r.Name + "=" + r.Value}
	case r.Drop:
		return []string{"-X", r.Name}
	}
	return []string{"-e", strings.TrimSpace(r.Name + " = " + r.Value)}
}

// Line is the removal as a command line for a shell.
func (r Removal) Line() string {
	args := r.args()
	return "postconf " + args[0] + " '" + strings.ReplaceAll(args[1], "'", `'\''`) + "'"
}

// Files are main.cf as it is, and as it was before onbehalf came: the settings that each has, with
// their values. Before is nil where that is not known.
type Files struct {
	Now, Before map[string]string
	Path        string // of the copy that Before was read from
}

// reasons of a Removal.
const (
	namesUs   = "names onbehalf; while it does and onbehalf is gone, Postfix defers mail"
	bouncesTo = "accepts bounces for onbehalf alone"
	asBefore  = "was set for onbehalf; it gets the value back that it had before"
)

// Removals returns what is to be done so that this Postfix does without onbehalf: our milters and
// tables are taken out of all lists, in main.cf and in master.cf, and nobody else's; settings that
// setup has changed are as they were, where that is known. Nothing in it depends on what w.Direct
// says. Milters are all sockets of listen.
func (c Configuration) Removals(w Wanted, milters []string, files Files) []Removal {
	o := traces{c, w, milters, files.Before}
	var all []Removal
	for _, name := range slices.Sorted(maps.Keys(c.written)) {
		if rest, why := o.without(name, c.written[name]); why != "" {
			all = append(all, o.removal(name, rest, why))
		}
	}
	for _, s := range need {
		value, known := files.Before[s.name]
		_, set := files.Now[s.name]
		change := s.change(c, w)
		taken := slices.ContainsFunc(all, func(r Removal) bool { return r.Name == s.name })
		if files.Before == nil || !set || taken || !change.done() || known && change.Now == value {
			continue
		}
		all = append(all, Removal{Name: s.name, Now: change.Now, Value: value, Drop: !known, Why: asBefore})
	}
	for _, own := range c.overrides {
		if rest, why := o.without(own.Name, own.Value); why != "" {
			all = append(all, Removal{Service: own.Service, Name: own.Name, Now: own.Value, Value: rest, Why: why})
		}
	}
	return all
}

// traces knows what in a list is ours.
type traces struct {
	Configuration
	w       Wanted
	milters []string
	before  map[string]string
}

func (o traces) removal(name, rest, why string) Removal {
	_, known := o.before[name]
	return Removal{Name: name, Now: o.Configuration.written[name], Value: rest, Drop: rest == "" && !known, Why: why}
}

// without returns a list without what is ours; why is empty when nothing in it is.
func (o traces) without(name, list string) (rest, why string) {
	kept := slices.DeleteFunc(words(list), func(one string) bool {
		reason := o.reason(name, one)
		if why == "" {
			why = reason
		}
		return reason != ""
	})
	return join(kept), why
}

// reason returns why an element of a list goes; empty: it stays.
func (o traces) reason(name, element string) string {
	was := slices.Contains(words(o.before[name]), element)
	switch {
	case o.milter(element), o.table(element):
		return namesUs
	case was || o.w.Bounce == "":
		return ""
	case name == "relay_domains" && strings.EqualFold(element, o.w.Bounce),
		name == "relay_recipient_maps" && strings.EqualFold(element, boundTo(o.w.Bounce)):
		return bouncesTo
	}
	return ""
}

// within is part of the name of each socket of ours that the package brings.
const within = "onbehalf/"

func (o traces) milter(element string) bool {
	return slices.ContainsFunc(o.milters, func(socket string) bool { return o.calls(element, Wanted{Milter: socket}) }) ||
		strings.Contains(element, "unix:") && strings.Contains(element, within+"milter.sock")
}

func (o traces) table(element string) bool {
	tables := ParseTables(element)
	return len(tables) == 1 && tables[0].Socket != "" &&
		(o.at(tables[0], o.w) || strings.Contains(tables[0].Socket, within) && filepath.Base(tables[0].Socket) == "socketmap.sock")
}

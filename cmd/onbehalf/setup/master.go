package setup

import (
	"path/filepath"
	"slices"
	"strings"
)

// Setting gives the value of a setting that setup reads, with $names replaced.
func (p Postfix) Setting(name string) string { return p.expanded[name] }

// Calls tells whether a list of milters names our socket.
func (p Postfix) Calls(setting string, w Wanted) bool {
	return slices.ContainsFunc(words(p.expanded[setting]), func(one string) bool { return p.calls(one, w) })
}

// Override is a setting that a service of master.cf has for itself (-o).
type Override struct{ Service, Name, Value string }

// Overrides gives all of them.
func (p Postfix) Overrides() []Override {
	var all []Override
	for line := range strings.Lines(p.services) {
		key, value, _ := strings.Cut(line, "=")
		service, name := filepath.Split(strings.TrimSpace(key))
		all = append(all, Override{strings.TrimSuffix(service, "/"), name, strings.TrimSpace(value)})
	}
	return all
}

// Holds tells whether the value, a list, has the word.
func (o Override) Holds(word string) bool { return slices.Contains(words(o.Value), word) }

// Caller is a service of master.cf that calls milters.
type Caller struct {
	Service  string // smtp/inet
	Chrooted bool   // in the queue directory
}

// Callers gives the services that call milters: smtpd for mail by SMTP, cleanup for the
// rest. A chroot column with a dash means no, as it does since Postfix 3.0 (master(5)).
func (p Postfix) Callers() []Caller {
	var all []Caller
	for line := range strings.Lines(p.table) {
		column := strings.Fields(line)
		if len(column) >= 8 && (column[7] == "smtpd" || column[7] == "cleanup") {
			all = append(all, Caller{column[0] + "/" + column[1], column[4] == "y"})
		}
	}
	return all
}

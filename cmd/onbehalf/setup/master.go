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

// Overrides returns all of them, with $names replaced.
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

// Service is a service of master.cf.
type Service struct {
	Name     string // smtp/inet
	Chrooted bool   // in the queue directory
}

// Services returns those that are one of the programs. A chroot column with a dash means no, as
// it does since Postfix 3.0 (master(5)).
func (p Postfix) Services(programs ...string) []Service {
	var all []Service
	for line := range strings.Lines(p.table) {
		column := strings.Fields(line)
		if len(column) >= 8 && slices.Contains(programs, column[7]) {
			all = append(all, Service{column[0] + "/" + column[1], column[4] == "y"})
		}
	}
	return all
}

// Callers returns the services that call milters: smtpd for mail by SMTP, cleanup for the rest.
func (p Postfix) Callers() []Service { return p.Services("smtpd", "cleanup") }

// Of returns the value of a setting as a service has it, with $names replaced: its own of
// master.cf, else that of main.cf. own reports which.
func (p Postfix) Of(s Service, setting string) (value string, own bool) {
	if value, own = p.override(s, setting); own {
		return value, true
	}
	if other, refers := strings.CutPrefix(p.values[setting], "$"); refers { // smtp_helo_name = $myhostname
		if value, own := p.override(s, other); own {
			return value, false
		}
	}
	return p.expanded[setting], false
}

func (p Postfix) override(s Service, setting string) (value string, own bool) {
	all := p.Overrides()
	i := slices.IndexFunc(all, func(o Override) bool { return o.Service == s.Name && o.Name == setting })
	if i < 0 {
		return "", false
	}
	return all[i].Value, true
}

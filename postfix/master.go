package postfix

import (
	"path/filepath"
	"slices"
	"strings"
)

// Override is a setting that a service of master.cf has for itself (-o).
type Override struct{ Service, Name, Value string }

// parseOverrides reads lines of "smtp/inet/name = value".
func parseOverrides(text string) []Override {
	var all []Override
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, "=")
		service, name := filepath.Split(strings.TrimSpace(key))
		all = append(all, Override{strings.TrimSuffix(service, "/"), name, strings.TrimSpace(value)})
	}
	return all
}

// Service is a service of master.cf.
type Service struct {
	Name     string // smtp/inet
	Program  string // smtpd
	Chrooted bool   // in the queue directory
}

// parseServices reads master.cf. A chroot column with a dash means no, as it does since Postfix
// 3.0 (master(5)).
func parseServices(text string) []Service {
	var all []Service
	for line := range strings.Lines(text) {
		if column := strings.Fields(line); len(column) >= 8 {
			all = append(all, Service{column[0] + "/" + column[1], column[7], column[4] == "y"})
		}
	}
	return all
}

// Services returns those that are one of the programs.
func (c Configuration) Services(programs ...string) []Service {
	return slices.DeleteFunc(slices.Clone(c.services), func(s Service) bool { return !slices.Contains(programs, s.Program) })
}

// Callers returns the services that call milters: smtpd for mail by SMTP, cleanup for the rest.
func (c Configuration) Callers() []Service { return c.Services("smtpd", "cleanup") }

// Of returns the value of a setting as a service has it, with $names replaced: its own of
// master.cf, else that of main.cf. own reports which.
func (c Configuration) Of(service, setting string) (value string, own bool) {
	if value, own = c.override(service, setting); own {
		return value, true
	}
	if other, refers := strings.CutPrefix(c.written[setting], "$"); refers { // smtp_helo_name = $myhostname
		if value, own := c.override(service, other); own {
			return value, false
		}
	}
	return c.expanded[setting], false
}

func (c Configuration) override(service, setting string) (value string, own bool) {
	i := slices.IndexFunc(c.overrides, func(o Override) bool { return o.Service == service && o.Name == setting })
	if i < 0 {
		return "", false
	}
	return c.overrides[i].Value, true
}

// DirectService is the service of master.cf that direct delivery takes: our transport table names
// it.
const DirectService = "smtp/unix"

// OfClient returns a setting as DirectService has it, with $names replaced.
func (c Configuration) OfClient(setting string) string {
	value, _ := c.Of(DirectService, setting)
	return value
}

// seenBy returns where a path leads to for a service.
func (c Configuration) seenBy(s Service, path string) string {
	if s.Chrooted {
		return filepath.Join(c.queue(), path)
	}
	return path
}

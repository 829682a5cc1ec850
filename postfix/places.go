package postfix

import (
	"fmt"
	"slices"
	"strings"
)

// place is where a setting has a value: main.cf, or a service of master.cf that has its own (-o).
type place struct {
	service string // smtp/inet; empty: main.cf
	value   string
}

// has begins a sentence about what stands there.
func (p place) has() string {
	if p.service == "" {
		return "main.cf has "
	}
	return "in master.cf " + p.service + " has "
}

// places returns where the programs find a value for a setting: main.cf, unless each of their
// services has its own, and each service that has.
func (c Configuration) places(setting string, programs ...string) []place {
	var all []place
	reads, own := 0, 0
	for _, s := range c.Services(programs...) {
		reads++
		if _, is := c.override(s.Name, setting); is {
			own++
		}
	}
	if reads == 0 || own < reads {
		all = append(all, place{"", c.Setting(setting)})
	}
	for _, o := range c.overrides {
		i := slices.IndexFunc(c.services, func(s Service) bool { return s.Name == o.Service })
		if o.Name == setting && (i < 0 || slices.Contains(programs, c.services[i].Program)) {
			all = append(all, place{o.Service, o.Value})
		}
	}
	return all
}

// line is the command that gives a setting a value at a place; empty: it is taken out there.
func (p place) line(setting, value string) string {
	switch {
	case p.service == "" && value == "":
		return "postconf -X " + setting
	case p.service == "":
		return Change{Name: setting, Value: value}.Line()
	case value == "":
		return fmt.Sprintf("postconf -PX '%s/%s'", p.service, setting)
	}
	return fmt.Sprintf("postconf -P '%s/%s=%s'", p.service, setting, strings.ReplaceAll(value, "'", `'\''`))
}

// usual is the folder of main.cf that Postfix's commands take when none is named.
const usual = "/etc/postfix"

// Here returns a command line of Postfix as it is run for this instance.
func (c Configuration) Here(line string) string {
	name, rest, _ := strings.Cut(line, " ")
	if folder := c.Folder(); folder != "" && folder != usual && (name == "postconf" || name == "postfix") {
		return name + " -c " + folder + " " + rest
	}
	return line
}

// here has the commands of findings name this instance.
func (c Configuration) here(all []Finding) []Finding {
	for i := range all {
		lines := slices.Clone(all[i].Commands)
		for n := range lines {
			lines[n] = c.Here(lines[n])
		}
		all[i].Commands = lines
	}
	return all
}

package postfix

import (
	"fmt"
	"slices"
	"strings"
)

// class is a setting that makes domains Postfix's own in some way (ADDRESS_CLASS_README), and the
// tables of recipients that it then follows. For all of them but virtual_alias_domains
// transport_maps decides the way; but smtpd refuses recipients that the tables do not know before
// anything asks for the way.
type class struct {
	domains, recipients, table string // table as Postfix calls it in its reply
	bare                       bool   // a recipient is looked up without its domain, too
	below                      bool   // names below the listed ones belong to it
}

var classes = []class{
	{"mydestination", "local_recipient_maps", "local recipient table", true, false},
	{"virtual_mailbox_domains", "virtual_mailbox_maps", "virtual mailbox table", false, false},
	{"relay_domains", "relay_recipient_maps", "relay recipient table", false, true},
}

// keys are what a table with every address of the domain knows.
func (c class) keys(domain string) []string {
	keys := []string{anybody + "@" + domain, "@" + domain}
	if c.bare {
		keys = append(keys, anybody)
	}
	return keys
}

// classFindings finds directly delivered domains for which Postfix refuses mail, or delivers it
// itself.
func (c Configuration) classFindings(w Wanted, a *asker) []Finding {
	var all []Finding
	if in := c.domainsIn("virtual_alias_domains", w, false, a); len(in) > 0 {
		all = append(all, c.takeOut("virtual_alias_domains", in, Finding{Level: Error, What: List(in) + " is in virtual_alias_domains",
			Why: "Postfix never asks transport_maps for such a domain: it refuses its addresses, or sends mail to where virtual_alias_maps says"}))
	}
	for _, one := range classes {
		if in := c.refusing(one, c.domainsIn(one.domains, w, one.below, a), w, a); len(in) > 0 {
			all = append(all, c.takeOut(one.domains, in, Finding{Level: Warning,
				What: fmt.Sprintf("%s is in %s, and %s does not know all its addresses", List(in), one.domains, one.recipients),
				Why:  fmt.Sprintf("mail to the others is refused (550 5.1.1 User unknown in %s) before it is delivered directly", one.table)}))
		}
	}
	return all
}

// notAsked is behind a table or list.
const notAsked = " was not asked for directly delivered domains"

// domainsIn returns which of the directly delivered domains stand in a setting with a list of
// domains, as such or in a table that it names. below says that the list holds for names below, too.
func (c Configuration) domainsIn(setting string, w Wanted, below bool, a *asker) []string {
	domains := w.directDomains()
	var in []string
	for _, one := range c.list(setting) {
		holdsOne := func(d string) bool {
			return strings.EqualFold(one, d) || below && strings.HasSuffix(d, "."+strings.ToLower(strings.TrimPrefix(one, ".")))
		}
		if strings.Contains(one, ":") {
			found, _ := a.ask(ParseTables(one)[0], domains, setting+notAsked)
			holdsOne = func(d string) bool { _, there := found[d]; return there }
		}
		for _, d := range domains {
			if holdsOne(d) && !slices.Contains(in, d) {
				in = append(in, d)
			}
		}
	}
	return in
}

// refusing returns the domains of which not every address is accepted. Without tables all are, and
// none counts where a table does not answer.
func (c Configuration) refusing(one class, domains []string, w Wanted, a *asker) []string {
	tables := ParseTables(c.Setting(one.recipients))
	if len(tables) == 0 || len(domains) == 0 {
		return nil
	}
	var keys []string
	for _, domain := range domains {
		keys = append(keys, one.keys(domain)...)
	}
	for _, t := range tables {
		if c.ours(t, w) {
			continue // it knows bounce addresses alone
		}
		found, answered := a.ask(t, keys, t.Text+" in "+one.recipients+notAsked)
		if !answered {
			return nil
		}
		domains = slices.DeleteFunc(domains, func(domain string) bool {
			return slices.ContainsFunc(one.keys(domain), func(key string) bool { _, there := found[key]; return there })
		})
	}
	return domains
}

// takeOut adds how domains are taken out of a list. One that comes out of a table, or of another
// setting, has no command.
func (c Configuration) takeOut(setting string, domains []string, f Finding) Finding {
	f.Fix = fmt.Sprintf("take it out of %s, because another server has its mail", setting)
	now := words(c.written[setting])
	rest := slices.DeleteFunc(slices.Clone(now), func(one string) bool { return holds(domains, one) })
	if len(rest) < len(now) {
		f.Commands = []string{Change{Name: setting, Value: join(rest)}.Line(), reload}
	}
	return f
}

package doctor

import (
	"fmt"
	"slices"

	"onbehalf/message"
)

// class is a setting that makes domains Postfix's own in some way (ADDRESS_CLASS_README), and the
// tables of recipients that it then goes by. For all of them but virtual_alias_domains
// transport_maps decides the way; but smtpd refuses recipients that the tables do not know before
// anything asks for the way.
type class struct {
	domains, recipients, table string // table as Postfix calls it in its reply
	keys                       func(d message.Domain) []string
	below                      bool // names below the listed ones belong to it
}

var classes = []class{
	{"mydestination", "local_recipient_maps", "local recipient table", func(d message.Domain) []string {
		return []string{anybody, anybody + "@" + d.String(), "@" + d.String()}
	}, false},
	{"virtual_mailbox_domains", "virtual_mailbox_maps", "virtual mailbox table", wholeDomain, false},
	{"relay_domains", "relay_recipient_maps", "relay recipient table", wholeDomain, true},
}

// anybody is a local part that no table lists.
const anybody = "onbehalf-doctor"

func wholeDomain(d message.Domain) []string {
	return []string{anybody + "@" + d.String(), "@" + d.String()}
}

// classes finds directly delivered domains for which Postfix refuses mail, or delivers it itself.
func (d *doctor) classes() {
	direct := d.directDomains()
	if in := d.domainsIn("virtual_alias_domains", direct, false); len(in) > 0 {
		d.add(d.takeOut("virtual_alias_domains", in, Finding{Level: Error, What: list(texts(in)) + " is in virtual_alias_domains",
			Why: "Postfix never asks transport_maps for such a domain: it refuses its addresses, or sends mail to where virtual_alias_maps says"}))
	}
	for _, c := range classes {
		if in := d.refusing(c, d.domainsIn(c.domains, direct, c.below)); len(in) > 0 {
			d.add(d.takeOut(c.domains, in, Finding{Level: Warning, What: fmt.Sprintf("%s is in %s, and %s does not know all its addresses", list(texts(in)), c.domains, c.recipients),
				Why: fmt.Sprintf("mail to the others is refused (550 5.1.1 User unknown in %s) before it is delivered directly", c.table)}))
		}
	}
}

func (d *doctor) domainsIn(setting string, domains []message.Domain, below bool) []message.Domain {
	in, err := d.Postfix.DomainsIn(d.ctx, setting, domains, below)
	if err != nil {
		d.skip(setting+" was not asked for directly delivered domains", err.Error(), "run onbehalf doctor as root, while Postfix runs")
	}
	return in
}

// refusing returns the domains of which not every address is taken. Without tables all are; a
// table that cannot be asked is said, and none of them counts then.
func (d *doctor) refusing(c class, domains []message.Domain) []message.Domain {
	tables := d.Postfix.ParsedTables(c.recipients)
	if len(tables) == 0 || len(domains) == 0 {
		return nil
	}
	var keys []string
	for _, domain := range domains {
		keys = append(keys, c.keys(domain)...)
	}
	w := d.tablesWanted()
	for _, t := range tables {
		if d.Postfix.Ours(t, w) {
			continue // it knows bounce addresses alone
		}
		found, err := d.Postfix.Query(d.ctx, t, keys)
		if err != nil {
			d.skip(t.Text+" in "+c.recipients+" was not asked for directly delivered domains", err.Error(), "run onbehalf doctor as root, while Postfix runs")
			return nil
		}
		domains = slices.DeleteFunc(domains, func(domain message.Domain) bool {
			return slices.ContainsFunc(c.keys(domain), func(key string) bool { _, there := found[key]; return there })
		})
	}
	return domains
}

// takeOut adds how domains are taken out of a list.
func (d *doctor) takeOut(setting string, domains []message.Domain, f Finding) Finding {
	f.Mend = fmt.Sprintf("take it out of %s, for its mail is another server's", setting)
	if c, written := d.Postfix.Without(setting, domains); written {
		f.Commands = []string{c.Line(), "postfix reload"}
	}
	return f
}

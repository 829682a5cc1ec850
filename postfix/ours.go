package postfix

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// tableSettings are the settings with tables of ours, and the program that reads each.
var tableSettings = []struct{ name, program string }{
	{"transport_maps", "trivial-rewrite"},
	{"smtp_tls_policy_maps", "smtp"},
	{"relay_recipient_maps", "smtpd"},
}

// readersOf returns the services that read a setting with tables.
func (c Configuration) readersOf(setting string) []Service {
	for _, one := range tableSettings {
		if one.name == setting {
			return c.Services(one.program)
		}
	}
	return nil
}

// right reports whether a setting may name the map: what is asked there, it answers in a form
// that this Postfix reads.
func (c Configuration) right(setting, name string, w Wanted) bool {
	switch setting {
	case "transport_maps":
		return name == w.Maps.Transport
	case "smtp_tls_policy_maps":
		return name == w.Maps.TLSPolicy || name == w.Maps.TLSPolicyTLSRPT && c.reportsTLS()
	}
	return name == w.Maps.Recipients
}

// element returns the table that belongs into a setting.
func (c Configuration) element(setting string, w Wanted) string {
	name := w.Maps.Recipients
	switch {
	case setting == "transport_maps":
		name = w.Maps.Transport
	case setting == "smtp_tls_policy_maps" && c.reportsTLS() && c.expanded["smtp_tlsrpt_enable"] == "yes":
		name = w.Maps.TLSPolicyTLSRPT
	case setting == "smtp_tls_policy_maps":
		name = w.Maps.TLSPolicy
	}
	return "socketmap:" + c.Name(w.Socketmap) + ":" + name
}

// tables returns the elements of a setting of main.cf that name our socketmap, right or not.
func (c Configuration) tables(setting string, w Wanted) []Table {
	return c.oursIn(c.expanded[setting], w)
}

func (c Configuration) oursIn(list string, w Wanted) []Table {
	return slices.DeleteFunc(ParseTables(list), func(t Table) bool { return !c.ours(t, w) })
}

// ours reports whether a table is meant to be one of ours: it is at our socket, by any of its
// names, or at that of the milter; or a map of ours is asked for at a socket that is called as
// ours is, or at a port of this host.
func (c Configuration) ours(t Table, w Wanted) bool {
	if t.Socket == "" {
		return false
	}
	m := w.Maps
	named := slices.Contains([]string{m.Transport, m.TLSPolicy, m.TLSPolicyTLSRPT, m.Recipients}, t.Name)
	return c.at(t, w) || c.means(t.Socket, w.Milter) || named && (path.Base(t.Socket) == path.Base(c.tablesAt(w)) || loopback(t.Socket))
}

// loopback reports whether a name of a socket is a port of this host.
func loopback(socket string) bool {
	hostPort, inet := strings.CutPrefix(socket, "inet:")
	host, _, err := net.SplitHostPort(hostPort)
	addr, _ := netip.ParseAddr(host)
	return inet && err == nil && (host == "localhost" || addr.IsLoopback())
}

// at reports whether a table is at our socket itself.
func (c Configuration) at(t Table, w Wanted) bool { return c.means(t.Socket, c.tablesAt(w)) }

// tablesAt returns our socket; where the configuration has none, that which Postfix may still name.
func (c Configuration) tablesAt(w Wanted) string {
	return cmp.Or(w.Socketmap, "unix:"+c.queue()+"/onbehalf/socketmap.sock")
}

func transportMaps(c Configuration, w Wanted) string { return c.put("transport_maps", w) }

func tlsPolicyMaps(c Configuration, w Wanted) string { return c.put("smtp_tls_policy_maps", w) }

// put returns the setting with our table in front, where no other one hides it. What is there
// stays; only an element of ours that asks for a wrong map, or a second one, does not. Where
// nothing is delivered directly, all stays.
func (c Configuration) put(setting string, w Wanted) string {
	now, there := c.written[setting], c.tables(setting, w)
	switch {
	case !w.delivers(), c.borrowed(setting, w), len(there) == 1 && c.works(setting, there[0], w):
		return now
	case len(there) == 0:
		return prepend(now, c.element(setting, w))
	}
	return c.tidied(setting, w).Value
}

// works reports whether a table is at our socket, and one that the setting is for.
func (c Configuration) works(setting string, t Table, w Wanted) bool {
	return c.at(t, w) && c.right(setting, t.Name, w)
}

// borrowed reports whether a table of ours comes by way of another setting, which is not ours
// to change.
func (c Configuration) borrowed(setting string, w Wanted) bool {
	return len(c.oursIn(c.written[setting], w)) < len(c.tables(setting, w))
}

// tidied returns the change that gives a setting just one table of ours: in front, and named as
// every service reaches it. What comes by way of another setting stays.
func (c Configuration) tidied(setting string, w Wanted) Change {
	var rest []string
	for _, t := range ParseTables(c.written[setting]) {
		if !c.ours(t, w) {
			rest = append(rest, t.Text)
		}
	}
	return Change{Name: setting, Now: c.written[setting], Value: prepend(join(rest), c.element(setting, w))}
}

// Reader is a service of Postfix that asks a table of ours.
type Reader struct {
	Service Service
	Setting string
	Table   Table
}

// Readers returns who asks the tables that are meant to be ours, by the settings that each
// service has: proxymap where that stands between.
func (c Configuration) Readers(w Wanted) []Reader {
	var all []Reader
	for _, setting := range tableSettings {
		for _, service := range c.Services(setting.program) {
			value, _ := c.Of(service.Name, setting.name)
			for _, table := range c.oursIn(value, w) {
				asking := []Service{service}
				if table.Proxied {
					asking = c.Services("proxymap")
				}
				for _, s := range asking {
					if !table.Proxied || s.Name == "proxymap/unix" { // the others serve other uses
						all = append(all, Reader{s, setting.name, table})
					}
				}
			}
		}
	}
	return all
}

// Renamed says how Postfix is made to name our socket so that every service reaches it. Settings
// that services have for themselves are not for postconf -e.
func (c Configuration) Renamed(readers []Reader, w Wanted) (fix string, commands []string) {
	fix = "name it " + c.Name(w.Socketmap) + ", as every service reaches it"
	for _, setting := range Settings(readers) {
		if change := c.tidied(setting, w); !change.done() && len(c.tables(setting, w)) > 0 {
			commands = append(commands, c.Here(change.Line()))
		}
	}
	for _, r := range readers {
		if _, own := c.Of(r.Service.Name, r.Setting); own {
			fix += fmt.Sprintf("; %s has %s of its own in master.cf", r.Service.Name, r.Setting)
		}
	}
	return fix, append(commands, c.Here(reload))
}

// Settings lists the settings that readers read, each once.
func Settings(readers []Reader) []string {
	return unique(readers, func(r Reader) string { return r.Setting })
}

// ServicesOf lists the services that are readers, each once.
func ServicesOf(readers []Reader) []string {
	return unique(readers, func(r Reader) string { return r.Service.Name })
}

func unique(readers []Reader, of func(Reader) string) (all []string) {
	for _, r := range readers {
		if one := of(r); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

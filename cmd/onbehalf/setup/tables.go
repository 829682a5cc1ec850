package setup

import (
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"

	"onbehalf/config"
	"onbehalf/socketmap"
)

// Table is one element of a list of tables, like transport_maps.
type Table struct {
	Text    string // as it is written
	Socket  string // of a socketmap, unix:PATH or inet:HOST:PORT; empty: it is none
	Name    string // of the map there
	Proxied bool   // proxymap asks in the place of the service
}

// ParseTables takes a list apart (socketmap_table(5), proxymap(8)).
func ParseTables(list string) []Table {
	var all []Table
	for _, text := range words(list) {
		t := Table{Text: text}
		text, t.Proxied = strings.CutPrefix(text, "proxy:")
		if place, is := strings.CutPrefix(text, "socketmap:"); is {
			if i := strings.LastIndexByte(place, ':'); i > 0 {
				t.Socket, t.Name = place[:i], place[i+1:]
			}
		}
		all = append(all, t)
	}
	return all
}

// Type returns the type of the table: hash, regexp, ... A proxied one has that of the table
// behind it.
func (t Table) Type() string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(t.Text, "proxy:"), ":")
	return kind
}

// readers are the settings with tables of ours, and the program that reads each.
var readers = map[string]string{
	"transport_maps":       "trivial-rewrite",
	"smtp_tls_policy_maps": "smtp",
	"relay_recipient_maps": "smtpd",
}

// TableSettings are the settings that readers has, in the order in which they are spoken of.
var TableSettings = []string{"transport_maps", "smtp_tls_policy_maps", "relay_recipient_maps"}

// Right reports whether a setting may name the map: what is asked there, it answers in a form
// that this Postfix reads.
func (p Postfix) Right(setting, name string) bool {
	switch setting {
	case "transport_maps":
		return name == socketmap.Transport
	case "smtp_tls_policy_maps":
		return name == socketmap.TLSPolicy || name == socketmap.TLSPolicyTLSRPT && p.ReportsTLS()
	}
	return name == socketmap.Recipients
}

// Element returns the table that belongs into a setting.
func (p Postfix) Element(setting string, w Wanted) string {
	name := map[string]string{"transport_maps": socketmap.Transport, "smtp_tls_policy_maps": socketmap.TLSPolicy, "relay_recipient_maps": socketmap.Recipients}[setting]
	if name == socketmap.TLSPolicy && p.ReportsTLS() && p.expanded["smtp_tlsrpt_enable"] == "yes" {
		name = socketmap.TLSPolicyTLSRPT
	}
	return "socketmap:" + p.Name(w.Socketmap) + ":" + name
}

// ParsedTables returns the elements of a setting of main.cf.
func (p Postfix) ParsedTables(setting string) []Table { return ParseTables(p.expanded[setting]) }

// Tables returns the elements of a setting of main.cf that name our socketmap, right or not.
func (p Postfix) Tables(setting string, w Wanted) []Table {
	return p.ours(p.expanded[setting], w)
}

func (p Postfix) ours(list string, w Wanted) []Table {
	return slices.DeleteFunc(ParseTables(list), func(t Table) bool { return !p.Ours(t, w) })
}

// Ours reports whether a table is meant to be one of ours: it is at our socket, by any of its
// names, or at that of the milter; or a map of ours is asked for at a socket that is called as
// ours is, or at a port of this host.
func (p Postfix) Ours(t Table, w Wanted) bool {
	if t.Socket == "" {
		return false
	}
	ours := []string{socketmap.Transport, socketmap.TLSPolicy, socketmap.TLSPolicyTLSRPT, socketmap.Recipients}
	named := slices.Contains(ours, t.Name)
	return p.At(t, w) || p.means(t.Socket, w.Socket) || named && path.Base(t.Socket) == path.Base(p.tablesAt(w).Address) || named && loopback(t.Socket)
}

// loopback reports whether a name of a socket is a port of this host.
func loopback(socket string) bool {
	hostPort, inet := strings.CutPrefix(socket, "inet:")
	host, _, err := net.SplitHostPort(hostPort)
	addr, _ := netip.ParseAddr(host)
	return inet && err == nil && (host == "localhost" || addr.IsLoopback())
}

// At reports whether a table is at our socket itself.
func (p Postfix) At(t Table, w Wanted) bool { return p.means(t.Socket, p.tablesAt(w)) }

// tablesAt returns our socket; where the configuration has none, that which Postfix may still name.
func (p Postfix) tablesAt(w Wanted) config.Socket {
	if w.Socketmap.IsZero() {
		return config.Socket{Network: "unix", Address: p.queue() + "/onbehalf/socketmap.sock"}
	}
	return w.Socketmap
}

// delivers reports whether Postfix has to ask us for the way of mail.
func (w Wanted) delivers() bool { return w.Direct && !w.Socketmap.IsZero() }

func transportMaps(p Postfix, w Wanted) string { return p.put("transport_maps", w) }

func tlsPolicyMaps(p Postfix, w Wanted) string { return p.put("smtp_tls_policy_maps", w) }

// put returns the setting with our table in front, where no other one hides it. What is there
// stays; only an element of ours that asks for a wrong map, or a second one, does not. Where
// nothing is delivered directly, all stays.
func (p Postfix) put(setting string, w Wanted) string {
	now, there := p.values[setting], p.Tables(setting, w)
	switch {
	case !w.delivers(), p.Borrowed(setting, w), len(there) == 1 && p.works(setting, there[0], w):
		return now
	case len(there) == 0:
		return prepend(now, p.Element(setting, w))
	}
	return p.Tidied(setting, w)
}

// works reports whether a table is at our socket, and one that the setting is for.
func (p Postfix) works(setting string, t Table, w Wanted) bool {
	return p.At(t, w) && p.Right(setting, t.Name)
}

// Borrowed reports whether a table of ours comes by way of another setting, which is not ours
// to change.
func (p Postfix) Borrowed(setting string, w Wanted) bool {
	return len(p.ours(p.values[setting], w)) < len(p.Tables(setting, w))
}

// Tidied returns the setting with just one table of ours: in front, and named as every service
// reaches it. What comes by way of another setting stays.
func (p Postfix) Tidied(setting string, w Wanted) string {
	rest := slices.DeleteFunc(ParseTables(p.values[setting]), func(t Table) bool { return p.Ours(t, w) })
	var texts []string
	for _, t := range rest {
		texts = append(texts, t.Text)
	}
	return prepend(join(texts), p.Element(setting, w))
}

func prepend(list, item string) string {
	if list == "" {
		return item
	}
	return item + ", " + list
}

// Change returns the change that gives a setting one table of ours, in front.
func (p Postfix) Change(setting string, w Wanted) Change {
	return Change{Name: setting, Now: p.values[setting], Value: p.Tidied(setting, w)}
}

// Reader is a service of Postfix that asks a table of ours.
type Reader struct {
	Service Service
	Setting string
	Table   Table
}

// Readers returns who asks the tables that are meant to be ours, by the settings that each
// service has: proxymap where that stands between.
func (p Postfix) Readers(w Wanted) []Reader {
	var all []Reader
	for _, setting := range TableSettings {
		for _, service := range p.Services(readers[setting]) {
			value, _ := p.Of(service, setting)
			for _, table := range ParseTables(value) {
				switch {
				case !p.Ours(table, w):
				case table.Proxied:
					all = append(all, p.proxied(setting, table)...)
				default:
					all = append(all, Reader{service, setting, table})
				}
			}
		}
	}
	return all
}

func (p Postfix) proxied(setting string, table Table) []Reader {
	var all []Reader
	for _, service := range p.Services("proxymap") {
		if service.Name == "proxymap/unix" { // the others have other names in master.cf for other uses
			all = append(all, Reader{service, setting, table})
		}
	}
	return all
}

// ReadsTables returns the services that read a setting with tables.
func (p Postfix) ReadsTables(setting string) []Service { return p.Services(readers[setting]) }

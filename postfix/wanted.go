package postfix

import (
	"net/netip"
	"slices"
	"strings"
)

// Wanted is what Postfix has to know of onbehalf. Sockets are in Postfix's syntax, unix:PATH or
// inet:HOST:PORT; empty: there is none. Domains are in their ASCII form.
type Wanted struct {
	Platform  string     // its domain
	Bounce    string     // domain of bounce addresses
	Milter    string     // socket where onbehalf answers as a milter
	Socketmap string     // where it answers Postfix's tables
	Maps      Maps       // that it answers there
	Direct    []Delivery // of each tenant whose mail is delivered directly

	Trusted    []netip.Prefix // trust.networks
	SendingIPs []netip.Addr   // platform.sending_ips
}

// Maps are the names of our maps.
type Maps struct{ Transport, TLSPolicy, TLSPolicyTLSRPT, Recipients string }

// Delivery is how mail to a tenant is delivered directly.
type Delivery struct {
	Tenant  string // its id
	Domains []string
	NextHop string // as Postfix asks for its TLS policy: [host]:25
	Host    string // of NextHop alone: a name or an address
	TLS     string // may, encrypt or verify
}

// delivers reports whether Postfix has to ask us where mail goes.
func (w Wanted) delivers() bool { return len(w.Direct) > 0 && w.Socketmap != "" }

func (w Wanted) directDomains() []string {
	var all []string
	for _, d := range w.Direct {
		all = append(all, d.Domains...)
	}
	return all
}

// strict returns the deliveries that need TLS.
func (w Wanted) strict() []Delivery {
	return slices.DeleteFunc(slices.Clone(w.Direct), func(d Delivery) bool { return d.TLS == "may" })
}

// Name returns a socket as Postfix's services call it, chrooted or not, in every setting.
func (c Configuration) Name(socket string) string {
	if path, inside := strings.CutPrefix(socket, "unix:"+c.queue()+"/"); inside {
		return "unix:" + path
	}
	return socket
}

// means reports whether a name in a setting is one of those that a socket can have: as Name has
// it, by its whole path, or by its path inside the chroot.
func (c Configuration) means(name, socket string) bool {
	ours := c.Name(socket)
	return socket != "" && (name == ours || name == socket || name == strings.Replace(ours, "unix:", "unix:/", 1))
}

// calls reports whether an element of a list of milters is ours, which may stand in braces
// with options of its own: { unix:onbehalf/milter.sock, connect_timeout=5s }.
func (c Configuration) calls(element string, w Wanted) bool {
	if inner, braced := strings.CutPrefix(element, "{"); braced {
		element = strings.Join(append(words(strings.TrimSuffix(inner, "}")), "")[:1], "")
	}
	return c.means(element, w.Milter)
}

// Calls reports whether a list of milters names our socket.
func (c Configuration) Calls(setting string, w Wanted) bool {
	return c.listCalls(c.expanded[setting], w)
}

func (c Configuration) listCalls(list string, w Wanted) bool {
	return slices.ContainsFunc(words(list), func(one string) bool { return c.calls(one, w) })
}

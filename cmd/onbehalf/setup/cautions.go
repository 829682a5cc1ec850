package setup

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cautions gives what of Postfix's settings stands in the way and is not setup's to
// change, each with what to do.
func (p Postfix) Cautions(w Wanted, domain string) []string {
	all := p.Obstacles(w, domain)
	folder := filepath.Dir(w.Socket.Address)
	if _, err := os.Stat(folder); err != nil && w.Socket.Network == "unix" {
		all = append(all, fmt.Sprintf("the folder of the socket is not there; make it:\ninstall -d -m 2750 -o onbehalf -g postfix %s", folder))
	}
	return all
}

// Obstacles are the cautions about Postfix's settings alone.
func (p Postfix) Obstacles(w Wanted, domain string) []string {
	var all []string
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, name := range []string{"mydestination", "virtual_alias_domains", "virtual_mailbox_domains"} {
		if holds(words(p.expanded[name]), w.Bounce) {
			note("%s holds %s, so bounces would be delivered here: take it out", name, w.Bounce)
		}
	}
	if others := p.otherRelays(w); p.Known() && p.values["relay_recipient_maps"] == "" && len(others) > 0 {
		note("relay_recipient_maps stays empty, for you also relay for %s, and a list would refuse mail for that; postfix.example.cf says what a list is good for", join(others))
	}
	if i := p.place("smtpd_milters", w); i > 0 {
		note("smtpd_milters names other milters behind onbehalf by way of another setting; what they change breaks signatures: move them before it")
	}
	if slices.Contains(words(p.expanded["receive_override_options"]), "no_milters") {
		note("receive_override_options holds no_milters, so no mail is handled at all: take it out of main.cf")
	}
	if filter := p.expanded["content_filter"]; filter != "" {
		note("content_filter is %s: see to it that mail which the filter hands back passes no milters, see master.cf in postfix.example.cf", filter)
	}
	if origin := p.origin(); origin != "" && !strings.EqualFold(origin, p.expanded["myhostname"]) && !strings.EqualFold(origin, domain) {
		note("bounces that Postfix makes come from MAILER-DAEMON@%s (myorigin), which is neither this host's name nor %s: set myorigin = $myhostname", origin, domain)
	}
	return append(all, p.overrides(w)...)
}

// place gives how many milters come behind us that setup cannot move.
func (p Postfix) place(name string, w Wanted) int {
	ours := func(element string) bool { return p.calls(element, w) }
	meant := words(p.expanded[name])
	i := slices.IndexFunc(meant, ours)
	if i < 0 || slices.ContainsFunc(words(p.values[name]), ours) {
		return 0
	}
	return len(meant) - 1 - i
}

// origin gives the domain of mail without one. Debian has it in a file.
func (p Postfix) origin() string {
	origin := p.expanded["myorigin"]
	if strings.HasPrefix(origin, "/") {
		text, _ := os.ReadFile(origin)
		origin, _, _ = strings.Cut(string(text), "\n")
	}
	return strings.TrimSpace(origin)
}

// overrides finds the services of master.cf with milters of their own, or none.
func (p Postfix) overrides(w Wanted) []string {
	var all []string
	for _, o := range p.Overrides() {
		ours := slices.ContainsFunc(words(o.Value), func(one string) bool { return p.calls(one, w) })
		if o.Name == "smtpd_milters" && !ours && !refers(o.Value, "smtpd_milters") {
			all = append(all, fmt.Sprintf("in master.cf %s has smtpd_milters of its own (%s), so its mail passes by onbehalf: add %s there, unless that is meant", o.Service, cmp.Or(o.Value, "none"), p.Name(w.Socket)))
		}
	}
	return all
}

package setup

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Wanted is what Postfix has to know.
type Wanted struct {
	Bounce    message.Domain
	Socket    config.Socket // where onbehalf listens
	Socketmap config.Socket // where it answers Postfix's tables; zero: nowhere
	Direct    bool          // a tenant's mail is delivered directly
}

// WantedOf returns what Postfix has to know for a configuration. Of several sockets in listen
// it takes the first; there may be none where it does not load.
func WantedOf(c *config.Config) Wanted {
	w := Wanted{Socketmap: c.Socketmap}
	if c.Platform != nil {
		w.Bounce = c.Platform.Bounce
	}
	if len(c.Listen) > 0 {
		w.Socket = c.Listen[0]
	}
	w.Direct = slices.ContainsFunc(c.Tenants, func(t *tenant.Tenant) bool { return len(t.Direct.Domains) > 0 })
	return w
}

// Change is one setting of Postfix to be changed.
type Change struct{ Name, Now, Value, Why string }

// Line is the change as a command line for a shell.
func (c Change) Line() string {
	return "postconf -e '" + strings.ReplaceAll(c.Name+" = "+c.Value, "'", `'\''`) + "'"
}

// setting is one that Postfix must have. Its value is worked out from what is there; the same
// value means that nothing is to be done.
type setting struct {
	name  string
	value func(Postfix, Wanted) string
	why   string
}

// need are all settings that setup ever changes. postfix.example.cf says more of each.
var need = []setting{
	{"smtpd_milters", smtpdMilters, "calls onbehalf for mail that comes by SMTP; other milters stay before it, for it signs what it sees"},
	{"non_smtpd_milters", otherMilters, "and for mail of local programs (sendmail)"},
	{"milter_default_action", tempfail, "onbehalf is down: clients come back later (451); \"accept\" would let mail out unsigned. It goes for other milters too"},
	{"internal_mail_filter_classes", bounces, "bounces that Postfix makes itself are signed, too"},
	{"relay_domains", relayDomains, "takes bounces that come back; without it they meet \"Relay access denied\""},
	{"relay_recipient_maps", relayRecipients, "addresses at the bounce domain; onbehalf refuses those that it did not make"},
	{"smtp_line_length_limit", lineLimit, "long lines leave as they were signed, not cut in two. The price: a receiver may refuse lines of more than 998 octets"},
	{"force_mime_input_conversion", recodeEarly, "8-bit text is recoded before it is signed, not after. The price: such text grows, and a signature that it came with is broken"},
	{"disable_mime_output_conversion", recodeNever, "8-bit text leaves as it was signed. The price: a next hop without 8BITMIME, which is rare, may spoil or refuse it"},
}

// needTables are wanted beside them where mail is delivered directly.
var needTables = []setting{
	{"transport_maps", transportMaps, "asks onbehalf which mail goes straight to a tenant's own server. The price: while onbehalf is down, Postfix defers all mail"},
	{"smtp_tls_policy_maps", tlsPolicyMaps, "asks onbehalf for the TLS that a tenant wants on the way to its server. The price: while onbehalf is down, mail that leaves by SMTP waits"},
}

// Needs gives all settings that Postfix must have. One whose Value is what it has Now is
// right already.
func (p Postfix) Needs(w Wanted) []Change {
	var all []Change
	for _, s := range need {
		all = append(all, s.change(p, w))
	}
	for _, s := range needTables {
		if w.delivers() || len(p.Tables(s.name, w)) > 0 {
			all = append(all, s.change(p, w))
		}
	}
	return all
}

func (s setting) change(p Postfix, w Wanted) Change {
	return Change{s.name, p.values[s.name], s.value(p, w), s.why}
}

// Changes gives what is to be done.
func (p Postfix) Changes(w Wanted) []Change {
	return slices.DeleteFunc(p.Needs(w), func(c Change) bool { return c.Value == c.Now })
}

// Name returns a socket as Postfix's services call it, chrooted or not, in every setting.
func (p Postfix) Name(s config.Socket) string {
	if path, inside := strings.CutPrefix(s.Address, p.queue()+"/"); inside && s.Network == "unix" {
		return "unix:" + path
	}
	return s.String()
}

// means reports whether a name in a setting is one of those that a socket can have: as Name has
// it, by its whole path, or by its path inside the chroot.
func (p Postfix) means(name string, s config.Socket) bool {
	ours := p.Name(s)
	return !s.IsZero() && (name == ours || name == s.String() || name == strings.Replace(ours, "unix:", "unix:/", 1))
}

func (p Postfix) queue() string {
	if queue := p.Queue(); queue != "" {
		return filepath.Clean(queue)
	}
	return Queue
}

// calls tells whether an element of a list of milters is ours, which may stand in braces
// with options of its own: { unix:onbehalf/milter.sock, connect_timeout=5s }.
func (p Postfix) calls(element string, w Wanted) bool {
	if inner, braced := strings.CutPrefix(element, "{"); braced {
		element = strings.Join(append(words(strings.TrimSuffix(inner, "}")), "")[:1], "")
	}
	return p.means(element, w.Socket)
}

// withMilter puts us at the end of a list of milters, where nobody changes what we have signed.
func (p Postfix) withMilter(setting string, w Wanted) string {
	ours := func(element string) bool { return p.calls(element, w) }
	written, meant := words(p.values[setting]), words(p.expanded[setting])
	switch i := slices.IndexFunc(meant, ours); {
	case i < 0:
		return extend(p.values[setting], p.Name(w.Socket))
	case i == len(meant)-1:
		return p.values[setting]
	}
	if i := slices.IndexFunc(written, ours); i >= 0 {
		element := written[i]
		return strings.Join(append(slices.Delete(written, i, i+1), element), ", ")
	}
	return p.values[setting] // by way of another setting, which is not ours to change
}

func smtpdMilters(p Postfix, w Wanted) string {
	if refers(p.values["smtpd_milters"], "non_smtpd_milters") {
		return p.values["smtpd_milters"] // we come with the other one
	}
	return p.withMilter("smtpd_milters", w)
}

// otherMilters brings no milter but ours to local mail: that the others do not see it
// is the administrator's choice.
func otherMilters(p Postfix, w Wanted) string {
	strangers := slices.ContainsFunc(words(p.values["smtpd_milters"]), func(one string) bool { return !p.calls(one, w) })
	switch now := p.values["non_smtpd_milters"]; {
	case now == "" && strangers:
		return p.Name(w.Socket)
	case now == "":
		return "$smtpd_milters"
	case refers(now, "smtpd_milters"):
		return now
	}
	return p.withMilter("non_smtpd_milters", w)
}

// refers tells whether a value is made of that of another setting.
func refers(value, name string) bool {
	return slices.ContainsFunc(words(value), func(one string) bool {
		return one == "$"+name || one == "${"+name+"}" || one == "$("+name+")"
	})
}

func tempfail(Postfix, Wanted) string { return "tempfail" }

func bounces(p Postfix, _ Wanted) string {
	if slices.Contains(words(p.expanded["internal_mail_filter_classes"]), "bounce") {
		return p.values["internal_mail_filter_classes"]
	}
	return extend(p.values["internal_mail_filter_classes"], "bounce")
}

func relayDomains(p Postfix, w Wanted) string {
	switch there := words(p.expanded["relay_domains"]); {
	case len(there) == 0:
		return w.Bounce.String()
	case holds(there, w.Bounce):
		return p.values["relay_domains"]
	}
	return extend(p.values["relay_domains"], w.Bounce.String())
}

// relayRecipients leaves the setting empty where other domains are relayed, whose
// recipients a list would refuse. A list that works already stays, ours or the plain one.
func relayRecipients(p Postfix, w Wanted) string {
	const name = "relay_recipient_maps"
	now := p.values[name]
	known := regexp.MustCompile(`(?i)@` + regexp.QuoteMeta(w.Bounce.String()) + `[\s=]`)
	ours := p.Tables(name, w)
	switch {
	case slices.ContainsFunc(ours, func(t Table) bool { return p.works(name, t, w) }), w.delivers() && len(ours) > 0:
		return p.put(name, w)
	case now == "" && len(p.otherRelays(w)) > 0, known.MatchString(p.expanded[name]):
		return now
	case w.delivers():
		return extend(now, p.Element(name, w))
	}
	return extend(now, "inline:{ { @"+w.Bounce.String()+" = OK } }")
}

// otherRelays gives what else is in relay_domains.
func (p Postfix) otherRelays(w Wanted) []string {
	return slices.DeleteFunc(words(p.expanded["relay_domains"]), func(one string) bool { return holds([]string{one}, w.Bounce) })
}

func lineLimit(Postfix, Wanted) string { return "0" }

// recodeEarly and recodeNever are two remedies for one thing; one of them suffices.
func recodeEarly(p Postfix, _ Wanted) string {
	if p.recodes() && p.expanded["disable_mime_output_conversion"] != "yes" {
		return "yes"
	}
	return p.values["force_mime_input_conversion"]
}

func recodeNever(p Postfix, _ Wanted) string {
	if p.recodes() {
		return p.values["disable_mime_output_conversion"]
	}
	return "yes"
}

// extend adds to a list as it is written.
func extend(list, item string) string {
	if list == "" {
		return item
	}
	return strings.TrimRight(list, ", ") + ", " + item
}

// holds tells whether the domain stands in a list, in any case.
func holds(list []string, d message.Domain) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, d.String()) })
}

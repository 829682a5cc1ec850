package postfix

import (
	"regexp"
	"slices"
	"strings"
)

// Change is one setting of Postfix to be changed.
type Change struct{ Name, Now, Value, Why string }

func (c Change) done() bool { return c.Value == c.Now }

// Line is the change as a command line for a shell.
func (c Change) Line() string {
	return "postconf -e '" + strings.ReplaceAll(c.Name+" = "+c.Value, "'", `'\''`) + "'"
}

// setting is one that Postfix must have. Its value is worked out from what is there; the same
// value means that nothing is to be done.
type setting struct {
	name  string
	value func(Configuration, Wanted) string
	why   string
}

// need are all settings that setup ever changes. postfix.example.cf says more of each.
var need = []setting{
	{"smtpd_milters", smtpdMilters, "calls onbehalf for mail that comes by SMTP; other milters stay before it, because it signs what it sees"},
	{"non_smtpd_milters", otherMilters, "calls onbehalf for mail of local programs (sendmail)"},
	{"milter_default_action", defaultAction, "while onbehalf is down, clients come back later (451, or 421 with \"shutdown\"); \"accept\" would let mail out unsigned. It applies to other milters, too"},
	{"internal_mail_filter_classes", bounces, "bounces that Postfix makes itself are signed, too"},
	{"relay_domains", relayDomains, "accepts bounces that come back; without it they get \"Relay access denied\""},
	{"relay_recipient_maps", relayRecipients, "addresses at the bounce domain; onbehalf refuses those that it did not make"},
	{"smtp_line_length_limit", lineLimit, "long lines leave as they were signed, not cut in two. The price: a receiver may refuse lines of more than 998 bytes"},
	{"force_mime_input_conversion", recodeEarly, "8-bit text is recoded before it is signed, not after. The price: such text grows, and a signature that it came with is broken"},
	{"disable_mime_output_conversion", recodeNever, "8-bit text leaves as it was signed. The price: a next hop without 8BITMIME, which is rare, may spoil or refuse it"},
}

// needTables are wanted beside them where mail is delivered directly.
var needTables = []setting{
	{"transport_maps", transportMaps, "asks onbehalf which mail goes directly to a tenant's own server. The price: while onbehalf is down, Postfix defers all mail"},
	{"smtp_tls_policy_maps", tlsPolicyMaps, "asks onbehalf for the TLS that a tenant wants on the way to its server. The price: while onbehalf is down, mail that leaves by SMTP waits"},
}

// Needs returns all settings that Postfix must have. One whose Value is what it has Now is
// right already.
func (c Configuration) Needs(w Wanted) []Change {
	var all []Change
	for _, s := range need {
		all = append(all, s.change(c, w))
	}
	for _, s := range needTables {
		if w.delivers() || len(c.tables(s.name, w)) > 0 {
			all = append(all, s.change(c, w))
		}
	}
	return all
}

func (s setting) change(c Configuration, w Wanted) Change {
	return Change{s.name, c.written[s.name], s.value(c, w), s.why}
}

// Changes returns what is to be done.
func (c Configuration) Changes(w Wanted) []Change {
	return slices.DeleteFunc(c.Needs(w), Change.done)
}

// withMilter puts us at the end of a list of milters, where no other milter changes what we have signed.
func (c Configuration) withMilter(setting string, w Wanted) string {
	ours := func(element string) bool { return c.calls(element, w) }
	written, meant := words(c.written[setting]), words(c.expanded[setting])
	switch i := slices.IndexFunc(meant, ours); {
	case i < 0:
		return extend(c.written[setting], c.Name(w.Milter))
	case i == len(meant)-1:
		return c.written[setting]
	}
	if i := slices.IndexFunc(written, ours); i >= 0 {
		element := written[i]
		return strings.Join(append(slices.Delete(written, i, i+1), element), ", ")
	}
	return c.written[setting] // by way of another setting, which is not ours to change
}

func smtpdMilters(c Configuration, w Wanted) string {
	if refers(c.written["smtpd_milters"], "non_smtpd_milters") {
		return c.written["smtpd_milters"] // we come with the other one
	}
	return c.withMilter("smtpd_milters", w)
}

// otherMilters brings no milter but ours to local mail: that the others do not see it
// is the administrator's choice.
func otherMilters(c Configuration, w Wanted) string {
	strangers := slices.ContainsFunc(words(c.written["smtpd_milters"]), func(one string) bool { return !c.calls(one, w) })
	switch now := c.written["non_smtpd_milters"]; {
	case now == "" && strangers:
		return c.Name(w.Milter)
	case now == "":
		return "$smtpd_milters"
	case refers(now, "smtpd_milters"):
		return now
	}
	return c.withMilter("non_smtpd_milters", w)
}

// defaultAction keeps what defers. "shutdown", the default since 3.10.8, says 421 once and ends the
// session; with "tempfail" a session that outlives our restart gets 451 until its client closes it.
func defaultAction(c Configuration, _ Wanted) string {
	now, version := c.written["milter_default_action"], c.expanded["mail_version"]
	switch {
	case defers(c.expanded["milter_default_action"]):
		return now
	case version != "" && !Older(version, "3.10.8"):
		return "shutdown"
	}
	return "tempfail"
}

func bounces(c Configuration, _ Wanted) string {
	if slices.Contains(words(c.expanded["internal_mail_filter_classes"]), "bounce") {
		return c.written["internal_mail_filter_classes"]
	}
	return extend(c.written["internal_mail_filter_classes"], "bounce")
}

func relayDomains(c Configuration, w Wanted) string {
	switch there := words(c.expanded["relay_domains"]); {
	case len(there) == 0:
		return w.Bounce
	case holds(there, w.Bounce):
		return c.written["relay_domains"]
	}
	return extend(c.written["relay_domains"], w.Bounce)
}

// relayRecipients leaves the setting empty where other domains are relayed, whose
// recipients a list would refuse. A list that works already stays, ours or the plain one.
func relayRecipients(c Configuration, w Wanted) string {
	const name = "relay_recipient_maps"
	now := c.written[name]
	known := regexp.MustCompile(`(?i)@` + regexp.QuoteMeta(w.Bounce) + `[\s=]`)
	ours := c.tables(name, w)
	switch {
	case slices.ContainsFunc(ours, func(t Table) bool { return c.works(name, t, w) }), w.delivers() && len(ours) > 0:
		return c.put(name, w)
	case now == "" && len(c.otherRelays(w)) > 0, known.MatchString(c.expanded[name]):
		return now
	case w.delivers():
		return extend(now, c.element(name, w))
	}
	return extend(now, boundTo(w.Bounce))
}

// boundTo is the table that has every address at the bounce domain.
func boundTo(bounce string) string { return "inline:{ { @" + bounce + " = OK } }" }

// otherRelays returns what else is in relay_domains.
func (c Configuration) otherRelays(w Wanted) []string {
	return slices.DeleteFunc(words(c.expanded["relay_domains"]), func(one string) bool { return holds([]string{one}, w.Bounce) })
}

func lineLimit(Configuration, Wanted) string { return "0" }

// recodeEarly and recodeNever are two remedies for one thing; one of them suffices.
func recodeEarly(c Configuration, _ Wanted) string {
	if c.recodes() && c.expanded["disable_mime_output_conversion"] != "yes" {
		return "yes"
	}
	return c.written["force_mime_input_conversion"]
}

func recodeNever(c Configuration, _ Wanted) string {
	if c.recodes() {
		return c.written["disable_mime_output_conversion"]
	}
	return "yes"
}

package postfix

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Dangers returns the settings that let mail bypass onbehalf, break its signatures or lose
// bounces, and that are not setup's to change.
func (c Configuration) Dangers(w Wanted) []Finding {
	var all []Finding
	note := func(fix, what string, args ...any) {
		all = append(all, Finding{Level: Warning, What: fmt.Sprintf(what, args...), Fix: fix})
	}
	for _, name := range []string{"mydestination", "virtual_alias_domains", "virtual_mailbox_domains"} {
		if holds(c.list(name), w.Bounce) {
			note("take it out", "%s contains %s, so bounces would be delivered here", name, w.Bounce)
		}
	}
	if others := c.otherRelays(w); c.Known() && c.written["relay_recipient_maps"] == "" && len(others) > 0 {
		note("postfix.example.cf says what a list is good for",
			"relay_recipient_maps stays empty, because you also relay for %s, and a list would refuse mail for that", List(others))
	}
	if c.behindUs(w) {
		note("move them before it", "smtpd_milters names other milters behind onbehalf by way of another setting; what they change breaks signatures")
	}
	if slices.Contains(c.list("receive_override_options"), "no_milters") {
		note("take it out of main.cf", "receive_override_options contains no_milters: Postfix calls no milter, so no mail is signed or rewritten")
	}
	if filter := c.Setting("content_filter"); filter != "" {
		note("make sure that mail which the filter hands back meets no milters, see master.cf in postfix.example.cf", "content_filter is %s", filter)
	}
	if origin := c.origin(); origin != "" && !strings.EqualFold(origin, c.Setting("myhostname")) && !strings.EqualFold(origin, w.Platform) {
		note("set myorigin = $myhostname", "bounces that Postfix makes come from MAILER-DAEMON@%s (myorigin), which is neither this host's name nor %s", origin, w.Platform)
	}
	for _, o := range c.overrides {
		switch {
		case o.Name == "smtpd_milters" && !c.listCalls(o.Value, w) && !refers(o.Value, "smtpd_milters"):
			note(fmt.Sprintf("add %s there, unless that is meant", c.Name(w.Milter)),
				"in master.cf %s has smtpd_milters of its own (%s), so its mail bypasses onbehalf", o.Service, cmp.Or(o.Value, "none"))
		case o.Name == "receive_override_options" && slices.Contains(words(o.Value), "no_milters"):
			note("right where a content filter hands mail back; take it out elsewhere",
				"in master.cf %s has no_milters, so what comes in there is neither signed nor rewritten", o.Service)
		}
	}
	return all
}

// behindUs reports whether milters come behind us that setup cannot move.
func (c Configuration) behindUs(w Wanted) bool {
	meant := c.list("smtpd_milters")
	i := slices.IndexFunc(meant, func(element string) bool { return c.calls(element, w) })
	return i >= 0 && i < len(meant)-1 && !c.listCalls(c.written["smtpd_milters"], w)
}

// origin returns the domain of mail without one. Debian has it in a file.
func (c Configuration) origin() string {
	origin := c.Setting("myorigin")
	if strings.HasPrefix(origin, "/") {
		text, _ := os.ReadFile(origin)
		origin, _, _ = strings.Cut(string(text), "\n")
	}
	return strings.TrimSpace(origin)
}

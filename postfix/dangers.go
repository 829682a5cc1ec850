package postfix

import (
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
	if origin := c.origin(); origin != "" && !strings.EqualFold(origin, c.Setting("myhostname")) && !strings.EqualFold(origin, w.Platform) {
		note("set myorigin = $myhostname", "bounces that Postfix makes come from MAILER-DAEMON@%s (myorigin), which is neither this host's name nor %s", origin, w.Platform)
	}
	all = append(all, c.riskFindings(w)...)
	all = append(all, c.filterFindings(w)...)
	return c.here(append(all, c.trustFindings(w)...))
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

package postfix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a finding is.
type Level int

const (
	OK      Level = iota
	Warning       // mail flows, or it could not be looked into
	Error         // mail is deferred, lost, or leaves as it should not
)

// String returns the word that JSON has.
func (l Level) String() string { return [...]string{"ok", "warning", "error"}[l] }

// MarshalText is String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that was found in the configuration.
type Finding struct {
	Level    Level
	What     string
	Why      string   // it matters, or what it does
	Fix      string   // what to do
	Commands []string // lines for a shell that do it
	setting  string   // that was judged; empty: another thing
}

// reload is the command behind each change.
const reload = "postfix reload"

// asker asks tables of others, and notes those that do not answer.
type asker struct {
	lookup Lookup
	failed []Finding
}

// ask returns what is there by key; answered: it is known. What says what for the table is asked.
func (a *asker) ask(t Table, keys []string, what string) (found map[string]string, answered bool) {
	found, err := a.lookup(t, keys)
	if err != nil {
		a.failed = append(a.failed, Finding{Level: Warning, What: what, Why: err.Error(), Fix: "run onbehalf doctor as root, while Postfix runs"})
	}
	return found, err == nil
}

// Findings judges the settings that onbehalf needs, and those that are dangerous to it. Where mail
// is delivered directly, lookup is asked about tables of others.
func (c Configuration) Findings(w Wanted, lookup Lookup) []Finding {
	var all []Finding
	tables, odd := c.tableFindings(w)
	for _, change := range c.Needs(w) {
		if change.Value == "" && change.Now == "" || odd[change.Name] {
			continue // this Postfix has no such setting, or needs none; or tableFindings says it
		}
		f := c.judge(change, w)
		f.setting = change.Name
		all = append(all, f)
	}
	all = append(all, tables...)
	if len(w.Direct) > 0 {
		all = append(all, c.directFindings(w, lookup)...)
	}
	return append(c.here(all), c.Dangers(w)...)
}

// grave are the settings without which mail leaves as it should not, or bounces are
// refused. Without the others some messages fare worse.
var grave = []string{"smtpd_milters", "non_smtpd_milters", "milter_default_action", "relay_domains", "transport_maps"}

// unnamed says what happens while a setting does not name our socket.
var unnamed = map[string]struct{ socket, why string }{
	"smtpd_milters":        {"socket", "onbehalf is not called for mail that comes by SMTP, which leaves as it came"},
	"non_smtpd_milters":    {"socket", "onbehalf is not called for mail of local programs (sendmail), which leaves as it came"},
	"transport_maps":       {"socketmap", "Postfix does not ask onbehalf where mail goes, so mail to directly delivered domains goes by MX like any other"},
	"smtp_tls_policy_maps": {"socketmap", "Postfix does not know which TLS tenants want on the way to their servers, and follows smtp_tls_security_level"},
}

// judge says whether a setting has its value.
func (c Configuration) judge(change Change, w Wanted) Finding {
	if change.done() {
		return Finding{What: change.Name + " = " + strings.Join(strings.Fields(change.Now), " ")}
	}
	f := Finding{Level: Warning, What: change.Name + " is " + orEmpty(c.Setting(change.Name)), Why: "it should be " + change.Value + ": " + change.Why,
		Fix: "set it, then reload Postfix", Commands: []string{change.Line(), reload}}
	if strings.HasSuffix(change.Name, "_milters") && c.Calls(change.Name, w) {
		f.Why = "milters behind onbehalf break its signatures if they change anything"
		return f
	}
	if u, is := unnamed[change.Name]; is {
		f.What, f.Why = fmt.Sprintf("%s does not name our %s, it is %s", change.Name, u.socket, orEmpty(change.Now)), u.why
	}
	if slices.Contains(grave, change.Name) || change.Name == "smtp_tls_policy_maps" && len(w.strict()) > 0 {
		f.Level = Error
	}
	return f
}

func orEmpty(value string) string { return cmp.Or(value, "empty") }

// tableFindings says what is wrong with tables of ours in Postfix's settings, and with services
// that have such a setting for themselves. odd are the settings of main.cf that are wrong.
func (c Configuration) tableFindings(w Wanted) (all []Finding, odd map[string]bool) {
	odd = make(map[string]bool)
	for _, one := range tableSettings {
		setting, tables := one.name, c.tables(one.name, w)
		for _, t := range tables {
			if !c.right(setting, t.Name, w) {
				odd[setting] = true
				all = append(all, c.wrongTable(setting, t, w))
			}
		}
		if len(tables) > 1 && !odd[setting] {
			odd[setting] = true
			all = append(all, c.tidy(Finding{Level: Warning, What: setting + " names our socketmap twice",
				Why: "the second one never has an answer that the first has not, and is asked all the same"}, setting, w))
		}
		if w.delivers() {
			all = append(all, c.ownTables(setting, w)...)
		}
	}
	return all, odd
}

func (c Configuration) wrongTable(setting string, t Table, w Wanted) Finding {
	f := Finding{Level: Error, What: fmt.Sprintf("%s asks our socketmap for the map %q", setting, t.Name), Why: "that map has no answers for this setting"}
	if t.Name == w.Maps.TLSPolicyTLSRPT && setting == "smtp_tls_policy_maps" {
		f.Why = fmt.Sprintf("its answers have attributes that Postfix knows from 3.10 on; this is %s, and defers all mail to a next hop for which it gets one", c.Setting("mail_version"))
	}
	return c.tidy(f, setting, w)
}

// tidy adds how a setting gets one table of ours, in front.
func (c Configuration) tidy(f Finding, setting string, w Wanted) Finding {
	switch change := c.tidied(setting, w); {
	case c.borrowed(setting, w):
		f.Fix = fmt.Sprintf("it comes by way of another setting (%s is %s): correct that, so that it holds %s once, in front", setting, change.Now, c.element(setting, w))
	case change.done():
		f.Fix = fmt.Sprintf("%s is set in master.cf: put %s in front of it there", setting, c.element(setting, w))
	default:
		f.Fix, f.Commands = "set it, then reload Postfix", []string{change.Line(), reload}
	}
	return f
}

// ownTables finds the services that deliver directly and have a setting for themselves in which
// our table is missing.
func (c Configuration) ownTables(setting string, w Wanted) []Finding {
	var all []Finding
	for _, service := range c.readersOf(setting) {
		value, own := c.Of(service.Name, setting)
		matters := setting == "transport_maps" || setting == "smtp_tls_policy_maps" && service.Name == DirectService && len(w.strict()) > 0
		if !own || !matters || len(c.oursIn(value, w)) > 0 {
			continue
		}
		all = append(all, Finding{Level: Error, What: fmt.Sprintf("in master.cf %s has %s of its own (%s), without our table", service.Name, setting, orEmpty(value)),
			Why:      "what main.cf says does not count there",
			Fix:      fmt.Sprintf("take it out, or put %s in front of it", c.element(setting, w)),
			Commands: []string{fmt.Sprintf("postconf -PX %s/%s", service.Name, setting), reload}})
	}
	return all
}

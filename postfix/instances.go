package postfix

import "slices"

// Others returns the other instances of this host, where this one manages them, as postmulti -l
// lists them.
func (c Configuration) Others() []Instance {
	var all []Instance
	for _, folder := range c.list("multi_instance_directories") {
		if folder != c.Folder() {
			all = append(all, Instance(folder))
		}
	}
	return all
}

// Enabled reports whether an instance is started with the others (postmulti(1)).
func (c Configuration) Enabled() bool { return c.Setting("multi_instance_enable") != "no" }

// CalledBy reports whether a service of this instance calls onbehalf.
func (c Configuration) CalledBy(w Wanted) bool {
	return c.Calls("non_smtpd_milters", w) ||
		slices.ContainsFunc(c.Services("smtpd"), func(s Service) bool { return c.callsUs(s.Name, w) })
}

// OfAnother judges an instance beside the one that onbehalf was set up for. One that does not call
// onbehalf may be right, where it sends what another one has had signed. The bounce domain is the
// first one's.
func (c Configuration) OfAnother(w Wanted, lookup Lookup) []Finding {
	if c.CalledBy(w) {
		return slices.DeleteFunc(c.Findings(w, lookup), func(f Finding) bool { return slices.Contains(incoming, f.setting) })
	}
	all := []Finding{{Level: Warning, What: "the Postfix in " + c.Folder() + " does not call onbehalf",
		Why: "what comes in there by SMTP or sendmail leaves unsigned and unrewritten",
		Fix: "right where it takes only what another instance, which calls onbehalf, hands on; else set it up", Commands: []string{"MAIL_CONFIG=" + c.Folder() + " onbehalf setup --apply"}}}
	return append(all, c.here(c.riskFindings(w, senders...))...)
}

// incoming are settings that the instance needs to which bounces come.
var incoming = []string{"relay_domains", "relay_recipient_maps"}

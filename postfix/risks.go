package postfix

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// risk is a setting by which mail bypasses onbehalf, or is changed after it was signed. It is
// looked for in main.cf, and in each service of master.cf that is one of the readers.
type risk struct {
	setting string
	readers []string
	bad     func(c Configuration, p place, w Wanted) bool
	level   Level
	what    string // is in its value; empty: the value as a whole is meant
	why     string
	fix     string
	better  func(p place) string // value that fixes it, empty for none; nil: a person has to choose
}

// Programs of Postfix that read the settings below.
var (
	entrances = []string{"smtpd", "pickup", "qmqpd"} // mail comes in by them
	callers   = []string{"smtpd", "cleanup"}         // they call milters
	senders   = []string{"smtp", "lmtp"}             // mail leaves by them, after it was signed
)

const (
	noMilters   = "no_milters"
	afterSigned = "it works after the message was signed: what it changes breaks the signature"
	emptyOrSafe = "take it out, or see to it that it changes no From, To, Subject, Date or other signed field, and no body"
	srsWhy      = "it rewrites addresses that onbehalf has chosen: SPF of a tenant no longer aligns, and bounces do not come back to the author"
	srsFix      = "take it out; a host that also forwards mail of strangers keeps it, and leaves the platform, the bounce domain and all tenants out of it (SRS_EXCLUDE_DOMAINS)"
)

// risks are all of them. What has to do with filters is in filters.go, with clients in trusted.go.
var risks = []risk{
	{"receive_override_options", entrances, skipsMilters, Error, noMilters,
		"Postfix calls no milter, so what comes in there is neither signed nor rewritten", "take it out", withoutNoMilters},
	{"receive_override_options", entrances, skipsMiltersAtHome, Warning, noMilters,
		"what comes in there is neither signed nor rewritten", "right where a content filter hands mail back; take it out elsewhere", nil},
	{"smtpd_milters", []string{"smtpd"}, bypasses, Warning, "",
		"its mail bypasses onbehalf", "", nil}, // the fix names our socket
	{"non_smtpd_milters", []string{"cleanup"}, bypassesLocally, Error, "",
		"mail of local programs (sendmail) bypasses onbehalf", "take it out", nothing},
	{"smtpd_milters", []string{"smtpd"}, letsThrough, Error, "",
		"while onbehalf is down, mail leaves unsigned and unrewritten, or is refused for good", "take default_action out of the braces", nil},
	{"non_smtpd_milters", []string{"cleanup"}, letsThrough, Error, "",
		"while onbehalf is down, mail leaves unsigned and unrewritten, or is refused for good", "take default_action out of the braces", nil},
	{"milter_default_action", callers, ownAction, Error, "",
		"while onbehalf is down, mail leaves unsigned and unrewritten, or is refused for good", "take it out", nothing},
	{"smtpd_milter_maps", []string{"smtpd"}, disablesTrusted, Error, "",
		"it says DISABLE for clients whose mail onbehalf signs and rewrites (trust.networks), so their mail bypasses it", "take them out of the table", nil},
	{"smtpd_milter_maps", []string{"smtpd"}, mapsOthers, Warning, "",
		"it takes the place of smtpd_milters for the clients that it names, so their mail may bypass onbehalf", "see that it names onbehalf for every client in trust.networks", nil},
	{"smtp_header_checks", senders, filled, Warning, "", afterSigned, emptyOrSafe, nil},
	{"smtp_mime_header_checks", senders, filled, Warning, "", afterSigned, emptyOrSafe, nil},
	{"smtp_nested_header_checks", senders, filled, Warning, "", afterSigned, emptyOrSafe, nil},
	{"smtp_body_checks", senders, filled, Warning, "", afterSigned, emptyOrSafe, nil},
	{"smtp_generic_maps", senders, filled, Warning, "",
		"it rewrites addresses in envelope and header after the message was signed: the signature breaks, and a bounce address no longer leads back", "take it out, or see to it that it knows no address of the platform, the bounce domain or a tenant", nil},
	{"smtp_line_length_limit", senders, cutsLines, Warning, "",
		"long lines are cut in two after they were signed, which breaks the signature", "take it out", nothing},
	{"relayhost", nil, relays, Warning, "",
		"receivers see the address of that host, not of this one", "write the addresses that it sends from into platform.sending_ips, for SPF of the platform and of tenants; it may change nothing in the mail", nil},
	{"sender_canonical_maps", []string{"cleanup"}, isSRS, Warning, "", srsWhy, srsFix, nil},
	{"recipient_canonical_maps", []string{"cleanup"}, isSRS, Warning, "",
		"another SRS daemon (PostSRSd) answers for bounce addresses beside onbehalf", srsFix, nil},
	{"canonical_maps", []string{"cleanup"}, isSRS, Warning, "", srsWhy, srsFix, nil},
	{"smtpd_milters", []string{"smtpd"}, signedBefore, Warning, "",
		"another DKIM signer stands before onbehalf: its signature breaks where From is rewritten, and else the mail carries two", "take it out, or have it verify only (OpenDKIM: Mode v)", nil},
	{"non_smtpd_milters", []string{"cleanup"}, signedBefore, Warning, "",
		"another DKIM signer stands before onbehalf: its signature breaks where From is rewritten, and else the mail carries two", "take it out, or have it verify only (OpenDKIM: Mode v)", nil},
	{"local_header_rewrite_clients", []string{"smtpd"}, completes, Warning, "",
		"Postfix completes addresses in the header of these clients before onbehalf sees them: From: Jansen, Piet <p@x.nl> becomes two authors, and the mail is refused (9 unreadable)", "leave it at permit_inet_interfaces", nothing},
}

// riskFindings looks for risks that some of the readers can have; no readers: for all.
func (c Configuration) riskFindings(w Wanted, readers ...string) []Finding {
	var all []Finding
	for _, r := range risks {
		if len(readers) > 0 && !slices.ContainsFunc(r.readers, func(one string) bool { return slices.Contains(readers, one) }) {
			continue
		}
		for _, p := range c.places(r.setting, r.readers...) {
			if r.bad(c, p, w) {
				all = append(all, r.finding(c, p, w))
			}
		}
	}
	return all
}

func (r risk) finding(c Configuration, p place, w Wanted) Finding {
	f := Finding{Level: r.level, Why: r.why, Fix: cmp.Or(r.fix, "add "+c.Name(w.Milter)+" there, unless that is meant")}
	switch {
	case r.what != "" && p.service == "":
		f.What = r.setting + " contains " + r.what
	case r.what != "":
		f.What = p.has() + r.what + " in " + r.setting
	case p.service == "":
		f.What = r.setting + " is " + orEmpty(p.value)
	default:
		f.What = p.has() + r.setting + " of its own (" + cmp.Or(p.value, "none") + ")"
	}
	if r.better != nil {
		f.Commands = []string{p.line(r.setting, r.better(p)), reload}
	}
	return f
}

func nothing(place) string { return "" }

func filled(_ Configuration, p place, _ Wanted) bool { return p.value != "" }

func hasNoMilters(p place) bool { return slices.Contains(words(p.value), "no_milters") }

func skipsMilters(c Configuration, p place, _ Wanted) bool {
	return hasNoMilters(p) && !atHome(p.service) && !c.takesBack(p.service)
}

// skipsMiltersAtHome is about services that local programs alone can reach, where a filter may hand
// mail back that is not known from here.
func skipsMiltersAtHome(c Configuration, p place, _ Wanted) bool {
	return hasNoMilters(p) && atHome(p.service) && !c.takesBack(p.service)
}

func withoutNoMilters(p place) string {
	return strings.Join(slices.DeleteFunc(words(p.value), func(one string) bool { return one == "no_milters" }), ",")
}

// bypasses is about services alone: main.cf is judged by what onbehalf needs.
func bypasses(c Configuration, p place, w Wanted) bool {
	return p.service != "" && !c.listCalls(p.value, w) && !refers(p.value, "smtpd_milters") && !c.takesBack(p.service)
}

// bypassesLocally is about the cleanup that pickup(8) hands mail to; others have other uses.
func bypassesLocally(c Configuration, p place, w Wanted) bool {
	first, _ := c.Of("pickup/unix", "cleanup_service_name")
	return p.service == cmp.Or(first, "cleanup")+"/unix" && !c.listCalls(p.value, w) && !refers(p.value, "non_smtpd_milters")
}

// defers reports whether a default action loses nothing and lets nothing through.
func defers(action string) bool { return action == "tempfail" || action == "shutdown" }

func ownAction(_ Configuration, p place, _ Wanted) bool { return p.service != "" && !defers(p.value) }

var optionAction = regexp.MustCompile(`\bdefault_action\s*=\s*(\w+)`)

// letsThrough looks for a default action in the braces around our socket (MILTER_README).
func letsThrough(c Configuration, p place, w Wanted) bool {
	return slices.ContainsFunc(words(p.value), func(element string) bool {
		action := optionAction.FindStringSubmatch(element)
		return action != nil && !defers(action[1]) && c.calls(element, w)
	})
}

func cutsLines(_ Configuration, p place, _ Wanted) bool { return p.service != "" && p.value != "0" }

// relays reports whether mail leaves by another host, of which platform.sending_ips says nothing.
func relays(_ Configuration, p place, w Wanted) bool {
	host, exact := strings.CutPrefix(p.value, "[") // [host]:port, or host:port for its MX
	end := ":"
	if exact {
		end = "]"
	}
	host, _, _ = strings.Cut(host, end)
	addr, err := netip.ParseAddr(strings.TrimPrefix(strings.ToLower(host), "ipv6:"))
	switch {
	case host == "" || host == "localhost":
		return false
	case err == nil:
		return !addr.IsLoopback() && !slices.Contains(w.SendingIPs, addr.Unmap())
	}
	return true
}

// srsTable matches the tables of PostSRSd: TCP ports of version 1, a socketmap of version 2.
var srsTable = regexp.MustCompile(`^tcp:.*:1000[12]$|^socketmap:.*:(forward|reverse)$|(?i)srs`)

func isSRS(_ Configuration, p place, _ Wanted) bool {
	return slices.ContainsFunc(words(p.value), srsTable.MatchString)
}

// signer matches milters that sign with DKIM: by their name, or the port that guides give them.
var signer = regexp.MustCompile(`(?i)dkim|inet:[^ ]*:(8891|8892|12301)\b`)

func signedBefore(c Configuration, p place, w Wanted) bool {
	all := words(p.value)
	i := slices.IndexFunc(all, func(element string) bool { return c.calls(element, w) })
	return i > 0 && slices.ContainsFunc(all[:i], signer.MatchString)
}

func completes(_ Configuration, p place, _ Wanted) bool {
	return p.value != "" && p.value != "permit_inet_interfaces"
}

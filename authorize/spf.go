package authorize

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	library "blitiri.com.ar/go/spf"
	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
)

// spf evaluates the SPF record of a domain for every sending IP (RFC 7208). All
// must pass.
func (l *lookup) spf(d message.Domain) (Finding, []SPFResult) {
	answer, err := l.dns.To(d.String(), dns.TypeTXT)
	if err != nil {
		return unreadable(SPFTooLarge, err), nil
	}
	records := record.OnlySPF(answer.Texts())
	switch len(records) {
	case 0:
		return absentSPF(d, answer), nil
	case 1:
		return l.judgeSPF(d, records)
	}
	return finding(Missing, SPFSeveral, records, "merge them into the one that onbehalf dns shows, and delete the others",
		"%s has %d SPF records, and with more than one, receivers ignore all of them", d, len(records)), nil
}

func absentSPF(d message.Domain, answer resolve.Answer) Finding {
	for _, text := range answer.Texts() {
		if fault, meant := record.LooksLikeSPF(text); meant {
			return finding(Missing, SPFPasted, []string{text}, replace, "%s has a record that was meant to be SPF, and receivers do not see it as such: %s", d, fault)
		}
	}
	switch {
	case answer.NoName && len(answer.Chain) > 1:
		return finding(Missing, SPFAbsent, nil, "correct the alias, or replace it with the records that onbehalf dns shows", "%s has no SPF record: it is an alias (CNAME) of %s, which does not exist", d, answer.Target())
	case answer.NoName && d == dmarc.Listed(d):
		return finding(Missing, SPFAbsent, nil, "correct the domain in the configuration, or have it registered", "%s has no SPF record: this domain does not exist in DNS (NXDOMAIN)", d)
	}
	return finding(Missing, SPFAbsent, nil, publishIt, "%s has no SPF record", d)
}

// localParts are two mailboxes: what passes for one of them only is no
// authorization of the host.
var localParts = []string{"postmaster", "onbehalf-look"}

// judgeSPF evaluates for each address. A definite failure of one outweighs that there
// was no answer for another.
func (l *lookup) judgeSPF(d message.Domain, found []string) (Finding, []SPFResult) {
	var results []SPFResult
	verdict := finding(There, SPFPasses, found, "", "SPF of %s passes for %s%s", d, listed(l.platform.SendingIPs), forEveryone(found[0]))
	for _, ip := range l.platform.SendingIPs {
		first := l.evaluate(ip, localParts[0]+"@"+d.String())
		results = append(results, first)
		one := l.judgeResult(d, first, found)
		if one.Verdict == There {
			if second := l.evaluate(ip, localParts[1]+"@"+d.String()); second.Result != library.Pass {
				one = l.judgeByMailbox(d, second, found)
			}
		}
		if one.Verdict == Missing && verdict.Verdict != Missing || one.Verdict == Unanswered && verdict.Verdict == There {
			verdict = one
		}
	}
	if verdict.Reason == SPFNotCovered {
		verdict = notCovered(d, results, found)
	}
	return verdict, results
}

// forEveryone says that a record lets every host pass, in its own words; empty: it does not.
func forEveryone(text string) string {
	s, _ := record.ParseSPF(text)
	if t, found := s.Everyone(); found {
		return fmt.Sprintf(", as for every host on the Internet (%s): replace it with the record that onbehalf dns shows", t.Text)
	}
	return ""
}

func listed(ips []netip.Addr) string { return strings.ReplaceAll(addresses(ips), " ", ", ") }

func (l *lookup) judgeByMailbox(d message.Domain, r SPFResult, found []string) Finding {
	switch {
	case r.trail.tooMuch != nil:
		return tooMuch(d, r.trail.tooMuch, found)
	case r.trail.troubled != nil:
		return unanswered(r.trail.troubled)
	}
	return finding(Missing, SPFByMailbox, found, replace, "SPF of %s passes for %s with some local parts only (macros %%{s} or %%{l})", d, r.IP)
}

// judgeResult puts one evaluation into words. The library stops at the term that
// matches; a receiver reads the whole record first, and stumbles behind it, too (RFC 7208
// section 4.6). A fault in a record that was read is one whatever servers did not answer.
func (l *lookup) judgeResult(d message.Domain, r SPFResult, found []string) Finding {
	no := func(reason Reason, remedy, format string, args ...any) Finding {
		return finding(Missing, reason, found, remedy, format, args...)
	}
	at, fault := r.trail.syntax()
	switch {
	case fault != nil && at != d.String():
		return no(SPFSyntax, "have its owner fix that term, or remove the term that points there", "SPF of %s leads to %s, where the record is faulty, and receivers then ignore both: %v", d, at, fault)
	case fault != nil:
		return no(SPFSyntax, "fix that term", "the SPF record of %s is faulty, and receivers ignore all of it: %v", d, fault)
	case r.trail.tooMuch != nil:
		return tooMuch(d, r.trail.tooMuch, found)
	case r.Result != library.Pass && r.trail.troubled != nil:
		return unanswered(r.trail.troubled)
	case r.Result != library.Pass && r.trail.byHELO:
		return no(SPFByHELO, replace, "SPF of %s goes by the name that a host says in HELO (macro %%{h}), which any host can choose: receivers may see %s pass by the name that it says, and onbehalf does not rely on that", d, r.IP)
	case errors.Is(r.cause, library.ErrLookupLimitReached):
		return l.judgeLookups(d, r, no)
	case errors.Is(r.cause, library.ErrVoidLookupLimitReached):
		return no(SPFTooManyVoid, "remove the terms that point there, or put ours before them", "SPF of %s needs more than two lookups that find nothing (%s) before it comes to %s: that is a permanent error to receivers",
			d, strings.Join(r.trail.voids, ", "), r.IP)
	case errors.Is(r.cause, library.ErrTooManyMXRecords):
		return no(SPFTooManyMX, "name the hosts or their networks (ip4, ip6) for that mx term, or put ours before it", "SPF of %s has an mx term for %s, which has more than 10 hosts: that is a permanent error to receivers", d, r.trail.lastMX)
	case r.Result == library.PermError && errors.Is(r.cause, library.ErrMultipleRecords):
		return no(SPFSeveral, "have its owner delete all but one, or remove the term that points there", "SPF of %s leads to %s, which has several SPF records: that is a permanent error to receivers", d, r.trail.last)
	case r.Result == library.PermError && errors.Is(r.cause, library.ErrNoResult):
		return no(SPFDeadInclude, "remove the term that points there, or have its owner publish a record", "SPF of %s leads to %s, which has no SPF record: that is a permanent error to receivers", d, r.trail.last)
	case r.Result == library.PermError:
		return no(SPFSyntax, "fix it", "SPF of %s is a permanent error to receivers: %v", d, r.cause)
	case r.Result != library.Pass:
		return notCovered(d, []SPFResult{r}, found)
	}
	return finding(There, SPFPasses, found, "", "")
}

// judgeLookups distinguishes a record that goes round in circles from one that is merely long.
func (l *lookup) judgeLookups(d message.Domain, r SPFResult, no func(Reason, string, string, ...any) Finding) Finding {
	const circles = 3 // honest records come to one name twice, perhaps
	times := make(map[string]int)
	for _, p := range r.trail.records {
		if times[p.Name]++; times[p.Name] == circles {
			return no(SPFTooManyLookup, "remove the include or redirect that leads back", "SPF of %s loops: it comes back to %s until 10 DNS lookups are used up, which is a permanent error to receivers", d, p.Name)
		}
	}
	return no(SPFTooManyLookup, useFewer, "SPF of %s needs more than 10 DNS lookups to find out whether it includes %s, which is a permanent error to receivers", d, r.IP)
}

// tooMuch says that a record leads beyond our bounds; honest ones keep far from them.
func tooMuch(d message.Domain, why error, found []string) Finding {
	if errors.Is(why, resolve.ErrTooLarge) {
		return finding(Missing, SPFTooLarge, found, "remove the term that points there", "SPF of %s leads too far: %s", d, excess(why))
	}
	return finding(Missing, SPFTooManyLookup, found, useFewer, "SPF of %s leads to more DNS questions and answers than any receiver takes", d)
}

const useFewer = "use fewer include, a, mx, ptr and exists terms, and put ours first: onbehalf dns shows how"

// notCovered names the first address that does not pass, and all that come to the same end.
func notCovered(d message.Domain, results []SPFResult, found []string) Finding {
	var why string
	var ips []netip.Addr
	for _, r := range results {
		definite := r.Result != library.Pass && r.Result != library.PermError && r.trail.troubled == nil
		if definite && (why == "" || why == whyNot(r)) {
			why, ips = whyNot(r), append(ips, r.IP)
		}
	}
	if len(ips) > 1 {
		why = strings.Replace(why, "this address", "these addresses", 1)
	}
	return finding(Missing, SPFNotCovered, found, replace, "SPF of %s does not include %s: %s", d, listed(ips), why)
}

// ends are the terms that catch all addresses, by what they make of them.
var ends = map[library.Result]string{library.Fail: "-all", library.SoftFail: "~all", library.Neutral: "?all"}

// whyNot says which end an evaluation came to.
func whyNot(r SPFResult) string {
	switch {
	case r.cause == nil:
		return "no term covers this address, and there is no all"
	case errors.Is(r.cause, library.ErrMatchedAll):
		return fmt.Sprintf("no term covers this address, so %q applies", ends[r.Result])
	}
	return fmt.Sprintf("%s, because the term that covers it, or an include that leads there, has a qualifier (-, ~ or ?)", r.Result)
}

// syntax finds the first fault in the records that an evaluation read, and where.
func (t *trail) syntax() (at string, fault error) {
	for _, p := range t.records {
		if _, err := record.ParseSPF(p.Text); err != nil {
			return p.Name, err
		}
	}
	return "", nil
}

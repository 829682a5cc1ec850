package authorize

import (
	"errors"
	"fmt"
	"strings"

	library "blitiri.com.ar/go/spf"
	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/message"
)

// spf evaluates the SPF record of a domain for every sending IP (RFC 7208). All
// must pass.
func (l *look) spf(d message.Domain) (Finding, []SPFResult) {
	answer, err := l.dns.Ask(l.ctx, d.String(), dns.TypeTXT)
	if err != nil {
		return unanswered(err), nil
	}
	var records []string
	for _, text := range answer.Texts() {
		if record.IsSPF(text) {
			records = append(records, text)
		}
	}
	switch len(records) {
	case 0:
		return absentSPF(d, answer.Texts()), nil
	case 1:
		return l.judgeSPF(d, records)
	}
	return finding(Missing, SPFSeveral, records, "merge them into the one that onbehalf dns shows, and delete the others",
		"%s has %d SPF records, and receivers then heed none", d, len(records)), nil
}

func absentSPF(d message.Domain, texts []string) Finding {
	for _, text := range texts {
		if fault, meant := record.LooksLikeSPF(text); meant {
			return finding(Missing, SPFPasted, []string{text}, replace, "%s has a record that was meant to be SPF, and receivers do not see it as such: %s", d, fault)
		}
	}
	return finding(Missing, SPFAbsent, nil, askDNS, "%s has no SPF record", d)
}

// localParts are two mailboxes: what passes for one of them only is no
// authorization of the host.
var localParts = []string{"postmaster", "onbehalf-look"}

// judgeSPF evaluates for each address. A definite failure of one outweighs that there
// was no answer for another.
func (l *look) judgeSPF(d message.Domain, found []string) (Finding, []SPFResult) {
	var results []SPFResult
	verdict := finding(There, SPFPasses, found, "", "SPF of %s passes for %s", d, strings.ReplaceAll(addresses(l.Platform.SendingIPs), " ", ", "))
	for _, ip := range l.Platform.SendingIPs {
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
	return verdict, results
}

func (l *look) judgeByMailbox(d message.Domain, r SPFResult, found []string) Finding {
	if r.trail.troubled != nil {
		return unanswered(r.trail.troubled)
	}
	return finding(Missing, SPFByMailbox, found, replace, "SPF of %s passes for %s with some local parts only (macros %%{s} or %%{l})", d, r.IP)
}

// judgeResult puts one evaluation into words. The library stops at the term that
// matches; a receiver that reads the whole record first (RFC 7208 section 4.6) may
// stumble behind it.
func (l *look) judgeResult(d message.Domain, r SPFResult, found []string) Finding {
	no := func(reason Reason, remedy, format string, args ...any) Finding {
		return finding(Missing, reason, found, remedy, format, args...)
	}
	faulty := r.trail.syntax()
	switch {
	case r.trail.tooMany:
		return no(SPFTooManyLookup, simplify, "SPF of %s leads to more DNS questions than any receiver asks", d)
	case r.Result != library.Pass && r.trail.troubled != nil:
		return unanswered(r.trail.troubled)
	case errors.Is(r.Cause, library.ErrLookupLimitReached):
		return no(SPFTooManyLookup, simplify, "SPF of %s needs more than 10 DNS look-ups before it comes to %s, which is a permanent error to receivers", d, r.IP)
	case errors.Is(r.Cause, library.ErrVoidLookupLimitReached):
		return no(SPFTooManyVoid, "take out the terms that name what no longer exists", "SPF of %s names more than two things that do not exist, which is a permanent error to receivers", d)
	case errors.Is(r.Cause, library.ErrTooManyMXRecords):
		return no(SPFTooManyMX, simplify, "SPF of %s has an mx term that leads to more than 10 hosts, which is a permanent error to receivers", d)
	case faulty != nil:
		return no(SPFSyntax, "mend that term", "%v", faulty)
	case r.Result == library.PermError && errors.Is(r.Cause, library.ErrMultipleRecords):
		return no(SPFSeveral, "have the owner of that name delete one, or take it out", "SPF of %s leads to %s, which has several SPF records", d, r.trail.last)
	case r.Result == library.PermError && errors.Is(r.Cause, library.ErrNoResult):
		return no(SPFDeadInclude, "take it out", "SPF of %s leads to %s, which has no SPF record: that is a permanent error to receivers", d, r.trail.last)
	case r.Result == library.PermError:
		return no(SPFSyntax, "mend it", "SPF of %s is a permanent error to receivers: %v", d, r.Cause)
	case r.Result != library.Pass:
		return no(SPFNotCovered, replace, "SPF of %s does not pass for %s: %s", d, r.IP, whyNot(r))
	}
	return finding(There, SPFPasses, found, "", "")
}

const simplify = "use fewer include, a, mx, ptr and exists terms, and put ours first: onbehalf dns shows how"

// whyNot says which end an evaluation came to.
func whyNot(r SPFResult) string {
	switch {
	case errors.Is(r.Cause, library.ErrMatchedAll):
		return fmt.Sprintf("%s, for no term before \"all\" names it", r.Result)
	case r.Cause == nil:
		return fmt.Sprintf("%s, for no term names it", r.Result)
	}
	return fmt.Sprintf("%s (%v)", r.Result, r.Cause)
}

// syntax finds the first fault in the records that an evaluation read.
func (t *trail) syntax() error {
	for _, p := range t.records {
		if _, err := record.ParseSPF(p.text); err != nil {
			return fmt.Errorf("the SPF record of %s is faulty, and receivers heed nothing in it: %w", p.name, err)
		}
	}
	return nil
}

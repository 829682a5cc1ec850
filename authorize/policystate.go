package authorize

import (
	"fmt"
	"time"

	"onbehalf/dmarc"
	"onbehalf/tenant"
)

// policyAfter moves what a domain asks of receivers. What is stricter holds from the moment that
// the domain asks for it. What is laxer counts DemoteAfter later: receivers keep the old record as
// long as its TTL says, and a record that vanishes may be back soon.
func (r Rules) policyAfter(before tenant.DMARC, report Report, now time.Time) tenant.DMARC {
	if report.Policy.Verdict == Unanswered {
		before.LookupError = tenant.LookupError{Error: report.Policy.Text, At: now}
		return before
	}
	after := report.DMARC
	after.Checked, after.Evidence = now, report.Policy.Text
	kept := laxerKept(before.Asks(), after.Asks())
	if kept == after.Asks() {
		return after
	}
	since := before.LaxerSince
	if since.IsZero() || since.After(now) { // the clock was wrong, and must not put it off
		since = now
	}
	counts := since.Add(r.DemoteAfter)
	if !counts.After(now) {
		return after
	}
	after.Policy, after.StrictDKIM, after.StrictSPF = kept.Policy, kept.StrictDKIM, kept.StrictSPF
	after.LaxerSince = since
	after.Evidence = fmt.Sprintf("%s; receivers may have %s in memory, which counts until %s",
		after.Evidence, asked(before), counts.UTC().Format(time.RFC3339))
	return after
}

// laxerKept returns what counts while a laxer policy is new. Of none and absent, neither asks for
// anything.
func laxerKept(before, shown dmarc.Asks) dmarc.Asks {
	if !enforces(before.Policy) {
		before.Policy = dmarc.Unknown
	}
	return shown.Stricter(before)
}

func enforces(p dmarc.Policy) bool { return p == dmarc.Quarantine || p == dmarc.Reject }

// asked returns what a policy asks for as its record does.
func asked(p tenant.DMARC) string { return "p=" + request(p) }

// request returns what a policy asks for in the words of its record.
func request(p tenant.DMARC) string {
	text := string(p.Policy)
	if p.StrictDKIM {
		text += " adkim=s"
	}
	if p.StrictSPF {
		text += " aspf=s"
	}
	return text
}

package authorize

import (
	"fmt"
	"strings"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Holds reports whether DNS last showed a record of the domain: then a lookup that finds nothing at
// all says that they have vanished.
func Holds(s tenant.Standing) bool {
	var room [usualMechanisms]tenant.Mechanism
	for _, m := range mechanisms(room[:0], &s) {
		if m.Holds() {
			return true
		}
	}
	return s.DMARC.Policy != dmarc.Unknown && s.DMARC.Policy != dmarc.Absent
}

// IsDoubtful reports whether nothing at all was found of a domain that had something, or that was
// never looked up. It is so when all has been deleted, and when the resolver is in trouble.
func (r Report) IsDoubtful(before tenant.Standing) bool {
	return r.Blank && (Holds(before) || before.DMARC.Policy == dmarc.Unknown)
}

// Disbelieved returns the report as if nothing had been answered: DNS says that nothing is at the
// domain, nor at others that had records a while ago, or does not answer about them.
func (r Report) Disbelieved(denied, unanswered []message.Domain) Report {
	text := fmt.Sprintf("not believed: DNS says that %s has no records", r.Target.Domain)
	if len(denied) > 0 {
		text += ", nor has " + list(denied, ", nor ") + ", which had some"
	}
	if len(unanswered) > 0 {
		text += ", and does not answer about " + list(unanswered, ", nor ") + ", which had some"
	}
	f := finding(Unanswered, NoAnswer, nil, "", "%s", text)
	r.SPF, r.ReturnPath, r.Policy, r.Answered, r.Blank = f, f, f, false, false
	r.Keys = make([]Finding, len(r.Target.Keys))
	for i := range r.Keys {
		r.Keys[i] = f
	}
	return r
}

func list(domains []message.Domain, between string) string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.String()
	}
	return strings.Join(names, between)
}

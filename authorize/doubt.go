package authorize

import (
	"strings"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Holds reports whether DNS last showed a record of the domain: then a lookup that finds nothing at
// all says that they have vanished.
func Holds(s tenant.Standing) bool {
	for _, m := range mechanisms(s) {
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
// domain, nor at others that had records a while ago.
func (r Report) Disbelieved(others []message.Domain) Report {
	names := make([]string, len(others))
	for i, d := range others {
		names[i] = d.String()
	}
	f := finding(Unanswered, NoAnswer, nil, "", "not believed: DNS says that %s has no records, nor has %s, which had some", r.Target.Domain, strings.Join(names, ", nor "))
	r.SPF, r.ReturnPath, r.Policy, r.Answered, r.Blank = f, f, f, false, false
	r.Keys = make([]Finding, len(r.Target.Keys))
	for i := range r.Keys {
		r.Keys[i] = f
	}
	return r
}

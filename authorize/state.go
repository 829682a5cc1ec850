package authorize

import (
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Rules are the times that standings keep to.
type Rules struct {
	PendingEvery time.Duration // between lookups of what is not there
	ActiveEvery  time.Duration // between lookups of what is there
	DemoteAfter  time.Duration // from the first lookup that misses a mechanism to its loss
}

// Change is a mechanism that has come into another state.
type Change struct {
	Domain    message.Domain
	Tenant    string // id of whose mechanism it is; empty: the platform's
	Mechanism string // spf, dkim SELECTOR, return_path, dmarc, or direct
	Before    string // states, DMARC policies, or proven and unproven; empty: unknown
	After     string
	Evidence  string
	At        time.Time
}

// move moves one mechanism by what a lookup found.
//
//	state     there    missing                                broken
//	unknown   active   pending                                pending
//	pending   active   pending                                pending
//	active    active   warning                                pending
//	warning   active   pending, once DemoteAfter has passed   pending
//
// Without a definitive answer nothing moves, and the trouble is noted. In warning
// mail still relies on the mechanism.
func (r Rules) move(m tenant.Mechanism, f Finding, now time.Time) tenant.Mechanism {
	if f.Verdict == Unanswered {
		m.LookupError = tenant.LookupError{Error: f.Text, At: now}
		return m
	}
	if m.Since.After(now) {
		m.Since = now // the clock was wrong, and must not put off a loss
	}
	next := tenant.Pending
	switch {
	case f.Verdict == There:
		next = tenant.Active
	case f.Verdict == Broken:
	case m.State == tenant.Active, m.State == tenant.Warning && now.Sub(m.Since) < r.DemoteAfter:
		next = tenant.Warning
	}
	if next != m.State {
		m.State, m.Since = next, now
	}
	m.Checked, m.Evidence, m.LookupError = now, f.Text, tenant.LookupError{}
	return m
}

// Step returns the standing that follows from a report, and what has changed. The standing before
// must be of what the report looked for.
func (r Rules) Step(before tenant.Standing, report Report, now time.Time) (tenant.Standing, []Change) {
	after := before
	var changes []Change
	target := report.Target
	note := func(whose, name, was, is, evidence string) {
		if was != is {
			changes = append(changes, Change{target.Domain, whose, name, was, is, evidence, now})
		}
	}
	noteMechanism := func(whose, name string, was, is tenant.Mechanism) {
		note(whose, name, string(was.State), string(is.State), is.Evidence)
	}
	if before.SPF.Of != "" {
		after.SPF = r.moveSPF(before.SPF, report, now)
		noteMechanism(target.Tenant, "spf", before.SPF, after.SPF)
	}
	after.DKIM = make([]tenant.KeyStanding, len(before.DKIM)) // the one before is in snapshots
	for i, key := range before.DKIM {
		after.DKIM[i] = tenant.KeyStanding{Name: key.Name, Mechanism: r.move(key.Mechanism, report.Keys[i], now)}
		noteMechanism(target.Keys[i].Tenant, "dkim "+key.Name, key.Mechanism, after.DKIM[i].Mechanism)
	}
	if before.ReturnPath.Of != "" {
		after.ReturnPath = r.move(before.ReturnPath, report.ReturnPath, now)
		noteMechanism(target.PathTenant, "return_path", before.ReturnPath, after.ReturnPath)
	}
	after.DMARC = r.policyAfter(before.DMARC, report, now)
	note(target.Tenant, "dmarc", request(before.DMARC), request(after.DMARC), after.DMARC.Evidence)
	return after, changes
}

// moveSPF is move for the addresses that were looked for. When they are others than those
// of the state, it was never there for them, and there is nothing to wait for.
func (r Rules) moveSPF(m tenant.Mechanism, report Report, now time.Time) tenant.Mechanism {
	found := report.SPF
	if found.Verdict == Missing && m.Of != report.Addresses {
		found.Verdict = Broken
	}
	m = r.move(m, found, now)
	if found.Verdict != Unanswered {
		m.Of = report.Addresses
	}
	return m
}

// fit keeps of a standing what holds for what is wanted now. A key or a return path
// that has been exchanged has to be seen first. Of new sending addresses SPF
// may know nothing yet; it keeps its state until the next lookup, which comes at once.
func fit(known, wanted tenant.Standing) tenant.Standing {
	fitted := wanted
	fitted.DMARC, fitted.Seen = known.DMARC, known.Seen
	if wanted.SPF.Of != "" && known.SPF.Of != "" {
		fitted.SPF = known.SPF
	}
	fitted.DKIM = nil
	for _, key := range wanted.DKIM {
		if before := known.Key(key.Name); before.Of == key.Of {
			key.Mechanism = before
		}
		fitted.DKIM = append(fitted.DKIM, key)
	}
	if known.ReturnPath.Of == wanted.ReturnPath.Of {
		fitted.ReturnPath = known.ReturnPath
	}
	return fitted
}

// isNews reports whether something that is wanted of a fitted standing was not looked up yet.
func isNews(fitted, wanted tenant.Standing) bool {
	if fitted.DMARC.Checked.IsZero() || fitted.SPF.Of != wanted.SPF.Of {
		return true
	}
	var room [usualMechanisms]tenant.Mechanism
	for _, m := range mechanisms(room[:0], &fitted) {
		if m.State == tenant.Unknown {
			return true
		}
	}
	return false
}

// mechanisms appends those of a standing that are wanted to a list, which may have room for them: a
// reload looks at those of all domains, and leaves no garbage behind.
func mechanisms(all []tenant.Mechanism, s *tenant.Standing) []tenant.Mechanism {
	if s.SPF.Of != "" {
		all = append(all, s.SPF)
	}
	for i := range s.DKIM {
		all = append(all, s.DKIM[i].Mechanism)
	}
	if s.ReturnPath.Of != "" {
		all = append(all, s.ReturnPath)
	}
	return all
}

// usualMechanisms is how many most standings have: SPF, two keys, and a return path.
const usualMechanisms = 4

package admin

import (
	"cmp"
	"slices"
	"time"

	"onbehalf/tenant"
)

// Bounds of the lists in a document.
const (
	maxListed    = 100
	maxDomains   = 1000 // of one tenant
	maxStandings = 5000 // on a page
)

// worst are the problems that a document has room for, of all that were taken: what concerns the
// platform, then what may soon be lost, what DNS does not answer about, and what is not there, each
// the latest first.
type worst struct {
	total   int
	waiting int // of total
	kinds   [len(ProblemKinds)]int
	listed  []*Problem // the worst first
}

// take notes what should be better in a standing, given how mail of its domain leaves.
// A mechanism that is merely not there is no problem to a domain that needs it for
// nothing.
func (w *worst) take(id string, s *tenant.Standing, delivery Delivery) {
	note := func(mechanism, selector string, m *tenant.Mechanism, missed bool) {
		troubled := m.LookupError != tenant.LookupError{}
		if m.State == tenant.Warning || troubled || missed && m.State == tenant.Pending {
			w.note(Problem{Tenant: id, Domain: s.Domain, Mechanism: mechanism, State: m.State, Since: m.Since, Evidence: m.Evidence, Trouble: m.LookupError}, selector)
		}
	}
	unsigned := delivery != Signed
	if s.SPF.Of != "" {
		note("spf", "", &s.SPF, unsigned && delivery != BySPF && delivery != ByPath)
	}
	for i := range s.DKIM {
		note("dkim ", s.DKIM[i].Name, &s.DKIM[i].Mechanism, unsigned)
	}
	if s.ReturnPath.Of != "" {
		note("return_path", "", &s.ReturnPath, unsigned && delivery != BySPF)
	}
	if s.DMARC.LookupError != (tenant.LookupError{}) {
		w.note(Problem{Tenant: id, Domain: s.Domain, Mechanism: "dmarc", State: tenant.State(s.DMARC.Policy), Evidence: s.DMARC.Evidence, Trouble: s.DMARC.LookupError}, "")
	}
}

// note counts a problem, and lists it if it is among the worst. Of two that are as bad, the one
// that was noted first stands first.
func (w *worst) note(p Problem, selector string) {
	w.total++
	w.kinds[p.weight()]++
	if p.Waiting = p.weight() == waiting; p.Waiting {
		w.waiting++
	}
	if len(w.listed) == maxListed && compare(w.listed[maxListed-1], &p) <= 0 {
		return
	}
	one := p // else each that is not listed would be on the heap
	one.Mechanism += selector
	at, _ := slices.BinarySearchFunc(w.listed, &one, func(listed, p *Problem) int { return cmp.Or(compare(listed, p), -1) })
	w.listed = slices.Insert(w.listed, at, &one)
	w.listed = w.listed[:min(len(w.listed), maxListed)]
}

// problems returns those that are listed.
func (w *worst) problems() []Problem {
	all := make([]Problem, len(w.listed))
	for i, p := range w.listed {
		all[i] = *p
	}
	return all
}

// compare orders problems, the worst first.
func compare(a, b *Problem) int {
	return cmp.Or(cmp.Compare(a.weight(), b.weight()), b.when().Compare(a.when()))
}

// ProblemKind is what makes a problem one.
type ProblemKind string

// ProblemKinds are all of them, the worst first.
var ProblemKinds = [...]ProblemKind{
	"platform-warning", // soon, the mail of all tenants will no longer rely on it
	"platform",         // it concerns everyone
	"warning",          // soon, mail will no longer rely on it
	"unanswered",       // DNS does not answer about it
	"pending",          // it is not there, and mail would leave in a better way with it
}

// byKind returns how many there are of each kind.
func (w *worst) byKind() map[ProblemKind]int {
	all := make(map[ProblemKind]int)
	for i, kind := range ProblemKinds {
		all[kind] = w.kinds[i]
	}
	return all
}

// weight is the place of its kind, the less, the worse the problem is.
func (p *Problem) weight() int {
	switch {
	case p.Tenant == "" && p.State == tenant.Warning:
		return 0
	case p.Tenant == "":
		return 1
	case p.State == tenant.Warning:
		return 2
	case p.Trouble != tenant.LookupError{}:
		return 3
	}
	return waiting
}

// waiting is the weight of what only the tenant can do something about.
const waiting = len(ProblemKinds) - 1

// when returns the instant since which the problem is known.
func (p *Problem) when() time.Time {
	if p.Since.IsZero() {
		return p.Trouble.At
	}
	return p.Since
}

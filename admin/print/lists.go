package print

import (
	"slices"
	"strings"

	"onbehalf/admin"
	"onbehalf/dmarc"
	"onbehalf/tenant"
)

// problems prints what is wrong, and apart from that what only tenants can do something about.
func (p printer) problems(s admin.Status) {
	first := slices.IndexFunc(s.Problems, func(one admin.Problem) bool { return one.Waiting }) // the others stand before
	if first < 0 {
		first = len(s.Problems)
	}
	p.Blank()
	if wrong := s.ProblemsTotal - s.WaitingTotal; wrong == 0 {
		p.Line("Problems: none")
	} else {
		p.Line("Problems: %d", wrong)
		p.list(s.Problems[:first], mostProblems, wrong)
	}
	if s.WaitingTotal > 0 {
		p.Blank()
		p.Line("Waiting for tenants to publish: %d", s.WaitingTotal)
		p.list(s.Problems[first:], mostWaiting, s.WaitingTotal)
	}
}

// list prints the first of some problems.
func (p printer) list(all []admin.Problem, most, total int) {
	shown := all[:min(len(all), most)]
	var rows [][]string
	for _, one := range shown {
		rows = append(rows, []string{owner(one.Tenant), one.Domain.Unicode(), one.Mechanism, stateOf(one), p.since(one)})
	}
	if len(rows) > 0 {
		p.Table([]string{"TENANT", "DOMAIN", "MECHANISM", "STATE", "SINCE"}, rows, func(i int) {
			p.below(4, "%s", shown[i].Evidence)
			p.trouble(4, shown[i].Trouble)
		})
	}
	if more := total - len(shown); more > 0 {
		p.Line("and %d more: onbehalf status --json, or onbehalf status TENANT", more)
	}
}

func (p printer) since(one admin.Problem) string {
	if one.Since.IsZero() {
		return "-"
	}
	return span(p.now.Sub(one.Since))
}

// trouble says that DNS did not answer.
func (p printer) trouble(indent int, t tenant.LookupError) {
	if t != (tenant.LookupError{}) {
		p.below(indent, "Asked %s: %s. The state stays as it is.", p.ago(t.At), t.Error)
	}
}

// stateOf returns the state of a problem.
func stateOf(one admin.Problem) string {
	if one.State == "" {
		return unknown(one.Trouble)
	}
	return word(one.Mechanism, string(one.State))
}

// word returns a state for people; that of dmarc is a policy, and what may stand behind it.
func word(mechanism, state string) string {
	switch {
	case state == "":
		return notKnown
	case mechanism == "dmarc":
		p, strict, _ := strings.Cut(state, " ")
		return strings.TrimSpace(policy(dmarc.Policy(p)) + " " + strict)
	}
	return state
}

const notKnown = "not known"

// unknown says of what nothing is known whether anybody has asked.
func unknown(t tenant.LookupError) string {
	if t != (tenant.LookupError{}) {
		return notKnown
	}
	return "not looked up yet"
}

// policy returns what a DMARC record asks for as it stands there.
func policy(p dmarc.Policy) string {
	if p == dmarc.Absent {
		return "no record"
	}
	return "p=" + string(p)
}

func (p printer) changes(all []admin.Change) {
	p.Blank()
	if len(all) == 0 {
		p.Line("Changes since the start: none")
		return
	}
	p.Line("Last changes:")
	for _, c := range all[:min(len(all), mostChanges)] {
		p.Line("%s  %s %s: %s -> %s", stamp(c.At), unicodeOf(c.Domain), c.Mechanism, word(c.Mechanism, c.Before), word(c.Mechanism, c.After))
		p.below(4, "%s", c.Evidence)
	}
	if more := len(all) - mostChanges; more > 0 {
		p.Line("and %d earlier ones: onbehalf history", more)
	}
}

package print

import (
	"fmt"

	"onbehalf/admin"
	"onbehalf/tenant"
)

func (p printer) problems(s admin.Status) {
	p.line("")
	if len(s.Problems) == 0 {
		p.line("Problems: none")
		return
	}
	shown := s.Problems[:min(len(s.Problems), mostProblems)]
	var rows [][]string
	for _, one := range shown {
		rows = append(rows, []string{owner(one.Tenant), one.Domain.Unicode(), one.Mechanism, p.state(one), p.since(one)})
	}
	p.line("Problems: %d", s.ProblemsTotal)
	p.table([]string{"TENANT", "DOMAIN", "MECHANISM", "STATE", "SINCE"}, rows, func(i int) {
		p.below(4, "%s", shown[i].Evidence)
		p.trouble(4, shown[i].Trouble)
	})
	if more := s.ProblemsTotal - len(shown); more > 0 {
		p.line("and %d more: onbehalf status --json, or onbehalf status TENANT", more)
	}
}

func (p printer) state(one admin.Problem) string {
	if one.Mechanism == "dmarc" {
		return policy(tenant.DMARCPolicy(one.State))
	}
	return word(string(one.State))
}

func (p printer) since(one admin.Problem) string {
	if one.Since.IsZero() {
		return "-"
	}
	return span(p.now.Sub(one.Since))
}

// trouble says that DNS did not answer.
func (p printer) trouble(indent int, t tenant.Trouble) {
	if t != (tenant.Trouble{}) {
		p.below(indent, "%s without an answer, which changes nothing: %s", p.ago(t.At), t.Error)
	}
}

// word gives a state, or a policy of DMARC, for people.
func word(state string) string {
	if state == "" {
		return "not looked up yet"
	}
	return state
}

// policy gives what a DMARC record asks for as it stands there.
func policy(p tenant.DMARCPolicy) string {
	switch p {
	case tenant.DMARCUnknown:
		return "not looked up yet"
	case tenant.DMARCAbsent:
		return "no record"
	}
	return "p=" + string(p)
}

func (p printer) changes(all []admin.Change) {
	p.line("")
	if len(all) == 0 {
		p.line("Changes since the start: none")
		return
	}
	p.line("Last changes:")
	for _, c := range all[:min(len(all), mostChanges)] {
		p.line("%s  %s %s: %s -> %s", stamp(c.At), unicodeOf(c.Domain), c.Mechanism, word(c.Before), word(c.After))
		p.below(4, "%s", c.Evidence)
	}
	if more := len(all) - mostChanges; more > 0 {
		p.line("and %s before: onbehalf status --json, or the log", fmt.Sprint(more))
	}
}

package admin

import (
	"net/http"
	"net/url"

	"onbehalf/tenant"
)

// Standings is the document at /standings: what DNS says about domains, by name, for commands that
// decide as the daemon would. The question may have parameters:
//
//	after   what the page before said is next; absent: the first page
//	domain  a domain, or *.DOMAIN for names below it that mail came from; any number; absent: all
type Standings struct {
	Standings []tenant.Standing `json:"standings"`      // at most 5000
	Next      string            `json:"next,omitempty"` // ask for those after this domain; empty: there are none
}

// StandingsPath returns the path to ask for a page. Of no pattern, or of more than a request may
// name, it asks for those of all domains.
func StandingsPath(after string, of []tenant.Pattern) string {
	q := url.Values{"after": {after}}
	for _, p := range of {
		q.Add("domain", p.String())
	}
	if path := "/standings?" + q.Encode(); len(path) <= maxHeader/2 {
		return path
	}
	return StandingsPath(after, nil)
}

// standings returns a page of what is known of domains.
func (h *Handler) standings(values url.Values) (any, *refusal) {
	h.turn.Lock()
	defer h.turn.Unlock()
	doc := Standings{Standings: []tenant.Standing{}}
	err := eachStanding(h.source.Table().Snapshot(), values, func(s *tenant.Standing) bool {
		if len(doc.Standings) == maxStandings {
			doc.Next = doc.Standings[maxStandings-1].Domain.String()
			return false
		}
		doc.Standings = append(doc.Standings, *s)
		return true
	})
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	return doc, nil
}

// eachStanding visits what a question is about, until visit returns false.
func eachStanding(s *tenant.Snapshot, values url.Values, visit func(*tenant.Standing) bool) error {
	after := values.Get("after")
	if !values.Has("domain") {
		return s.EachStandingAfter(after, visit)
	}
	var of []tenant.Pattern
	for _, text := range values["domain"] {
		p, err := tenant.ParsePattern(text)
		if err != nil {
			return err
		}
		of = append(of, p)
	}
	all, err := s.StandingsOf(of)
	for _, one := range all {
		if one.Domain.String() > after && !visit(one) {
			break
		}
	}
	return err
}

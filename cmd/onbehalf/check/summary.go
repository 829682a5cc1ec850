package check

import (
	"cmp"
	"io"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/term"
)

// open returns the items of a domain that keep it from being fine.
func (d DomainResult) open() []publish.Item {
	var all []publish.Item
	for _, i := range d.Items {
		if i.Verdict != authorize.There && (!i.Optional || i.Verdict == authorize.Unanswered) {
			all = append(all, i)
		}
	}
	return all
}

// ours reports whether something is wrong that the platform's administrator has to fix: a key that
// cannot be read, a record in the platform's own DNS, a message that would be refused.
func (d DomainResult) ours(ofPlatform bool) bool {
	for _, i := range d.open() {
		if ofPlatform || i.OfPlatform || i.Reason == KeyRefused {
			return true
		}
	}
	return d.Today != nil && d.Today.Trouble != ""
}

// Brief prints what was found as one line, or one for each domain that lacks something.
func (r Result) Brief(w io.Writer) {
	out := term.New(w)
	label := cmp.Or(r.Tenant, "(platform)")
	if r.Fine {
		out.Item(label, briefIndent, "ok")
		return
	}
	for _, d := range r.Domains {
		if d.fine() {
			continue
		}
		var words []string
		for _, i := range d.open() {
			words = append(words, title(i)+" "+word(i))
		}
		if d.Today != nil && d.Today.Trouble != "" {
			words = append(words, "mail would not leave")
		}
		out.Item(label, briefIndent, "%s: %s", d.Domain.Unicode(), strings.Join(words, ", "))
		label = ""
	}
}

// briefIndent is where the text begins behind an id.
const briefIndent = 20

// Summary counts results.
type Summary struct {
	tenants, fine, unknown, missing int
	ours                            []string // ids, or (platform)
}

// Add counts one.
func (s *Summary) Add(r Result) {
	if r.Ours {
		s.ours = append(s.ours, cmp.Or(r.Tenant, "(platform)"))
	}
	if r.Tenant == "" {
		return
	}
	s.tenants++
	switch {
	case r.Fine:
		s.fine++
	case r.unanswered():
		s.unknown++
	default:
		s.missing++
	}
}

// unanswered reports whether nothing is known to be missing, but DNS has not said all.
func (r Result) unanswered() bool {
	for _, d := range r.Domains {
		for _, i := range d.open() {
			if i.Verdict != authorize.Unanswered {
				return false
			}
		}
		if d.Today != nil && d.Today.Trouble != "" {
			return false
		}
	}
	return true
}

// Print writes the counts for people.
func (s *Summary) Print(w io.Writer) {
	const most = 10
	out := term.New(w)
	out.Item("tenants", briefIndent, "%d", s.tenants)
	out.Item("  all published", briefIndent, "%d", s.fine)
	out.Item("  something missing", briefIndent, "%d", s.missing)
	if s.unknown > 0 {
		out.Item("  not known", briefIndent, "%d: DNS did not answer", s.unknown)
	}
	switch more := len(s.ours) - most; {
	case len(s.ours) == 0:
		out.Item("on our side", briefIndent, "nothing is wrong")
	case more > 0:
		out.Item("on our side", briefIndent, "something is wrong: %s and %d more", strings.Join(s.ours[:most], ", "), more)
	default:
		out.Item("on our side", briefIndent, "something is wrong: %s", strings.Join(s.ours, ", "))
	}
}

func title(i publish.Item) string {
	return cmp.Or(titles[i.Mechanism], strings.Replace(i.Mechanism, "dkim", "DKIM", 1))
}

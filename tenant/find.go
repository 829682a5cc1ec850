package tenant

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Find returns the tenant that a person means: by its id, by one of its domains or a name below its
// wildcards, by its return path, or by an address at any of these. Nil: there is none, and hint
// says what may have been meant, to be put behind "there is no tenant ...".
func (s *Snapshot) Find(text string) (found *Tenant, hint string) {
	text = strings.TrimSuffix(strings.Trim(strings.TrimSpace(text), "<>"), ".")
	if t := s.Tenant(strings.ToLower(text)); t != nil {
		return t, ""
	}
	pattern, err := ParsePattern(text[strings.LastIndexByte(text, '@')+1:])
	if err != nil {
		return nil, s.hint(text)
	}
	if t := s.ofName(pattern); t != nil {
		return t, ""
	}
	if d := pattern.Domain; s.Platform().Owns(d) || d == s.Platform().Bounce {
		return nil, fmt.Sprintf("; %s is the platform's own domain", d.Unicode())
	}
	return nil, s.hint(pattern.Domain.String())
}

// ofName returns the tenant that a name belongs to.
func (s *Snapshot) ofName(p Pattern) *Tenant {
	if p.Wildcard {
		return s.Named(p)
	}
	if t, _ := s.Owner(p.Domain); t != nil {
		return t
	}
	return s.table.byPath[p.Domain]
}

// hint names the tenants that are like what was written, or else all, if they are few.
func (s *Snapshot) hint(text string) string {
	const most = 20
	all := s.table.tenants
	if len(all) == 0 {
		return ", nor any other"
	}
	if like := s.like(text); len(like) > 0 {
		return "; did you mean " + strings.Join(like, " or ") + "?"
	}
	var ids []string
	for _, t := range all[:min(len(all), most)] {
		ids = append(ids, t.ID)
	}
	if len(all) > most {
		ids[most-1] += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return "; there are: " + strings.Join(ids, ", ")
}

// likeness is how far a tenant is from what was written.
type likeness struct {
	id  string
	far int
}

// like returns the ids of the tenants that are nearest, the nearest first, three at most.
func (s *Snapshot) like(text string) []string {
	const most = 3
	text = strings.ToLower(text)
	if len(text) < 2 || len(text) > 80 {
		return nil
	}
	var all []likeness
	for _, t := range s.table.tenants {
		if far, like := t.like(text); like {
			all = append(all, likeness{t.ID, far})
		}
	}
	slices.SortStableFunc(all, func(a, b likeness) int { return cmp.Compare(a.far, b.far) })
	var ids []string
	for _, one := range all[:min(len(all), most)] {
		ids = append(ids, one.id)
	}
	return ids
}

// like compares a lower-case text with all that the tenant is called by.
func (t *Tenant) like(text string) (far int, like bool) {
	names := []string{t.ID, strings.ToLower(t.Name)}
	for _, p := range t.Domains {
		names = append(names, p.Domain.String())
	}
	far = 2 + len(text)/6 // mistakes that a typed word may have
	for _, name := range names {
		switch apart := max(len(text)-len(name), len(name)-len(text)); {
		case apart < far && Distance(text, name) < min(far, len(name)):
			far, like = Distance(text, name), true
		case strings.Contains(name, text) && len(text) > 2:
			like = true
		}
	}
	return far, like
}

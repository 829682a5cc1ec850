package publish

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// maxTargets bounds the keys of tenants that are looked up for one Sheet: a platform
// with ten thousand would wait for minutes.
const maxTargets = 200

// Own says what the platform itself must publish, keys that tenants' aliases lead to
// among it.
func (a Advisor) Own(dns resolve.Answers, tenants []*tenant.Tenant) Sheet {
	k := task{a, dns}
	p := k.Platform
	s := k.sheet(p.Name)
	for _, target := range authorize.OfPlatform(p, k.Keys) {
		s.Judged = append(s.Judged, k.ofPlatform(target))
	}
	home, bounces := s.Judged[0], s.Judged[len(s.Judged)-1]
	s.addOf("spf", home)
	s.addOf("dkim", s.Judged...)
	s.addOf("dmarc", home)
	s.addOf("return_path", bounces)
	s.addOf("spf", bounces)
	for _, d := range k.ownDomains()[1:] {
		s.add(k.ownSPF(d, k.passes(d)))
	}
	if p.From.Holds("reply") && p.FromDomain != p.Bounce {
		s.add(k.replies())
	}
	k.include(&s)
	k.targets(&s, tenants)
	s.Notes = append(s.Notes, k.guessed(s)...)
	return s
}

// bounces are the records of the bounce domain.
func (k task) bounces() []Record {
	return []Record{k.bounceMX(), k.bounceSPF(k.Platform.Bounce, k.passes(k.Platform.Bounce))}
}

func (k task) bounceMX() Record {
	return k.mx(Bounces, k.Platform.Bounce, "returns undeliverable mail to us")
}

func (k task) bounceSPF(d message.Domain, f authorize.Finding) Record {
	return k.spf(f, wantedSPF{
		name: d, end: "-all", plain: true,
		why: "lets our hosts send with bounce addresses as envelope sender",
	})
}

// ownDomains returns the names that the platform sends from, its signing domain first.
func (k task) ownDomains() []message.Domain {
	own := []message.Domain{k.Platform.Domain}
	add := func(d message.Domain) {
		if d != k.Platform.Bounce && !slices.Contains(own, d) {
			own = append(own, d)
		}
	}
	add(k.Platform.FromDomain)
	for _, p := range k.Platform.Domains {
		if !p.Wildcard {
			add(p.Domain)
		}
	}
	return own
}

func (k task) ownSPF(d message.Domain, f authorize.Finding) Record {
	return k.spf(f, wantedSPF{
		name: d, end: "~all", mail: !k.Platform.OnlyReplies(d),
		why: "lets our hosts send for " + d.Unicode(),
	})
}

// replies brings replies to a rewritten From to us. Where people have mailboxes beside
// reply addresses, their server hands those on.
func (k task) replies() Record {
	d := k.Platform.FromDomain
	r := k.mx(Replies, d, "brings replies to a rewritten From to us")
	if !k.Platform.OnlyReplies(d) && len(r.Present) > 0 && !r.Done {
		r.Done, r.Value, r.Remarks = true, k.firstMX(d), nil
		r.Preference = 0
		r.remark("that host must relay mail for addresses that begin with reply= or reply+ to this one")
	}
	return r
}

// include is the record that tenants include.
func (k task) include(s *Sheet) {
	name := k.Platform.SPFInclude
	if name.IsZero() {
		return
	}
	if !k.isOwn(name) {
		s.Notes = append(s.Notes, fmt.Sprintf("%s, which tenants include, is outside the platform's domains: make sure that it names each of platform.sending_ips", name))
		return
	}
	f, included := authorize.Finding{}, strings.Contains(name.String(), "_")
	if !included {
		f = k.passes(name)
	}
	s.add(k.spf(f, wantedSPF{
		name: name, included: included, end: "-all", plain: true,
		why: "names our hosts to the SPF records of tenants, which include it",
	}))
}

// isOwn reports whether a name lies in a domain of the platform's.
func (k task) isOwn(name message.Domain) bool {
	return name.Within(k.Platform.Domain) ||
		slices.ContainsFunc(k.Platform.Domains, func(p tenant.Pattern) bool { return name.Within(p.Domain) })
}

// targets are the keys of tenants, where their aliases lead.
func (k task) targets(s *Sheet, tenants []*tenant.Tenant) {
	looked, unasked := 0, 0
	for _, t := range tenants {
		var done []string
		for _, id := range k.Keys.Held(t.Identities) {
			name, fits := Alias(id.Selector, t.ID, k.Platform.Domain)
			if !fits || slices.Contains(done, name) {
				continue
			}
			done = append(done, name)
			if looked++; looked > maxTargets {
				r := k.keyText(name, dmarc.Listed(k.Platform.Domain), id, whyTarget(t))
				r.Unasked = true
				s.add(r)
				unasked++
				continue
			}
			s.add(k.targetOf(t, id)...)
		}
	}
	if unasked > 0 {
		s.Remarks = append(s.Remarks, fmt.Sprintf("%d more keys that aliases of tenants lead to were not looked up, only the first %d; "+
			"onbehalf dns --zone has them all, and onbehalf dns with the id of a tenant says whether its own are there", unasked, maxTargets))
	}
}

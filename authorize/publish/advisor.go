package publish

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Advisor works out who has to publish what, by what DNS answered: a pure function of that. It is
// not changed while in use.
type Advisor struct {
	Platform *tenant.Platform
	Tenants  []*tenant.Tenant // all, for who owns which domain
	Keys     *keys.Ring
	Thorough bool           // authorize.Target.Thorough
	MailHost message.Domain // that bounces come to; zero: found out
	Hostname string         // of this machine, for finding it out
	Client   Client         // of our mail host, for tenants with direct delivery
}

// task is an Advisor at work.
type task struct {
	Advisor
	dns resolve.Answers
}

// Tenant says what a tenant must publish.
func (a Advisor) Tenant(dns resolve.Answers, t *tenant.Tenant) Sheet {
	k := task{a, dns}
	s := k.sheet(t.Name)
	s.Tenant = t.ID
	for _, p := range t.Domains {
		s.From = append(s.From, patternText(p))
		if p.Wildcard {
			s.Remarks = append(s.Remarks, k.below(t, p.Domain))
			if !slices.Contains(t.Domains, tenant.Pattern{Domain: p.Domain}) { // else there is one to be like
				s.Below = append(s.Below, k.recordBelow(p.Domain))
			}
		}
	}
	var domains []message.Domain
	for _, target := range authorize.Targets(t, a.Keys) {
		domains = append(domains, target.Domain)
		j := k.ofTenant(t, target)
		s.Judged = append(s.Judged, j)
		s.addOf("spf", j)
		s.addOf("dkim", j)
	}
	s.addOf("return_path", s.Judged...)
	s.addOf("dmarc", s.Judged...)
	s.Absent = k.absent(domains)
	s.Steps = k.providerSteps(undone(s.Records))
	s.OwnServer = k.ownServer(s, t)
	s.Allow = k.allow(t, s.Judged)
	s.Unready = k.emptyTargets(s, t)
	s.Notes = k.notes(s, t)
	return s
}

// below says what the names below a domain need, which are not listed one by one.
func (k task) below(t *tenant.Tenant, d message.Domain) string {
	if !slices.ContainsFunc(k.Keys.Held(t.Identities), func(id tenant.Identity) bool { return id.SDID == d }) {
		return fmt.Sprintf("each name below %s that sends mail needs an SPF record of its own, made like this one", d.Unicode())
	}
	return fmt.Sprintf("the key of %s counts for all names below it; each of them that sends may have an SPF record of its own", d.Unicode())
}

// recordBelow is the SPF record for a name below a domain, as long as it has none.
func (k task) recordBelow(d message.Domain) Record {
	ours, _ := k.ours(message.Domain{})
	us := strings.Join(texts(ours), " ")
	r := newRecord(SPF, "NAME."+d.String(), dmarc.Listed(d), "TXT", record.SPF{Terms: append(slices.Clone(ours), term("~all"))}.String(),
		"lets the hosts of "+k.Platform.Name+" send for a name below "+d.Unicode())
	r.Unasked = true
	r.remark(fmt.Sprintf("a name that has an SPF record keeps it: put %s directly after v=spf1 in it, and publish no second one", us))
	return r
}

func (k task) sheet(title string) Sheet {
	return Sheet{Title: title, Platform: k.Platform.Domain, By: k.Platform.Name, Hosts: k.Platform.SendingIPs}
}

func patternText(p tenant.Pattern) string {
	if p.Wildcard {
		return "*." + p.Domain.Unicode()
	}
	return p.Domain.Unicode()
}

// ours returns the terms that name us in an SPF record at the name: an include where
// there is one to include, else addresses; and the addresses.
func (k task) ours(name message.Domain) (ours, plain []record.Term) {
	for _, ip := range k.Platform.SendingIPs {
		kind := "ip4:"
		if ip = ip.Unmap(); ip.Is6() {
			kind = "ip6:"
		}
		plain = append(plain, term(kind+ip.String()))
	}
	include := k.Platform.SPFInclude
	if include == name || !k.includable() {
		return plain, plain
	}
	return []record.Term{term("include:" + include.String())}, plain
}

func texts(terms []record.Term) []string {
	var all []string
	for _, t := range terms {
		all = append(all, t.Text)
	}
	return all
}

func (k task) tenantSPF(d message.Domain, f authorize.Finding) Record {
	return k.spf(f, wantedSPF{
		name: d, end: "~all", mail: true,
		why: "lets the hosts of " + k.Platform.Name + " send for " + d.Unicode(),
	})
}

func list(items []string) string { return strings.Join(items, ", ") }

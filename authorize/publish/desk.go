package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Desk works out who has to publish what. It is not changed while in use.
type Desk struct {
	Platform *tenant.Platform
	Keys     *keys.Ring
	DNS      resolve.Asker
	// Passes tells whether SPF of a domain passes now for every sending IP, by the
	// whole of RFC 7208; the error says that DNS did not answer. Nil: a record passes
	// that names us in its text.
	Passes   func(context.Context, message.Domain) (bool, error)
	MailHost message.Domain // that bounces come to; zero: found out
	Hostname string         // of this machine, for finding it out
	// For tenants with direct delivery. Proven reports whether DNS shows now that a domain
	// is the tenant's (rewrite.Proven); nil: it does not.
	Proven func(context.Context, *tenant.Tenant, message.Domain) bool
	Client Client // of our mail host
}

// task is a Desk at work.
type task struct {
	Desk
	ctx context.Context
}

// Tenant says what a tenant must publish.
func (d Desk) Tenant(ctx context.Context, t *tenant.Tenant) Sheet {
	k := task{d, ctx}
	s := k.sheet(t.Name)
	s.Tenant = t.ID
	var seen []message.Domain
	for _, p := range t.Domains {
		s.From = append(s.From, patternText(p))
		if p.Wildcard {
			s.Remarks = append(s.Remarks, k.below(t, p.Domain))
			if !slices.Contains(t.Domains, tenant.Pattern{Domain: p.Domain}) { // else there is one to be like
				s.Below = append(s.Below, k.recordBelow(p.Domain))
			}
		} else {
			s.add(k.tenantSPF(p.Domain))
		}
		if !slices.Contains(seen, p.Domain) {
			seen = append(seen, p.Domain)
			s.add(k.keysOf(t, p.Domain)...)
		}
	}
	if !t.ReturnPath.IsZero() {
		s.add(k.returnPath(t)...)
	}
	for _, domain := range seen {
		s.add(k.dmarc(domain.Organizational()))
	}
	s.Absent = k.absent(seen)
	s.Steps = k.providerSteps(zonesOf(s.Records))
	s.OwnServer = k.ownServer(s, t)
	s.Allow = k.allow(t)
	s.Unready = k.emptyTargets(s, t)
	s.Notes = k.notes(s, t)
	return s
}

// zonesOf gives the zones of the records that are to be published, each once.
func zonesOf(records []Record) []message.Domain {
	var all []message.Domain
	for _, r := range records {
		if !r.Done && !slices.Contains(all, r.Zone) {
			all = append(all, r.Zone)
		}
	}
	return all
}

// below says what the names below a domain need, which are not listed one by one.
func (k task) below(t *tenant.Tenant, d message.Domain) string {
	if len(k.keysOf(t, d)) == 0 {
		return fmt.Sprintf("each name below %s that sends mail needs an SPF record of its own, made like this one", d.Unicode())
	}
	return fmt.Sprintf("the key of %s counts for all names below it; each of them that sends may have an SPF record of its own", d.Unicode())
}

// recordBelow is the SPF record for a name below a domain, as long as it has none.
func (k task) recordBelow(d message.Domain) Record {
	ours, _ := k.ours("")
	us := strings.Join(texts(ours), " ")
	r := newRecord(SPF, "NAME."+d.String(), d.Organizational(), "TXT", record.SPF{Terms: append(slices.Clone(ours), term("~all"))}.String(),
		"lets the hosts of "+k.Platform.Name+" send for a name below "+d.Unicode())
	r.Unasked = true
	r.remark(fmt.Sprintf("a name that has an SPF record keeps it: put %s directly behind v=spf1 in it, and publish no second one", us))
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

// ours gives the terms that name us in an SPF record at the name: an include where
// there is one to include, else addresses; and the addresses.
func (k task) ours(name string) (ours, plain []record.Term) {
	for _, ip := range k.Platform.SendingIPs {
		kind := "ip4:"
		if ip = ip.Unmap(); ip.Is6() {
			kind = "ip6:"
		}
		plain = append(plain, term(kind+ip.String()))
	}
	include := k.Platform.SPFInclude
	if include.String() == name || !k.includable() {
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

func (k task) tenantSPF(d message.Domain) Record {
	return k.spf(wish{
		name: d.String(), zone: d.Organizational(), domain: d, end: "~all", mail: true,
		why: "lets the hosts of " + k.Platform.Name + " send for " + d.Unicode(),
	})
}

func list(items []string) string { return strings.Join(items, ", ") }

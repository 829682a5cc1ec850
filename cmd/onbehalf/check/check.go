// Package check looks at the DNS of one customer as it is now, and says what a
// receiver makes of that customer's mail today.
//
// What is found is compared with what has to be published, and a message from each domain
// is decided, signed and then judged as a receiver would: by another library, with nothing
// but DNS to go by.
package check

import (
	"context"
	"slices"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Checker looks at one tenant after the other. It is not changed while in use.
type Checker struct {
	Table    *tenant.Table // of its own: what is found goes into it
	Keys     *keys.Ring
	DNS      resolve.Asker
	Known    map[message.Domain]tenant.Standing // what the daemon goes by
	Hostname string                             // of this machine
}

// Result is what was found about one tenant, or about the platform.
type Result struct {
	Tenant        string               `json:"tenant,omitempty"` // id; empty: the platform
	Title         string               `json:"title"`
	Authorization tenant.Authorization `json:"authorization,omitempty"`
	Domains       []Domain             `json:"domains"`
	Fine          bool                 `json:"fine"` // all that is wanted is there
}

// Domain is what was found about one domain.
type Domain struct {
	Domain message.Domain `json:"domain"`
	Items  []Item         `json:"mechanisms"`
	Today  *Today         `json:"today,omitempty"` // a message from the domain; nil: none comes from it
}

// Item is what was found about one mechanism.
type Item struct {
	Mechanism string `json:"mechanism"` // spf, dkim SELECTOR, return_path or dmarc
	authorize.Finding
	Results  []authorize.SPFResult `json:"results,omitempty"` // of SPF, one for each sending IP
	Wanted   []publish.Record      `json:"wanted,omitempty"`  // what to publish; none when all is well
	Optional bool                  `json:"optional,omitempty"`
}

// maxQuestions bounds what is asked about one tenant. All its domains together may need
// more than one look.
const maxQuestions = 2000

// ofOne is a check of one tenant, which asks each question once.
type ofOne struct {
	Checker
	looker authorize.Looker
	sheet  publish.Sheet
}

func (c Checker) begin() *ofOne {
	asker := resolve.Remember(c.DNS, maxQuestions)
	return &ofOne{Checker: c, looker: authorize.Looker{DNS: asker, Platform: c.Table.Platform()}}
}

func (o *ofOne) desk() publish.Desk {
	return publish.Desk{Platform: o.Table.Platform(), Keys: o.Keys, DNS: o.looker.DNS, Passes: o.looker.Passes, Hostname: o.Hostname}
}

// Platform checks the platform's own domains.
func (c Checker) Platform(ctx context.Context) Result {
	o := c.begin()
	o.sheet = o.desk().Own(ctx, nil)
	r := Result{Title: c.Table.Platform().Name + ", the platform itself", Fine: true}
	for _, s := range authorize.OfPlatform(c.Table.Platform(), c.Keys) {
		r.add(o.domain(ctx, s, nil))
	}
	return r
}

// Tenant checks one tenant's domains, with those below a wildcard that the daemon knows
// mail from.
func (c Checker) Tenant(ctx context.Context, t *tenant.Tenant) Result {
	o := c.begin()
	o.sheet = o.desk().Tenant(ctx, t)
	r := Result{Tenant: t.ID, Title: t.Name, Authorization: t.Authorization, Fine: true}
	for _, s := range append(authorize.Subjects(t, c.Keys), c.below(t)...) {
		r.add(o.domain(ctx, s, t))
	}
	return r
}

func (c Checker) below(t *tenant.Tenant) []authorize.Subject {
	var all []authorize.Subject
	snapshot := c.Table.Snapshot()
	for d, s := range c.Known {
		if owner, _ := snapshot.Owner(d); owner == t && !s.Seen.IsZero() {
			all = append(all, authorize.Below(t, d))
		}
	}
	slices.SortFunc(all, func(a, b authorize.Subject) int { return strings.Compare(a.Domain.String(), b.Domain.String()) })
	return all
}

func (r *Result) add(d Domain) {
	r.Domains = append(r.Domains, d)
	for _, item := range d.Items {
		r.Fine = r.Fine && (item.Optional || item.Verdict == authorize.There)
	}
}

// domain looks at one domain, and then lets a message come from it.
func (o *ofOne) domain(ctx context.Context, s authorize.Subject, t *tenant.Tenant) Domain {
	report := o.looker.Look(ctx, s)
	d := Domain{Domain: s.Domain, Items: o.items(report)}
	if s.SPF && (t != nil || o.Table.Platform().Owns(s.Domain)) {
		d.Today = o.today(ctx, report, t)
	}
	return d
}

func (o *ofOne) items(r authorize.Report) []Item {
	var items []Item
	add := func(mechanism string, f authorize.Finding, purpose publish.Purpose, name string) *Item {
		item := Item{Mechanism: mechanism, Finding: f}
		if f.Verdict != authorize.There {
			item.Wanted = o.wanted(purpose, name)
		}
		items = append(items, item)
		return &items[len(items)-1]
	}
	if r.Subject.SPF {
		add("spf", r.SPF, publish.SPF, r.Subject.Domain.String()).Results = r.SPFResults
	}
	for i, key := range r.Subject.Keys {
		add("dkim "+key.Selector, r.Keys[i], publish.DKIM, key.String())
	}
	if !r.Subject.ReturnPath.IsZero() {
		add("return_path", r.ReturnPath, publish.Bounces, r.Subject.ReturnPath.String())
	}
	add("dmarc", r.Policy, publish.DMARC, "_dmarc."+r.Subject.Domain.Organizational().String()).Optional = true
	return items
}

// wanted gives what the sheet has at a name.
func (o *ofOne) wanted(purpose publish.Purpose, name string) []publish.Record {
	var all []publish.Record
	for _, r := range o.sheet.Records {
		if r.Purpose == purpose && r.Name == name && !r.Done {
			all = append(all, r)
		}
	}
	return all
}

// Package check says what is wrong in the DNS of one tenant, and what a receiver makes of that
// tenant's mail today.
//
// What was found (authorize.Observation) is compared with what has to be published, and a message
// from each domain is decided, signed and then judged as a receiver would: by another library, with
// nothing but DNS to decide by. Observe asks DNS; everything else follows from the observation, now
// or later.
//
//	check.go      a check of one tenant, and its Result
//	today.go      what becomes of a message from a domain
//	mailhost.go   PTR records, and the name in HELO
//	alignment.go  what is published and does not count
//	saved.go      observations in a file
//	print.go      a Result for people
//	summary.go    a Result in a line, and many of them in numbers
//
// What is printed here is pasted into tickets: it contains no bounce or reply address, because
// anybody who has one can use it.
package check

import (
	"context"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Source is what a Checker works from. It is only read.
type Source struct {
	Table    *tenant.Table // with the standings that the daemon uses
	Keys     *keys.Ring
	Refused  map[string][]RefusedKey // by tenant id; empty: the platform's
	Hostname string                  // of this machine
	// HELO is what Postfix's SMTP client says in HELO; empty: not known, or not what receivers see.
	HELO string
}

// RefusedKey is a key that the configuration names and that cannot be used.
type RefusedKey struct {
	tenant.Identity
	Cause string // a sentence without a full stop
}

// Checker checks one tenant after the other. It is for one goroutine.
type Checker struct {
	Source
	now    *tenant.Table    // with what the observation says
	daemon *tenant.Snapshot // with the standings that the daemon uses
	below  map[string][]authorize.Target
}

// New makes a Checker. It has two tables, so that what is found now does not mix with what the
// daemon has seen.
func New(s Source) (*Checker, error) {
	now, err := tenant.NewTable(s.Table.Platform(), s.Table.Tenants())
	if err != nil {
		return nil, err
	}
	known, err := s.Table.Standings()
	if err != nil {
		return nil, err
	}
	c := &Checker{Source: s, now: now, daemon: s.Table.Snapshot(), below: make(map[string][]authorize.Target)}
	for _, one := range known { // by name: the database keeps them so
		if owner, _ := c.daemon.Owner(one.Domain); owner != nil && !one.Seen.IsZero() {
			c.below[owner.ID] = append(c.below[owner.ID], authorize.Below(owner, one.Domain))
		}
	}
	return c, nil
}

// Result is what was found about one tenant, or about the platform.
type Result struct {
	Tenant        string               `json:"tenant,omitempty"` // id; empty: the platform
	Title         string               `json:"title"`
	Authorization tenant.Authorization `json:"authorization,omitempty"`
	Domains       []DomainResult       `json:"domains"`
	Fine          bool                 `json:"fine"` // all that is wanted is there
	Ours          bool                 `json:"ours"` // something is wrong that the platform's administrator has to fix
	// Observation is what DNS answered, of which all the rest follows.
	Observation authorize.Observation `json:"observation"`
}

// DomainResult is what was found about one domain.
type DomainResult struct {
	Domain message.Domain `json:"domain"`
	Items  []publish.Item `json:"mechanisms"`
	Today  *Today         `json:"today,omitempty"` // a message from the domain; nil: none comes from it
}

// fine reports whether all that is wanted is there. What DNS does not say is not.
func (d DomainResult) fine() bool {
	refused := d.Today != nil && d.Today.Trouble != ""
	return !refused && len(d.open()) == 0
}

// Observe asks DNS for all that a check of one tenant needs; nil: of the platform.
func (c *Checker) Observe(ctx context.Context, dns resolve.Asker, t *tenant.Tenant) authorize.Observation {
	targets := authorize.OfPlatform(c.platform(), c.Keys)
	if t != nil {
		targets = append(authorize.Targets(t, c.Keys), c.below[t.ID]...)
	}
	began := time.Now()
	o, _ := authorize.Observe(ctx, dns, c.platform(), targets, func(answers resolve.Answers) { c.check(answers, began, t) })
	return o
}

// Judge checks one tenant by what was observed; nil: the platform.
func (c *Checker) Judge(o authorize.Observation, t *tenant.Tenant) Result {
	r := c.check(o, o.At, t)
	r.Observation = o
	return r
}

func (c *Checker) check(dns resolve.Answers, at time.Time, t *tenant.Tenant) Result {
	o := &ofOne{Checker: c, tenant: t, dns: dns, at: at}
	if t == nil {
		sheet := o.advisor().Own(dns, nil)
		home := &sheet.Judged[0]
		home.Items = append(withRules(home.Items), o.mailHost()...)
		return o.check(Result{Title: c.platform().Name + ", the platform itself"}, sheet.Judged, nil)
	}
	judged := o.advisor().Tenant(dns, t).Judged
	for _, target := range c.below[t.ID] { // that the daemon knows mail from
		judged = append(judged, o.advisor().Below(dns, target))
	}
	return o.check(Result{Tenant: t.ID, Title: t.Name, Authorization: t.Authorization}, judged, c.samples(t))
}

// ofOne is a check of one tenant.
type ofOne struct {
	*Checker
	tenant *tenant.Tenant // nil: the platform
	dns    resolve.Answers
	at     time.Time
}

func (c *Checker) platform() *tenant.Platform { return c.Table.Platform() }

func (o *ofOne) advisor() publish.Advisor {
	return publish.Advisor{Platform: o.platform(), Tenants: o.Table.Tenants(), Keys: o.Keys, Thorough: true, Hostname: o.Hostname}
}

// check notes all standings before it decides about a message from any domain: those below a
// wildcard sign with the keys of the domain above.
func (o *ofOne) check(r Result, judged []publish.Judged, samples map[message.Domain]message.Domain) Result {
	for _, j := range judged {
		o.now.SetStandings(j.Standing(o.at)) // a table takes any
	}
	for _, sample := range samples {
		o.now.SetStandings(authorize.Judge(o.dns, o.platform(), authorize.Below(o.tenant, sample)).Standing(o.at))
	}
	r.Fine = true
	for _, j := range judged {
		at := j.Target.Domain
		d := DomainResult{Domain: at, Items: o.withRefused(at, j.Items)}
		if sample, found := samples[at]; found {
			d.Today = o.today(sample)
			d.Today.Guessed = true
		} else if j.Target.SPF && (o.tenant != nil || o.platform().Owns(at)) {
			d.Today = o.today(at)
		}
		d.Items = append(d.Items, o.unaligned(j.Report)...)
		r.Domains = append(r.Domains, d)
		r.Fine = r.Fine && d.fine()
		r.Ours = r.Ours || d.ours(o.tenant == nil)
	}
	return r
}

// KeyRefused is the Reason of a key that DNS cannot be compared with.
const KeyRefused authorize.Reason = "dkim-refused"

// withRefused adds the refused keys of a domain.
func (o *ofOne) withRefused(d message.Domain, items []publish.Item) []publish.Item {
	id := ""
	if o.tenant != nil {
		id = o.tenant.ID
	}
	for _, k := range o.Refused[id] {
		if k.SDID == d {
			items = append(items, publish.Item{Mechanism: "dkim " + k.Selector, Finding: authorize.Finding{
				Verdict: authorize.Missing, Reason: KeyRefused, Text: k.Cause, Remedy: "run: onbehalf check-config",
			}})
		}
	}
	return items
}

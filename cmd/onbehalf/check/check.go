// Package check looks at the DNS of one customer as it is now, and says what a
// receiver makes of that customer's mail today.
//
// What is found is compared with what has to be published, and a message from each domain
// is decided, signed and then judged as a receiver would: by another library, with nothing
// but DNS to go by.
//
// What is printed here is pasted into tickets: it holds no address that leads anywhere by
// being used, as bounce and reply addresses do.
package check

import (
	"context"
	"slices"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Source is what a Checker goes by. It is only read.
type Source struct {
	Table    *tenant.Table // with what the daemon goes by
	Keys     *keys.Ring
	Refused  map[string][]RefusedKey // by tenant id; empty: the platform's
	DNS      resolve.Asker
	Hostname string // of this machine
}

// RefusedKey is a key that the configuration names, and nobody signs with.
type RefusedKey struct {
	tenant.Identity
	Cause string // a sentence without a full stop
}

// Checker looks at one tenant after the other. It is for one goroutine.
type Checker struct {
	Source
	now    *tenant.Table    // with what DNS says now
	daemon *tenant.Snapshot // with what the daemon goes by
	below  map[string][]authorize.Subject
}

// New makes a Checker. Two tables, lest what is found now gets mixed up with what the daemon
// has seen.
func New(s Source) (*Checker, error) {
	now, err := tenant.NewTable(s.Table.Platform(), s.Table.Tenants())
	if err != nil {
		return nil, err
	}
	known, err := s.Table.Standings()
	if err != nil {
		return nil, err
	}
	c := &Checker{Source: s, now: now, daemon: s.Table.Snapshot(), below: make(map[string][]authorize.Subject)}
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
	Domains       []Domain             `json:"domains"`
	Fine          bool                 `json:"fine"` // all that is wanted is there
}

// Domain is what was found about one domain.
type Domain struct {
	Domain message.Domain `json:"domain"`
	Items  []Item         `json:"mechanisms"`
	Today  *Today         `json:"today,omitempty"` // a message from the domain; nil: none comes from it
}

// fine tells whether all that is wanted is there. What DNS does not tell about is not.
func (d Domain) fine() bool {
	refused := d.Today != nil && d.Today.Trouble != ""
	return !refused && !slices.ContainsFunc(d.Items, func(i Item) bool {
		return i.Verdict != authorize.There && (!i.Optional || i.Verdict == authorize.Unanswered)
	})
}

// ofOne is a check of one tenant, which asks each question once.
type ofOne struct {
	*Checker
	ctx    context.Context
	tenant *tenant.Tenant // nil: the platform
	looker authorize.Looker
	sheet  publish.Sheet
	own    *publish.Sheet // of the platform, with this tenant's keys; nil: not asked for yet
}

func (c *Checker) begin(ctx context.Context, t *tenant.Tenant) *ofOne {
	asker := resolve.Share(c.DNS)
	return &ofOne{Checker: c, ctx: ctx, tenant: t, looker: authorize.Looker{DNS: asker, Platform: c.platform(), HELO: c.Hostname, Thorough: true}}
}

func (c *Checker) platform() *tenant.Platform { return c.Table.Platform() }

// Platform checks the platform's own domains.
func (c *Checker) Platform(ctx context.Context) Result {
	o := c.begin(ctx, nil)
	o.sheet = o.desk().Own(ctx, nil)
	r := Result{Title: c.platform().Name + ", the platform itself"}
	return o.check(r, authorize.OfPlatform(c.platform(), c.Keys), nil)
}

// Tenant checks one tenant's domains, with those below a wildcard that the daemon knows
// mail from.
func (c *Checker) Tenant(ctx context.Context, t *tenant.Tenant) Result {
	o := c.begin(ctx, t)
	o.sheet = o.desk().Tenant(ctx, t)
	r := Result{Tenant: t.ID, Title: t.Name, Authorization: t.Authorization}
	return o.check(r, append(authorize.Subjects(t, c.Keys), c.below[t.ID]...), c.samples(t))
}

// check looks at all subjects before it decides about a message from any of them: those below a
// wildcard sign with the keys of the domain above.
func (o *ofOne) check(r Result, subjects []authorize.Subject, samples map[message.Domain]message.Domain) Result {
	reports := o.look(subjects)
	for _, sample := range samples {
		o.look([]authorize.Subject{authorize.Below(o.tenant, sample)})
	}
	r.Fine = true
	for _, report := range reports {
		at := report.Subject.Domain
		d := Domain{Domain: at, Items: o.items(report)}
		if sample, found := samples[at]; found {
			d.Today = o.today(sample)
			d.Today.Guessed = true
		} else if report.Subject.SPF && (o.tenant != nil || o.platform().Owns(at)) {
			d.Today = o.today(at)
		}
		d.Items = append(d.Items, o.unaligned(report)...)
		r.Domains = append(r.Domains, d)
		r.Fine = r.Fine && d.fine()
	}
	return r
}

// refusedKeys gives those that belong under a domain.
func (o *ofOne) refusedKeys(d message.Domain) []RefusedKey {
	id := ""
	if o.tenant != nil {
		id = o.tenant.ID
	}
	return slices.DeleteFunc(slices.Clone(o.Refused[id]), func(k RefusedKey) bool { return k.SDID != d })
}

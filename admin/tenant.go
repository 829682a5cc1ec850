package admin

import (
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// tenant returns all about one tenant that the table knows, and when its domains are looked up
// next.
func (v *survey) tenant(t *tenant.Tenant, next func(message.Domain) time.Time) Tenant {
	doc := Tenant{
		ID: t.ID, Name: t.Name, Now: v.now, Authorization: t.Authorization,
		Shadow: t.Policy.Mode == tenant.Shadow,
	}
	all := v.sources(t)
	doc.DomainsTotal = len(all)
	for _, from := range all[:min(len(all), maxDomains)] {
		one := v.domain(t, from.domain)
		one.Domain, one.Guessed = from.pattern.String(), from.pattern.Wildcard
		if t.Authorization == tenant.Auto && !from.at.IsZero() {
			one.Standing, one.NextLookup = v.snapshot.Standing(from.at), next(from.at)
		}
		doc.Domains = append(doc.Domains, one)
	}
	doc.Direct = v.direct(t)
	return doc
}

// direct says which of a tenant's domains DNS proves to be its own.
func (v *survey) direct(t *tenant.Tenant) *Direct {
	if t.Direct.NextHop.IsZero() {
		return nil
	}
	doc := &Direct{NextHop: t.Direct.NextHop, TLS: t.Direct.TLS, Envelope: t.Direct.Envelope}
	for _, d := range t.Direct.Domains {
		if rewrite.Proven(v.snapshot, t, d) {
			doc.Proven = append(doc.Proven, d)
		} else {
			doc.Unproven = append(doc.Unproven, d)
		}
	}
	return doc
}

// domain says what becomes of mail from a domain.
func (v *survey) domain(t *tenant.Tenant, d message.Domain) Domain {
	m := letter(t, d, v.now)
	plan := rewrite.Decide(m, v.snapshot)
	delivery := deliveryOf(plan)
	doc := Domain{
		Row: plan.Row.String(), Delivery: delivery, Meaning: delivery.meaning(plan),
		Author: m.Envelope.ReversePath.Address, Sender: plan.Sender(m).Address,
	}
	if at := doc.Sender.Domain; v.snapshot.TakesBounces(at) { // who has the address can use it
		doc.Sender, doc.BounceAt = message.Address{}, at
	}
	for _, id := range plan.Sign {
		doc.Sign = append(doc.Sign, id.String())
	}
	return doc
}

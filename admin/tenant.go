package admin

import (
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// tenant gives all about one tenant that the table knows.
func (v *survey) tenant(t *tenant.Tenant) Tenant {
	doc := Tenant{
		ID: t.ID, Name: t.Name, Now: v.now, Authorization: t.Authorization,
		Shadow: t.Policy.Mode == tenant.Shadow, Findings: []Finding{},
	}
	for _, from := range v.sources(t) {
		one := v.domain(t, from.domain)
		one.Domain, one.Guessed = from.domain.String(), from.guessed
		if from.guessed {
			one.Domain = tenant.Pattern{Domain: from.at, Wildcard: true}.String()
		}
		if t.Authorization == tenant.Auto {
			one.Standing = v.snapshot.Standing(from.at)
		}
		doc.Domains = append(doc.Domains, one)
	}
	return doc
}

// domain says what becomes of mail from a domain.
func (v *survey) domain(t *tenant.Tenant, d message.Domain) Domain {
	m := letter(t, d, v.now)
	plan := rewrite.Decide(m, v.snapshot)
	from, _ := plan.Apply(m.Header).Get("From")
	way := wayOf(plan)
	doc := Domain{
		Row: plan.Row.String(), Way: way, Meaning: way.meaning(plan, from.Text()),
		Author: m.Envelope.ReversePath.Address, From: from.Text(), Sender: plan.Sender(m).String(),
	}
	for _, id := range plan.Sign {
		doc.Sign = append(doc.Sign, id.String())
	}
	return doc
}

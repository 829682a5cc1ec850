package publish

import (
	"slices"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Judged is what was found about one domain, and what to publish for it.
type Judged struct {
	authorize.Report
	Items []Item
}

// Item is what was found about one mechanism of a domain.
type Item struct {
	Mechanism string `json:"mechanism"` // spf, dkim SELECTOR, return_path or dmarc
	authorize.Finding
	Results  []authorize.SPFResult `json:"results,omitempty"` // of SPF, one for each sending IP
	Wanted   []Record              `json:"wanted,omitempty"`  // what to publish; none when all is well
	Optional bool                  `json:"optional,omitempty"`
	// OfPlatform says that the tenant has done its part, by an alias, and the records that are
	// wanted are the platform's.
	OfPlatform bool `json:"of_platform,omitempty"`

	records []Record // all that belong to it, published or not
}

// add puts in a mechanism, with the records for whoever owns the domain, and those of the platform
// that an alias among them leads to.
func (j *Judged) add(i Item, records []Record, target func() []Record) {
	i.records = records
	if i.Verdict != authorize.There {
		i.Wanted = undone(records)
	}
	definite := i.Verdict == authorize.Missing || i.Verdict == authorize.Broken
	if definite && len(i.Wanted) == 0 && target != nil && isAliased(records) {
		if i.Wanted = undone(target()); len(i.Wanted) > 0 {
			i.OfPlatform, i.Remedy = true, "publish it in the platform's own DNS: onbehalf dns shows it"
		}
	}
	j.Items = append(j.Items, i)
}

func undone(records []Record) (all []Record) {
	for _, r := range records {
		if !r.Done {
			all = append(all, r)
		}
	}
	return all
}

func isAliased(records []Record) bool {
	return slices.ContainsFunc(records, func(r Record) bool { return r.Done && r.Type == "CNAME" })
}

// ofTenant judges a domain of a tenant's, and says what the tenant must publish.
func (k task) ofTenant(t *tenant.Tenant, target authorize.Target) Judged {
	target.Thorough = k.Thorough
	j := Judged{Report: authorize.Judge(k.dns, k.Platform, target)}
	d := target.Domain
	if target.SPF {
		j.add(Item{Mechanism: "spf", Finding: j.SPF, Results: j.SPFResults}, []Record{k.tenantSPF(d, j.SPF)}, nil)
	}
	for i, key := range target.Keys {
		j.add(Item{Mechanism: "dkim " + key.Selector, Finding: j.Keys[i]}, []Record{k.key(t, key, j.Keys[i])},
			func() []Record { return k.targetOf(t, key.Identity) })
	}
	if !target.ReturnPath.IsZero() {
		j.add(Item{Mechanism: "return_path", Finding: j.ReturnPath}, k.returnPath(t, j.ReturnPath), k.bounces)
	}
	j.add(Item{Mechanism: "dmarc", Finding: j.Policy, Optional: true}, []Record{k.dmarc(dmarc.Listed(d))}, nil)
	return j
}

// Below judges a domain that only a wildcard covers. What it needs is in Sheet.Below.
func (a Advisor) Below(dns resolve.Answers, target authorize.Target) Judged {
	j := Judged{Report: authorize.Judge(dns, a.Platform, target)}
	j.add(Item{Mechanism: "spf", Finding: j.SPF, Results: j.SPFResults}, nil, nil)
	j.add(Item{Mechanism: "dmarc", Finding: j.Policy, Optional: true}, nil, nil)
	return j
}

// ofPlatform judges a domain of the platform's own.
func (k task) ofPlatform(target authorize.Target) Judged {
	target.Thorough = k.Thorough
	j := Judged{Report: authorize.Judge(k.dns, k.Platform, target)}
	d := target.Domain
	spf := k.ownSPF
	if !target.ReturnPath.IsZero() {
		spf = k.bounceSPF
	}
	j.add(Item{Mechanism: "spf", Finding: j.SPF, Results: j.SPFResults}, []Record{spf(d, j.SPF)}, nil)
	for i, key := range target.Keys {
		one := Item{Mechanism: "dkim " + key.Selector, Finding: j.Keys[i]}
		one.Optional = d != k.Platform.Domain && !j.DMARC.StrictDKIM // its mail is signed as platform.domain, too
		j.add(one, []Record{k.ownKey(key, j.Keys[i])}, nil)
	}
	if !target.ReturnPath.IsZero() {
		j.add(Item{Mechanism: "return_path", Finding: j.ReturnPath}, []Record{k.bounceMX()}, nil)
	}
	var policy []Record
	if org := dmarc.Listed(d); org == dmarc.Listed(k.Platform.Domain) {
		policy = []Record{k.dmarc(org)}
	}
	if j.Policy.Verdict == authorize.There || d != k.Platform.Bounce || d == k.Platform.FromDomain || k.Platform.Owns(d) {
		j.add(Item{Mechanism: "dmarc", Finding: j.Policy, Optional: true}, policy, nil)
	} // else no author has an address there, and no receiver asks for its policy
	return j
}

// standings are what follows from the reports alone.
func standings(judged []Judged) []tenant.Standing {
	var all []tenant.Standing
	for _, j := range judged {
		all = append(all, j.Standing(time.Time{}))
	}
	return all
}

// passes says whether SPF of a name passes for every sending IP.
func (k task) passes(d message.Domain) authorize.Finding {
	return authorize.JudgeSPF(k.dns, k.Platform, d)
}

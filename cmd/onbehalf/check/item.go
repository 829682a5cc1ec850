package check

import (
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/tenant"
)

// Item is what was found about one mechanism.
type Item struct {
	Mechanism string `json:"mechanism"` // spf, dkim SELECTOR, return_path, dmarc or alignment
	authorize.Finding
	Results  []authorize.SPFResult `json:"results,omitempty"` // of SPF, one for each sending IP
	Wanted   []publish.Record      `json:"wanted,omitempty"`  // what to publish; none when all is well
	Optional bool                  `json:"optional,omitempty"`

	ours bool // what is wanted is wanted of the platform
}

// KeyRefused is the Reason of a key that DNS cannot be compared with.
const KeyRefused authorize.Reason = "dkim-refused"

func (k RefusedKey) item() Item {
	return Item{Mechanism: "dkim " + k.Selector, Finding: authorize.Finding{
		Verdict: authorize.Missing, Reason: KeyRefused, Text: k.Cause, Remedy: "fix that: onbehalf check-config",
	}}
}

// place is where a mechanism is published.
type place struct {
	purpose publish.Purpose
	name    string
	target  string // of the alias that may stand there, in the platform's DNS; empty: none may
}

func (o *ofOne) items(r authorize.Report) []Item {
	var items []Item
	add := func(mechanism string, f authorize.Finding, at place) *Item {
		items = append(items, o.item(mechanism, f, at))
		return &items[len(items)-1]
	}
	s := r.Subject
	if s.SPF {
		add("spf", r.SPF, place{publish.SPF, s.Domain.String(), ""}).Results = r.SPFResults
	}
	for i, key := range s.Keys {
		i := add("dkim "+key.Selector, r.Keys[i], place{publish.DKIM, key.String(), o.aliasOf(key.Identity)})
		i.Optional = o.tenant == nil && s.Domain != o.platform().Domain && !r.DMARC.StrictDKIM // signed as platform.domain, too
	}
	for _, key := range o.refusedKeys(s.Domain) {
		items = append(items, key.item())
	}
	if !s.ReturnPath.IsZero() {
		add("return_path", r.ReturnPath, place{publish.Bounces, s.ReturnPath.String(), o.platform().Bounce.String()})
	}
	add("dmarc", r.Policy, place{publish.DMARC, "_dmarc." + s.Domain.Organizational().String(), ""}).Optional = true
	return items
}

func (o *ofOne) aliasOf(id tenant.Identity) string {
	if o.tenant == nil {
		return ""
	}
	name, _ := publish.Alias(id.Selector, o.tenant.ID, o.platform().Domain)
	return name
}

func (o *ofOne) item(mechanism string, f authorize.Finding, at place) Item {
	i := Item{Mechanism: mechanism, Finding: f}
	if f.Verdict == authorize.There {
		return i
	}
	i.Wanted = undone(o.sheet, at)
	if len(i.Wanted) == 0 && f.Verdict != authorize.Unanswered && o.isAlias(at) {
		if i.Wanted = undone(o.ownSheet(), place{name: at.target}); len(i.Wanted) > 0 {
			i.ours, i.Remedy = true, "publish it in the platform's own DNS: onbehalf dns shows it"
		}
	}
	return i
}

// undone gives what a sheet has at a place and is not done; no purpose: for any.
func undone(s publish.Sheet, at place) []publish.Record {
	var all []publish.Record
	for _, r := range s.Records {
		if (at.purpose == "" || r.Purpose == at.purpose) && strings.EqualFold(r.Name, at.name) && !r.Done {
			all = append(all, r)
		}
	}
	return all
}

// isAlias tells whether the tenant has done its part: the alias is there, and leads to the
// platform.
func (o *ofOne) isAlias(at place) bool {
	for _, r := range o.sheet.Records {
		if r.Purpose == at.purpose && r.Name == at.name && r.Done && r.Type == "CNAME" {
			return at.target != ""
		}
	}
	return false
}

// ownSheet is what the platform has to publish for the tenant.
func (o *ofOne) ownSheet() publish.Sheet {
	if o.own == nil {
		sheet := o.desk().Own(o.ctx, []*tenant.Tenant{o.tenant})
		o.own = &sheet
	}
	return *o.own
}

func (o *ofOne) desk() publish.Desk {
	return publish.Desk{Platform: o.platform(), Keys: o.Keys, DNS: o.looker.DNS, Passes: o.looker.Passes, Hostname: o.Hostname}
}

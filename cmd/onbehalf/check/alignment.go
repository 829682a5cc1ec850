package check

import (
	"fmt"
	"slices"

	"onbehalf/admin"
	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Unaligned is the Reason of a record that is there and does not count, because DMARC does not let
// it speak for the domain in From.
const Unaligned authorize.Reason = "unaligned"

// unaligned returns what is published at a domain, or above it, and does not align with mail from
// there, or from below it where a wildcard covers that.
func (o *ofOne) unaligned(r authorize.Report) []publish.Item {
	if o.tenant == nil || o.tenant.Authorization != tenant.Auto || r.Policy.Verdict == authorize.Unanswered {
		return nil
	}
	var all []publish.Item
	if r.Target.SPF {
		all = append(all, o.unalignedWith(r.Target.Domain, r.DMARC.Asks())...)
	}
	for _, p := range o.tenant.Domains {
		if sample := admin.Sample(p); p.Wildcard && p.Domain == r.Target.Domain && sample != p.Domain {
			all = append(all, o.unalignedWith(sample, r.DMARC.Asks())...) // a name without a record of its own
		}
	}
	return all
}

func (o *ofOne) unalignedWith(from message.Domain, asks dmarc.Asks) []publish.Item {
	s := o.now.Snapshot()
	owner, apex := s.Owner(from)
	if owner != o.tenant {
		return nil
	}
	author, shown := dmarc.Author{Domain: from, Asks: asks}, s.Standing(apex)
	item := func(what, strict string) publish.Item {
		why, remedy := "receivers treat them as two organizations", "remove psd= from the DMARC records"
		if strict != "" {
			why, remedy = "its DMARC record asks for strict alignment ("+strict+")", "have "+strict+" removed from the DMARC record"
		}
		return publish.Item{Mechanism: "alignment", Finding: authorize.Finding{
			Verdict: authorize.Missing, Reason: Unaligned, Remedy: remedy,
			Text: fmt.Sprintf("%s does not count for mail from %s: %s", what, from.Unicode(), why),
		}}
	}
	var all []publish.Item
	signs := slices.ContainsFunc(owner.Identities, func(id tenant.Identity) bool {
		return id.SDID == apex && shown.Key(id.Selector).Holds()
	})
	if signs && !author.Aligned(dmarc.DKIM, rewrite.AuthenticatedAs(s, apex)) {
		one := item("the key of "+apex.Unicode(), when(asks.StrictDKIM, "adkim=s"))
		one.Remedy += ", or name the domain in the tenant's domains, and publish a key there"
		all = append(all, one)
	}
	path := dmarc.Authenticated{Domain: owner.ReturnPath, Organizational: shown.DMARC.Organizational}
	if shown.ReturnPath.Holds() && shown.ReturnPath.Of == owner.ReturnPath.String() && !author.Aligned(dmarc.SPF, path) {
		one := item("the return path "+owner.ReturnPath.Unicode(), when(asks.StrictSPF, "aspf=s"))
		one.Optional = signs
		all = append(all, one)
	}
	return all
}

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

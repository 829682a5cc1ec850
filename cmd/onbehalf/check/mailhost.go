package check

import (
	"net/netip"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
)

// mailHost judges what receivers ask of the host itself: a PTR record of each sending IP, and a name
// in HELO that leads to it. Addresses that no receiver sees are left out.
func (o *ofOne) mailHost() (items []publish.Item) {
	var public []netip.Addr
	for _, ip := range o.platform().SendingIPs {
		if ip = ip.Unmap(); !ip.IsPrivate() && !ip.IsLoopback() {
			public = append(public, ip)
		}
	}
	if len(public) == 0 {
		return nil
	}
	for _, ip := range public {
		items = append(items, publish.Item{Mechanism: "ptr", Finding: authorize.JudgePTR(o.dns, ip)})
	}
	if o.HELO != "" {
		f := authorize.JudgeHELO(o.dns, o.HELO, public)
		items = append(items, publish.Item{Mechanism: "helo", Finding: f, Optional: f.Reason == authorize.HELOElsewhere})
	}
	return items
}

// withRules says why the platform needs a DMARC record that tenants can do without: it is the
// platform's domain that bulk mail comes from.
func withRules(items []publish.Item) []publish.Item {
	for i := range items {
		if items[i].Reason == authorize.PolicyAbsent {
			items[i].Text += ", and Google, Yahoo and Microsoft refuse bulk mail (some 5,000 messages a day) from domains without one"
		}
	}
	return items
}

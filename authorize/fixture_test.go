package authorize

import (
	"slices"
	"testing"
	"time"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// usual are the rules of the default configuration.
var usual = Rules{PendingEvery: 5 * time.Minute, ActiveEvery: time.Hour, DemoteAfter: time.Hour}

const ourIPs = "80.84.235.70"

func dom(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ofTown makes a tenant whose DNS decides, of an id and patterns.
func ofTown(t testing.TB, id string, patterns ...string) *tenant.Tenant {
	t.Helper()
	one := &tenant.Tenant{ID: id, Authorization: tenant.Auto}
	for _, s := range patterns {
		p, err := tenant.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
	}
	return one
}

// reportOf returns the report of a lookup that finds the same everywhere.
func reportOf(s Target, v Verdict) Report {
	f := Finding{Verdict: v, Text: "it is " + v.String()}
	r := Report{Target: s, Addresses: ourIPs, SPF: f, ReturnPath: f, Policy: f, Answered: v != Unanswered}
	r.Keys = slices.Repeat([]Finding{f}, len(s.Keys))
	if v != Unanswered {
		r.Policy.Verdict = There
		r.DMARC.Policy = dmarc.None
	}
	return r
}

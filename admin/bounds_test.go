package admin_test

import (
	"fmt"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/tenant"
)

// TestTenantIsBounded: a tenant of many domains and faults gets a document of some size.
func TestTenantIsBounded(t *testing.T) {
	var patterns []string
	for i := range 1100 {
		patterns = append(patterns, fmt.Sprintf("n%d.example", i))
	}
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", patterns...)})
	for i := range 150 {
		d.daemon.Configuration.Findings = append(d.daemon.Configuration.Findings,
			admin.Finding{Level: "fault", Tenant: []string{"one", "two"}[i/120], Text: fmt.Sprint("finding ", i)})
	}
	var page admin.Tenant
	d.ask(t, "/tenants/one", &page)
	if len(page.Domains) != 1000 || page.DomainsTotal != 1100 || page.Domains[0].Domain != "n0.example" {
		t.Errorf("%d of %d domains", len(page.Domains), page.DomainsTotal)
	}
	if len(page.Findings) != 100 || page.FindingsTotal != 120 || len(d.daemon.Configuration.Findings) != 150 {
		t.Errorf("%d of %d findings", len(page.Findings), page.FindingsTotal)
	}
}

// TestLookedUp: one unanswered mechanism does not make the domain unanswered.
func TestLookedUp(t *testing.T) {
	full := standing(t, "one.example", tenant.Active, tenant.Active, tenant.Active)
	for name, take := range map[string]func(*tenant.Standing){
		"dmarc":       func(s *tenant.Standing) { s.DMARC = full.DMARC },
		"spf":         func(s *tenant.Standing) { s.SPF = full.SPF },
		"dkim":        func(s *tenant.Standing) { s.DKIM = full.DKIM },
		"return path": func(s *tenant.Standing) { s.ReturnPath = full.ReturnPath },
		"nothing":     func(s *tenant.Standing) {},
	} {
		one := tenant.Standing{Domain: full.Domain, DMARC: tenant.DMARC{LookupError: tenant.LookupError{Error: "SERVFAIL", At: time.Now()}}}
		take(&one)
		s := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")}, one).status(t)
		if waits := s.Tenants.NotLookedUp == 1; waits != (name == "nothing") || one.LookedUp() == waits {
			t.Errorf("%s alone was seen: not looked up %v", name, waits)
		}
	}
}

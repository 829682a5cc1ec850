package tenant_test

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/tenant"
)

// TestFind: a tenant goes by its id, a domain, a return path, and an address.
func TestFind(t *testing.T) {
	university := customer(t, "university", "university.example", "*.university.example")
	university.Name = "Example University"
	tenants := []*tenant.Tenant{
		university,
		customer(t, "faculty", "law.university.example"),
		withReturnPath(t, customer(t, "school", "münchen.example"), "bounce.school.example"),
	}
	own := platform(t)
	own.Domains = append(own.Domains, tenant.Pattern{Domain: domain(t, "courseware.nl")})
	table, err := tenant.NewTable(own, tenants)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"university":                         "university",
		"University":                         "university",
		" university ":                       "university",
		"university.example":                 "university",
		"UNIVERSITY.EXAMPLE.":                "university",
		"*.university.example":               "university",
		"physics.university.example":         "university",
		"law.university.example":             "faculty",
		"someone@law.university.example":     "faculty",
		"<someone@university.example>":       "university",
		"münchen.example":                    "school",
		"xn--mnchen-3ya.example":             "school",
		"SRS0=x=y=z=q@bounce.school.example": "school",

		"":                           "; there are: university, faculty, school",
		"nobody":                     "; there are: university, faculty, school",
		"@":                          "; there are: university, faculty, school",
		"univercity":                 "; did you mean university?",
		"schol":                      "; did you mean school?",
		"univ":                       "; did you mean university or faculty?",
		"Example University":         "; did you mean university?",
		"universty.example":          "; did you mean university?",
		"someone@univresity.example": "; did you mean university?",
		"*.law.university.example":   "; did you mean faculty or university?",
		"courseware.nl":              "; courseware.nl is the platform's own domain",
		"x@bounces.courseware.nl":    "; bounces.courseware.nl is the platform's own domain",
		strings.Repeat("x", 100000):  "; there are: university, faculty, school",
	} {
		found, hint := table.Snapshot().Find(text)
		if found != nil {
			hint += found.ID
		}
		if hint != want {
			t.Errorf("%.60q leads to %q, want %q", text, hint, want)
		}
	}
}

// TestFindAmongMany: no more are named than a person reads.
func TestFindAmongMany(t *testing.T) {
	var tenants []*tenant.Tenant
	for i := range 30 {
		tenants = append(tenants, customer(t, fmt.Sprintf("school%02d", i), fmt.Sprintf("s%02d.example", i)))
	}
	for text, want := range map[string]string{
		"school":  "; did you mean school00 or school01 or school02?",
		"nowhere": "and 10 more",
	} {
		table, err := tenant.NewTable(platform(t), tenants)
		if err != nil {
			t.Fatal(err)
		}
		if _, hint := table.Snapshot().Find(text); !strings.HasSuffix(hint, want) || strings.Count(hint, "school") > 20 {
			t.Errorf("%q leads to %q", text, hint)
		}
	}
	table, err := tenant.NewTable(platform(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, hint := table.Snapshot().Find("school"); hint != ", nor any other" {
		t.Error(hint)
	}
}

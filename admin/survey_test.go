package admin_test

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/tenant"
)

// TestWays has one tenant each, whose DNS says one thing: the delivery its mail leaves is what
// the decision table makes of that, and the problems are what could better it.
func TestWays(t *testing.T) {
	const unknown, pending, active, warning = tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning
	tests := []struct {
		name         string
		spf, key     tenant.State
		path         tenant.State
		change       func(*tenant.Tenant)
		delivery     admin.Delivery
		row, problem string
	}{
		{"everything", active, active, active, nil, admin.Signed, "1 key-path", ""},
		{"key and SPF", active, active, unknown, nil, admin.Signed, "2 key-spf", ""},
		{"key alone", pending, active, pending, nil, admin.Signed, "3 key", ""},
		{"key about to go", pending, warning, unknown, nil, admin.Signed, "3 key", "dkim cw1 warning"},
		{"return path", pending, pending, active, nil, admin.ByPath, "4 path", "dkim cw1 pending"},
		{"SPF", active, pending, pending, nil, admin.BySPF, "5 spf", "dkim cw1 pending"},
		{"SPF about to go", warning, pending, unknown, nil, admin.BySPF, "5 spf", "spf warning, dkim cw1 pending"},
		{"nothing", pending, pending, pending, nil, admin.Platform, "6 on-behalf", "spf pending, dkim cw1 pending, return_path pending"},
		{"never looked up", unknown, unknown, unknown, nil, admin.Platform, "6 on-behalf", ""},
		{"From is kept", pending, pending, unknown, func(one *tenant.Tenant) { one.Policy.RewriteFrom = tenant.RewriteNever }, admin.Unauthenticated, "6 on-behalf", "spf pending, dkim cw1 pending"},
		{"authorized", pending, pending, unknown, func(one *tenant.Tenant) { one.Authorization = tenant.Authorized }, admin.Signed, "2 key-spf", ""},
		{"unauthorized", active, active, unknown, func(one *tenant.Tenant) { one.Authorization = tenant.Unauthorized }, admin.Platform, "6 on-behalf", ""},
		{"its own login", active, active, unknown, func(one *tenant.Tenant) { one.Submitters.Logins = []string{"lms"} }, admin.Signed, "2 key-spf", ""},
		{"its own network", active, active, unknown, func(one *tenant.Tenant) {
			one.Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		}, admin.Signed, "2 key-spf", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			one := customer(t, "one", "one.example")
			if test.path != unknown {
				one.ReturnPath = domain(t, "bounce.one.example")
			}
			if test.change != nil {
				test.change(one)
			}
			d := newDesk(t, []*tenant.Tenant{one}, standing(t, "one.example", test.spf, test.key, test.path))
			s := d.status(t)
			if want := map[admin.Delivery]int{test.delivery: 1}; !maps.Equal(s.Tenants.By, want) || s.Tenants.Total != 1 {
				t.Errorf("counted %v, want %v", s.Tenants, want)
			}
			var got []string
			for _, p := range s.Problems {
				if p.Tenant != "one" || p.Domain != domain(t, "one.example") {
					t.Errorf("problem of %q, %s", p.Tenant, p.Domain)
				}
				got = append(got, p.Mechanism+" "+string(p.State))
			}
			if s.Problems == nil || strings.Join(got, ", ") != test.problem {
				t.Errorf("problems %q, want %q", got, test.problem)
			}
			var page admin.Tenant
			d.ask(t, "/tenants/one", &page)
			if len(page.Domains) != 1 || page.Domains[0].Row != test.row || page.Domains[0].Delivery != test.delivery || page.Domains[0].Meaning == "" {
				t.Errorf("domains %+v, want row %s", page.Domains, test.row)
			}
			if known := !page.Domains[0].Standing.Domain.IsZero(); known != (one.Authorization == tenant.Auto) {
				t.Error("what DNS says is shown when it decides, and only then")
			}
			if next := page.Domains[0].NextLookup; next.IsZero() != (one.Authorization != tenant.Auto) {
				t.Errorf("the next lookup is said to be at %s", next)
			}
		})
	}
}

// TestSender: who asks must not come by a bounce address that works.
func TestSender(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example"), customer(t, "two", "two.example")},
		standing(t, "one.example", tenant.Pending, tenant.Active, tenant.Unknown), standing(t, "two.example", tenant.Active, tenant.Active, tenant.Unknown))
	var one, two admin.Tenant
	d.ask(t, "/tenants/one", &one)
	d.ask(t, "/tenants/two", &two)
	if got := one.Domains[0]; !got.Sender.IsZero() || got.BounceAt != domain(t, "bounces.courseware.nl") {
		t.Errorf("row 3: %+v", got)
	}
	if got := two.Domains[0]; got.Sender != got.Author || !got.BounceAt.IsZero() || got.Author.String() != "postmaster@two.example" {
		t.Errorf("row 2: %+v", got)
	}
	if text := fmt.Sprint(one); strings.Contains(text, "SRS0") {
		t.Error(text)
	}
}

func TestWildcards(t *testing.T) {
	below := standing(t, "dept.wide.example", tenant.Active, "", "")
	below.Seen, below.DKIM = noon, nil
	apex := standing(t, "wide.example", "", tenant.Pending, "")
	apex.SPF = tenant.Mechanism{} // no mail comes from it
	d := newDesk(t, []*tenant.Tenant{customer(t, "wide", "*.wide.example"), customer(t, "far", "*.far.example"), customer(t, "both", "both.example", "*.both.example")},
		apex, below, standing(t, "both.example", tenant.Active, tenant.Pending, ""))
	got := ""
	for _, id := range []string{"wide", "both"} {
		var page admin.Tenant
		d.ask(t, "/tenants/"+id, &page)
		for _, one := range page.Domains {
			got += fmt.Sprintf("%s: row %s for %s, standing of %s, guessed %v\n", one.Domain, one.Row, one.Author, one.Standing.Domain, one.Guessed)
		}
	}
	if want := `dept.wide.example: row 5 spf for postmaster@dept.wide.example, standing of dept.wide.example, guessed false
*.wide.example: row 6 on-behalf for postmaster@any-name.wide.example, standing of wide.example, guessed true
both.example: row 5 spf for postmaster@both.example, standing of both.example, guessed false
*.both.example: row 6 on-behalf for postmaster@any-name.both.example, standing of , guessed true
`; got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	s := d.status(t)
	if want := map[admin.Delivery]int{admin.BySPF: 2, admin.Platform: 1}; !maps.Equal(s.Tenants.By, want) {
		t.Errorf("counted %v, want %v", s.Tenants.By, want)
	}
	if s.ProblemsTotal != 2 || s.Problems[0].Tenant != "wide" || s.Problems[0].Domain != domain(t, "wide.example") || s.Problems[1].Tenant != "both" {
		t.Errorf("problems %+v", s.Problems)
	}
}

func TestMixed(t *testing.T) {
	shadow := customer(t, "shadow", "shadow.example")
	shadow.Policy.Mode = tenant.Shadow
	s := newDesk(t, []*tenant.Tenant{customer(t, "two", "good.example", "bad.example"), customer(t, "new", "new.example"), shadow},
		standing(t, "good.example", tenant.Active, tenant.Active, ""), standing(t, "bad.example", tenant.Pending, tenant.Pending, ""),
		standing(t, "shadow.example", tenant.Active, tenant.Active, "")).status(t)
	if got, want := fmt.Sprint(s.Tenants), "{3 map[platform:2 signed:1] 1 1 1}"; got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
}

// TestWorstFirst: the platform's problems concern everyone; what DNS does not answer about is
// none of them; 100 are enough.
func TestWorstFirst(t *testing.T) {
	var tenants []*tenant.Tenant
	standings := []tenant.Standing{standing(t, "courseware.nl", tenant.Pending, tenant.Active, "")}
	for i := range 60 {
		name := fmt.Sprintf("n%d.example", i)
		tenants = append(tenants, customer(t, fmt.Sprint("n", i), name))
		standings = append(standings, standing(t, name, tenant.Pending, tenant.Pending, ""))
	}
	shaky := &standings[31]
	shaky.SPF.State = tenant.Warning
	standings[41].DMARC.LookupError = tenant.LookupError{Error: "i/o timeout", At: noon.Add(time.Hour)}
	s := newDesk(t, tenants, standings...).status(t)
	if len(s.Problems) != 100 || s.ProblemsTotal != 1+2*60+1 {
		t.Errorf("%d of %d problems", len(s.Problems), s.ProblemsTotal)
	}
	if s.WaitingTotal != 2*60-1 || s.Problems[2].Waiting || !s.Problems[3].Waiting {
		t.Errorf("%d wait for their tenants: %+v", s.WaitingTotal, s.Problems[:4])
	}
	for i, want := range []string{"courseware.nl spf pending", "n30.example spf warning", "n40.example dmarc absent"} {
		p := s.Problems[i]
		if got := fmt.Sprint(p.Domain, " ", p.Mechanism, " ", p.State); got != want {
			t.Errorf("problem %d is %s, want %s", i, got, want)
		}
	}
	if s.Problems[2].Trouble.Error != "i/o timeout" {
		t.Error(s.Problems[2])
	}
}

// TestKeyOfFrom: the key at the domain of platform.from is needed where DMARC asks for strict
// alignment, and is no problem elsewhere.
func TestKeyOfFrom(t *testing.T) {
	for strict, want := range map[bool]int{false: 0, true: 1} {
		p := platform(t)
		p.FromDomain = domain(t, "via.courseware.nl")
		table, err := tenant.NewTable(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		from := standing(t, "via.courseware.nl", tenant.Active, tenant.Pending, "")
		from.DMARC.StrictDKIM = strict
		if err := table.SetStandings(from, standing(t, "courseware.nl", tenant.Active, tenant.Active, "")); err != nil {
			t.Fatal(err)
		}
		if s := (&desk{table: table}).status(t); len(s.Problems) != want {
			t.Errorf("strict %v: %+v", strict, s.Problems)
		}
	}
}

package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/store"
	"onbehalf/tenant"
)

// TestDifferences: each key of the configuration that has changed is an entry, and what has not is
// none.
func TestDifferences(t *testing.T) {
	base := func() profile {
		return profile{
			Values: map[string]string{"mode": "enforce", "name": "University"},
			Lists:  map[string][]string{"domains": {"a.example", "b.example"}},
			Keys:   map[string]string{"cw1": "11", "cw2": "22"},
		}
	}
	for name, test := range map[string]struct {
		change func(*profile)
		want   []string
	}{
		"nothing":       {func(*profile) {}, nil},
		"a value":       {func(p *profile) { p.Values["mode"] = "shadow" }, []string{"configuration mode: enforce > shadow"}},
		"a list":        {func(p *profile) { p.Lists["domains"] = []string{"b.example", "c.example"} }, []string{"configuration domains: > added c.example; removed a.example"}},
		"an order":      {func(p *profile) { slices.Reverse(p.Lists["domains"]) }, []string{"configuration domains: > in another order"}},
		"a key":         {func(p *profile) { p.Keys["cw1"] = "33" }, []string{"key cw1: 11 > 33"}},
		"a new key":     {func(p *profile) { p.Keys["cw3"] = "33" }, []string{"key cw3: > 33"}},
		"no key":        {func(p *profile) { delete(p.Keys, "cw2") }, []string{"key cw2: 22 >"}},
		"a new setting": {func(p *profile) { p.Values["of a newer version"] = "x"; p.Lists["likewise"] = []string{"y"} }, nil},
		"much": {func(p *profile) {
			for i := range 30 {
				p.Lists["domains"] = append(p.Lists["domains"], fmt.Sprintf("d%d.example", i))
			}
		}, []string{"configuration domains: > added d0.example, d1.example, d2.example, d3.example, d4.example, d5.example, d6.example, d7.example, d8.example, d9.example and 20 more"}},
	} {
		next := base()
		test.change(&next)
		var got []string
		for _, e := range differences(store.Entry{Tenant: "university"}, base(), next, true) {
			got = append(got, strings.Join(strings.Fields(fmt.Sprintf("%s %s: %s > %s %s", e.Kind, e.Subject, e.Before, e.After, e.Text)), " "))
			if e.Tenant != "university" {
				t.Errorf("%s: of tenant %q", name, e.Tenant)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestProfileHasNoSecret: what looks like a key or secret, pasted where a name belongs, is not kept.
func TestProfileHasNoSecret(t *testing.T) {
	const secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
	p := profileOf(&tenant.Tenant{ID: "one", Name: secret, Submitters: tenant.Submitters{Logins: []string{secret}}}, new(keys.Ring))
	if text := fmt.Sprint(p.Values, p.Lists); strings.Contains(text, secret) || !strings.Contains(text, "not shown") {
		t.Errorf("%s", text)
	}
}

// BenchmarkCompare is what a reload that changes nothing costs beside the reload, with 100,000 tenants.
func BenchmarkCompare(b *testing.B) {
	file, err := store.Open(store.Options{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	history, err := store.OpenHistory(file)
	if err != nil {
		b.Fatal(err)
	}
	r := &recorder{History: history, store: file}
	now := generationOf(b, 100_000)
	if err := r.compare(now, time.Now(), func() {}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.compare(now, time.Now(), func() {}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMail is what a message costs whose tenant's first mail is recorded.
func BenchmarkMail(b *testing.B) {
	r := new(recorder)
	r.mailed.Store("university", nil)
	b.ReportAllocs()
	for b.Loop() {
		r.mail("university")
	}
}

func generationOf(b *testing.B, tenants int) *Generation {
	b.Helper()
	g := testGeneration()
	for i := range tenants {
		d, err := message.ParseDomain(fmt.Sprintf("d%d.example", i))
		if err != nil {
			b.Fatal(err)
		}
		g.Tenants = append(g.Tenants, &tenant.Tenant{ID: fmt.Sprintf("t%d", i), Domains: []tenant.Pattern{{Domain: d}}})
	}
	return g
}

func testGeneration() *Generation {
	return &Generation{Config: &config.Config{Platform: new(tenant.Platform)}, ring: new(keys.Ring)}
}

// TestFirstComparison: a store that never had a profile takes them as they are; from then on each
// tenant that comes or goes is recorded.
func TestFirstComparison(t *testing.T) {
	file, err := store.Open(store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	history, err := store.OpenHistory(file)
	if err != nil {
		t.Fatal(err)
	}
	g := testGeneration()
	for _, step := range []struct {
		tenants []string
		want    string
	}{{[]string{"a", "b"}, ""}, {[]string{"a", "b"}, ""}, {[]string{"b", "c"}, "a>removed c>configured"}, {nil, "b>removed c>removed"}, {[]string{"a"}, "a>configured"}} {
		r := &recorder{History: history, store: file} // as after a restart
		began := time.Now()
		g.Tenants = nil
		for _, id := range step.tenants {
			g.Tenants = append(g.Tenants, &tenant.Tenant{ID: id})
		}
		if err := r.compare(g, time.Now(), func() {}); err != nil {
			t.Fatal(err)
		}
		page, _, err := r.List(store.Query{All: true, Since: began, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range page {
			got = append(got, e.Tenant+">"+e.After)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != step.want {
			t.Errorf("with %q: %q, want %q", step.tenants, text, step.want)
		}
	}
}

// TestQuickHashSeesAll: whatever a profile shows of a tenant, the quick hash changes with it. A key
// that is added to the profile needs a line here.
func TestQuickHashSeesAll(t *testing.T) {
	domain := func(s string) message.Domain {
		d, err := message.ParseDomain(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	hop, err := tenant.ParseNextHop("[mail.example]:25")
	if err != nil {
		t.Fatal(err)
	}
	ring := new(keys.Ring)
	plain := profileOf(&tenant.Tenant{ID: "one"}, ring)
	changes := map[string]func(*tenant.Tenant){
		"name":                func(t *tenant.Tenant) { t.Name = "One" },
		"mode":                func(t *tenant.Tenant) { t.Policy.Mode = tenant.Shadow },
		"authorization":       func(t *tenant.Tenant) { t.Authorization = tenant.Auto },
		"return_path":         func(t *tenant.Tenant) { t.ReturnPath = domain("bounce.one.example") },
		"rewrite_from":        func(t *tenant.Tenant) { t.Policy.RewriteFrom = tenant.RewriteAlways },
		"direct.next_hop":     func(t *tenant.Tenant) { t.Direct.NextHop = hop },
		"direct.tls":          func(t *tenant.Tenant) { t.Direct.TLS = tenant.TLSMay },
		"domains":             func(t *tenant.Tenant) { t.Domains = []tenant.Pattern{{Domain: domain("one.example")}} },
		"direct.domains":      func(t *tenant.Tenant) { t.Direct.Domains = []message.Domain{domain("one.example")} },
		"submitters.logins":   func(t *tenant.Tenant) { t.Submitters.Logins = []string{"lms"} },
		"submitters.networks": func(t *tenant.Tenant) { t.Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} },
		"a key": func(t *tenant.Tenant) {
			t.Identities = []tenant.Identity{{SDID: domain("one.example"), Selector: "cw1", Algorithm: tenant.RSA}}
		},
	}
	if want := len(plain.Values) + len(plain.Lists) + 1; len(changes) != want {
		t.Errorf("%d changes of %d", len(changes), want)
	}
	for key, change := range changes {
		one := &tenant.Tenant{ID: "one"}
		before := quickHash(one, ring)
		change(one)
		got := differences(store.Entry{}, plain, profileOf(one, ring), true)
		if quickHash(one, ring) == before || key != "a key" && (len(got) != 1 || got[0].Subject != key) {
			t.Errorf("%s: %+v", key, got)
		}
	}
}

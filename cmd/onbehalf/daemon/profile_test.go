package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	one := appendProfile(nil, &tenant.Tenant{ID: "one", Name: secret, Submitters: tenant.Submitters{Logins: []string{secret}}}, new(keys.Ring))
	all, err := platformProfile(&tenant.Platform{Name: secret}, new(keys.Ring))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(one), string(all)} {
		if strings.Contains(text, secret) || !strings.Contains(text, "not shown") {
			t.Errorf("%q", text)
		}
	}
}

// newRecorder returns a recorder as after a start, and the folder of its store.
func newRecorder(t testing.TB) (r *recorder, file *store.File, dir string) {
	t.Helper()
	dir = t.TempDir()
	file, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	history, err := store.OpenHistory(file)
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{History: history, store: file, configured: make(chan struct{}, 1)}, file, dir
}

// BenchmarkCompare is what a comparison costs of 100,000 tenants without keys: the first one ever, the
// first one of another run, and one after a reload that changes nothing. Processor time is that of
// all goroutines.
func BenchmarkCompare(b *testing.B) {
	const tenants = 100_000
	now := generationOf(b, tenants)
	compare := func(b *testing.B, r *recorder) {
		if err := r.compare(b.Context(), now, time.Now(), func() {}); err != nil {
			b.Fatal(err)
		}
		if err := r.store.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	timed := func(b *testing.B, do func()) {
		before := processorTime(b)
		do()
		b.ReportMetric((processorTime(b) - before).Seconds(), "cpu-s")
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, _, dir := newRecorder(b)
			timed(b, func() { compare(b, r) })
			info, err := os.Stat(store.Path(dir))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/tenants, "bytes/tenant")
		}
	})
	r, _, _ := newRecorder(b)
	compare(b, r)
	b.Run("restart", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.before = nil
			timed(b, func() { compare(b, r) })
		}
	})
	b.Run("reload", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			timed(b, func() { compare(b, r) })
		}
	})
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
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
		g.Tenants = append(g.Tenants, &tenant.Tenant{ID: fmt.Sprintf("t%d", i), Name: fmt.Sprintf("Customer %d", i), Domains: []tenant.Pattern{{Domain: d}},
			Authorization: tenant.Auto, Policy: tenant.Policy{Mode: tenant.Enforce, RewriteFrom: tenant.RewriteAlways}, Direct: tenant.Direct{TLS: tenant.TLSMay}})
	}
	return g
}

func testGeneration() *Generation {
	return &Generation{Config: &config.Config{Platform: new(tenant.Platform)}, ring: new(keys.Ring)}
}

// TestFirstComparison: a store that never had a profile takes them as they are; from then on each
// tenant that comes or goes is recorded.
func TestFirstComparison(t *testing.T) {
	first, file, _ := newRecorder(t)
	g := testGeneration()
	for _, step := range []struct {
		tenants []string
		want    string
	}{{[]string{"a", "b"}, ""}, {[]string{"a", "b"}, ""}, {[]string{"b", "c"}, "a>removed c>configured"}, {nil, "b>removed c>removed"}, {[]string{"a"}, "a>configured"}} {
		r := &recorder{History: first.History, store: file} // as after a restart
		began := time.Now()
		g.Tenants = nil
		for _, id := range step.tenants {
			g.Tenants = append(g.Tenants, &tenant.Tenant{ID: id})
		}
		if err := r.compare(t.Context(), g, time.Now(), func() {}); err != nil {
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

// changes are one of each key that a profile follows.
func changes(t testing.TB) map[string]func(*tenant.Tenant) {
	t.Helper()
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
	return map[string]func(*tenant.Tenant){
		"name":                func(t *tenant.Tenant) { t.Name = "One" },
		"mode":                func(t *tenant.Tenant) { t.Policy.Mode = tenant.Shadow },
		"authorization":       func(t *tenant.Tenant) { t.Authorization = tenant.Authorized },
		"return_path":         func(t *tenant.Tenant) { t.ReturnPath = domain("bounce.one.example") },
		"rewrite_from":        func(t *tenant.Tenant) { t.Policy.RewriteFrom = tenant.RewriteDMARC },
		"direct.next_hop":     func(t *tenant.Tenant) { t.Direct.NextHop = hop },
		"direct.tls":          func(t *tenant.Tenant) { t.Direct.TLS = tenant.TLSVerify },
		"domains":             func(t *tenant.Tenant) { t.Domains = []tenant.Pattern{{Domain: domain("one.example")}} },
		"direct.domains":      func(t *tenant.Tenant) { t.Direct.Domains = []message.Domain{domain("one.example")} },
		"submitters.logins":   func(t *tenant.Tenant) { t.Submitters.Logins = []string{"lms", ""} },
		"submitters.networks": func(t *tenant.Tenant) { t.Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} },
		"a key": func(t *tenant.Tenant) {
			t.Identities = []tenant.Identity{{SDID: domain("one.example"), Selector: "cw1", Algorithm: tenant.RSA}}
		},
	}
}

// usual is a tenant about which nothing is special.
func usual() *tenant.Tenant {
	return &tenant.Tenant{ID: "one", Authorization: tenant.Auto, Direct: tenant.Direct{TLS: tenant.TLSMay},
		Policy: tenant.Policy{Mode: tenant.Enforce, RewriteFrom: tenant.RewriteAlways}}
}

// profiled returns a tenant's profile as the store has it, read again.
func profiled(t testing.TB, one *tenant.Tenant) profile {
	t.Helper()
	text := appendProfile(nil, one, new(keys.Ring))
	p, ok := parseProfile(text)
	if !ok {
		t.Fatalf("it cannot be read: %q", text)
	}
	return p
}

// TestProfileSeesAll: each key that is followed comes out of a profile as it was put in, and a change
// of it is that of no other. A key that is added needs a line in changes.
func TestProfileSeesAll(t *testing.T) {
	all := changes(t)
	if want := len(followed) + len(followedLists) + 1; len(all) != want {
		t.Errorf("%d changes of %d", len(all), want)
	}
	if plain := appendProfile(nil, usual(), new(keys.Ring)); len(plain) != headSize {
		t.Errorf("of a tenant as they are usually: %q", plain)
	}
	for key, change := range all {
		for _, base := range []*tenant.Tenant{usual(), {ID: "one"}} {
			one := *base
			change(&one)
			p := profiled(t, &one)
			got := differences(store.Entry{}, profiled(t, base), p, true)
			if _, shown := p.Keys["cw1._domainkey.one.example (rsa)"]; key == "a key" && !shown || key != "a key" && (len(got) != 1 || got[0].Subject != key) {
				t.Errorf("%s: %+v", key, got)
			}
			for _, f := range followed {
				if p.Values[f.key] != f.of(&one) {
					t.Errorf("%s: %s is %q", key, f.key, p.Values[f.key])
				}
			}
			for _, f := range followedLists {
				if !slices.Equal(p.Lists[f.key], f.of(&one)) {
					t.Errorf("%s: %s is %q", key, f.key, p.Lists[f.key])
				}
			}
		}
	}
}

// special is a tenant of which all that a profile follows is something else than usual.
func special(t testing.TB) *tenant.Tenant {
	t.Helper()
	one := usual()
	for _, change := range changes(t) {
		change(one)
	}
	return one
}

// Profiles of special, and of the platform that has a name alone, as they were saved before.
const (
	jsonProfile = `{"values":{"authorization":"authorized","direct.next_hop":"[mail.example]:25","direct.tls":"verify","mode":"shadow","name":"One",` +
		`"return_path":"bounce.one.example","rewrite_from":"dmarc"},"lists":{"direct.domains":["one.example"],"domains":["one.example"],` +
		`"submitters.logins":["lms",""],"submitters.networks":["192.0.2.0/24"]},"keys":{"cw1._domainkey.one.example (rsa)":""}}`
	jsonPlatform = `{"values":{"platform.bounce_domain":"","platform.domain":"","platform.name":"Courseware","platform.spf_include":"",` +
		`"policy.mode":"","policy.rewrite_from":""},"lists":{"platform.domains":[],"platform.sending_ips":[]},"keys":{}}`
	textProfile = "\x01\a\x04\x00\x04One\x01\ashadow\x02\vauthorized\x03\x13bounce.one.example\x04\x06dmarc\x05\x12[mail.example]:25\x06\averify" +
		"@\fone.example\x00A\fone.example\x00B\x04lms\x01\x00C\r192.0.2.0/24\x00\x80!cw1._domainkey.one.example (rsa)\x01"
)

// TestEarlierProfiles: what an earlier version has saved is read as what it was, and kept as this
// version has it. Nothing shows as changed but what has changed.
func TestEarlierProfiles(t *testing.T) {
	if got := string(appendProfile(nil, special(t), new(keys.Ring))); got != textProfile {
		t.Errorf("it is now saved as %q: files of before must be read all the same", got)
	}
	for name, text := range map[string]string{"JSON": jsonProfile, "this format": textProfile, "this format, of fewer keys": "\x01\x00\x00"} {
		r, file, _ := newRecorder(t)
		file.Write(store.Change{Bucket: store.BucketProfiles, Key: "one", Value: []byte(text)},
			store.Change{Bucket: store.BucketProfiles, Key: keyOfPlatform, Value: []byte(jsonPlatform)},
			store.Change{Bucket: store.BucketMarks, Key: markProfiles})
		of := recording{r, t, file, "", testGeneration()}
		of.conf.Platform.Name = "Courseware"
		of.conf.Tenants = []*tenant.Tenant{special(t)}
		of.compared("")
		if kept, _, err := file.Get(store.BucketProfiles, "one"); err != nil || string(kept) != textProfile {
			t.Errorf("%s: %q is kept, %v", name, kept, err)
		}
		of.rename("Two")
		of.compared("one name>Two")
	}
}

// FuzzParseProfile: whatever lies there, it is read as something or as nothing.
func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(jsonProfile))
	f.Add([]byte(textProfile))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, ok := parseProfile(text)
		if ok {
			differences(store.Entry{}, p, profiled(t, special(t)), true)
		}
	})
}

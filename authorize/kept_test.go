package authorize_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// usualZone is what a domain has that does most of what can be done: mail at a large provider, two
// keys by alias, a return path.
const usualZone = `
$ORIGIN {domain}.
@                TXT    "v=spf1 include:spf.large.example include:courseware.nl -all"
@                TXT    "verification={# *4}"
@                TXT    "MS=ms12345678"
@                MX     0 customer-nl.mail.large.example.
_dmarc           TXT    "v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}; ruf=mailto:dmarc@{domain}; fo=1"
s1._domainkey    CNAME  s1.t1.dkim.courseware.nl.
s2._domainkey    CNAME  s2.t1.dkim.courseware.nl.
bounce           CNAME  bounces.courseware.nl.
$ORIGIN .
s1.t1.dkim.courseware.nl  TXT "{rsa}"
s2.t1.dkim.courseware.nl  TXT "{ed25519}"
spf.large.example         TXT "v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/15 ip4:52.102.0.0/16 ip4:52.103.0.0/17 ip4:104.47.0.0/17 ip6:2a01:111:f400::/48 ip6:2a01:111:f403::/49 ip6:2a01:111:f403:8000::/51 -all"
`

// usualTarget is the domain of usualZone, and who answers for it.
func usualTarget(t testing.TB, name string) (authorize.Target, *tenant.Platform, resolve.Asker) {
	t.Helper()
	zone := new(server)
	zone.publish()
	zone.read(t, strings.ReplaceAll(placeholders.ReplaceAllStringFunc(strings.ReplaceAll(usualZone, "{domain}", name), fill), "{domain}", name)+platformZone)
	target := authorize.Target{Domain: domain(t, name), SPF: true, ReturnPath: domain(t, "bounce."+name)}
	for selector, key := range map[string]string{"s1": "rsa", "s2": "ed25519"} {
		target.Keys = append(target.Keys, authorize.WantedKey{
			Identity: tenant.Identity{SDID: target.Domain, Selector: selector, Algorithm: pairs()[key].Algorithm()}, Public: pairs()[key].Public()})
	}
	return target, &tenant.Platform{Bounce: domain(t, "bounces.courseware.nl"), SendingIPs: ourAddresses}, slowAsker{server: zone}
}

// usual observes the domain of usualZone, and returns what was observed as if it was another's.
func usual(t testing.TB) func(name string) authorize.Observation {
	t.Helper()
	const name = "customer000000.example"
	target, p, dns := usualTarget(t, name)
	o, err := authorize.Observe(t.Context(), dns, p, []authorize.Target{target})
	if err != nil {
		t.Fatal(err)
	}
	if r := authorize.Judge(o, p, target); r.SPF.Verdict != authorize.There || r.Keys[0].Verdict != authorize.There || r.ReturnPath.Verdict != authorize.There {
		t.Fatalf("%+v", r)
	}
	text := asJSON(t, o)
	return func(other string) (o authorize.Observation) {
		fromJSON(t, strings.ReplaceAll(text, name, other), &o)
		return o
	}
}

// TestKept: the last observation of a domain is kept as it was, and what is kept is bounded.
func TestKept(t *testing.T) {
	of := usual(t)
	one, other := domain(t, "customer000001.example"), domain(t, "customer000002.example")
	var kept authorize.Kept
	if _, found := kept.Last(one); found {
		t.Error("something is kept of a domain that nobody observed")
	}
	kept.Keep(one, of(other.String()))
	kept.Keep(one, of(one.String()))
	if got, found := kept.Last(one); !found || asJSON(t, got) != asJSON(t, of(one.String())) {
		t.Errorf("%v %+v", found, got)
	}
	if _, found := kept.Last(other); found {
		t.Error("it is kept under another domain")
	}
	large := of(one.String())
	for i := range 4000 {
		large.SPF = append(large.SPF, authorize.SPFResult{Sender: fmt.Sprintf("%x", 7919*i*i)})
	}
	kept.Keep(one, large)
	if _, found := kept.Last(one); found {
		t.Error("what is too large is kept, or what was before it")
	}
	kept.Keep(other, of(other.String()))
	kept.Drop(other)
	if _, found := kept.Last(other); found {
		t.Error("what is dropped is kept")
	}
}

// TestKeptMemory: the observations of 100,000 domains take less than 500 MB.
func TestKeptMemory(t *testing.T) {
	const domains, most = 2000, 500 << 20 / 100_000
	if n := keep(t, domains); n/domains > most {
		t.Errorf("%d bytes a domain, want at most %d", n/domains, most)
	}
}

// BenchmarkKept keeps the observations of 100,000 domains, and reports the memory that they take.
func BenchmarkKept(b *testing.B) {
	const domains = 100_000
	for b.Loop() {
		n := keep(b, domains)
		b.ReportMetric(float64(n)/domains, "bytes/domain")
		b.ReportMetric(float64(n)/1e6, "MB")
	}
}

// BenchmarkLook observes the usual domain without a network, judges it, and keeps what was observed.
func BenchmarkLook(b *testing.B) {
	target, p, dns := usualTarget(b, "customer.nl")
	observer := authorize.Observer{DNS: dns, Platform: p, Kept: new(authorize.Kept)}
	for b.Loop() {
		if r := observer.Look(b.Context(), target); r.SPF.Verdict != authorize.There {
			b.Fatal(r.SPF)
		}
	}
}

// keep returns how many bytes of memory the observations of so many domains take.
func keep(t testing.TB, domains int) int64 {
	of := usual(t)
	var kept authorize.Kept
	before := inUse()
	for i := range domains {
		name := fmt.Sprintf("customer%06d.example", i)
		kept.Keep(domain(t, name), of(name))
	}
	n := inUse() - before
	if _, found := kept.Last(domain(t, fmt.Sprintf("customer%06d.example", domains-1))); !found {
		t.Error("the last one is not kept")
	}
	return n
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

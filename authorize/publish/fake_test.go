package publish_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// world is DNS as a test has it. Names in silent give no answer.
type world struct {
	records map[string][]dns.RR
	silent  []string
	asked   map[string]bool // questions
}

// parse reads zone lines with absolute names. A line "name silent" makes a name silent,
// "name void" leaves it empty. What tenants include is there unless the zone has it.
func parse(t testing.TB, zone string) *world {
	t.Helper()
	w := &world{records: make(map[string][]dns.RR), asked: make(map[string]bool)}
	if !strings.Contains("\n"+zone, "\n_spf.courseware.nl ") {
		zone += "\n_spf.courseware.nl TXT \"v=spf1 ip4:192.0.2.7 -all\"\n"
	}
	for line := range strings.Lines(zone) {
		if name, found := strings.CutSuffix(strings.TrimSpace(line), " silent"); found {
			w.silent = append(w.silent, name)
			continue
		}
		if strings.HasSuffix(strings.TrimSpace(line), " void") {
			continue
		}
		rr, err := dns.NewRR("$ORIGIN .\n" + strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if rr != nil {
			name := strings.TrimSuffix(rr.Header().Name, ".")
			w.records[name] = append(w.records[name], rr)
		}
	}
	return w
}

// Ask is of resolve.Asker.
func (w *world) Ask(_ context.Context, name string, qtype uint16) (resolve.Answer, error) {
	return w.To(name, qtype)
}

// To is of resolve.Answers.
func (w *world) To(name string, qtype uint16) (resolve.Answer, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	w.asked[name+" "+dns.TypeToString[qtype]] = true
	answer := resolve.Answer{Chain: []string{name}}
	for {
		at := answer.Target()
		for _, silent := range w.silent {
			if at == silent {
				return answer, &resolve.Error{Name: name, Type: dns.TypeToString[qtype], Cause: errors.New("no answer in time")}
			}
		}
		alias := ""
		for _, rr := range w.records[at] {
			if rr.Header().Rrtype == qtype {
				answer.Records = append(answer.Records, rr)
			} else if cname, ok := rr.(*dns.CNAME); ok {
				alias = strings.TrimSuffix(cname.Target, ".")
			}
		}
		if alias == "" {
			answer.NoName = len(w.records[at]) == 0
			return answer, nil
		}
		answer.Chain = append(answer.Chain, alias)
	}
}

func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// platform is Courseware; include may be empty.
func platform(t testing.TB, include string, ips ...string) *tenant.Platform {
	t.Helper()
	p := &tenant.Platform{
		Name: "Courseware", Domain: domain(t, "courseware.nl"), FromDomain: domain(t, "courseware.nl"), Bounce: domain(t, "bounces.courseware.nl"),
		Domains: []tenant.Pattern{{Domain: domain(t, "courseware.nl")}},
		SRS:     tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}},
	}
	if include != "" {
		name, err := message.ParseName(include)
		if err != nil {
			t.Fatal(err)
		}
		p.SPFInclude = name
	}
	for _, ip := range ips {
		p.SendingIPs = append(p.SendingIPs, netip.MustParseAddr(ip))
	}
	return p
}

// customer is a tenant of these domain patterns, without keys.
func customer(t testing.TB, patterns ...string) *tenant.Tenant {
	t.Helper()
	c := &tenant.Tenant{ID: "yourorg", Name: "Your Organisation", Authorization: tenant.Auto}
	for _, text := range patterns {
		p, err := tenant.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Domains = append(c.Domains, p)
	}
	return c
}

// find gives the one record of a purpose and name.
func find(t testing.TB, s publish.Sheet, purpose publish.Purpose, name string) publish.Record {
	t.Helper()
	for _, r := range s.Records {
		if r.Purpose == purpose && r.Name == name {
			return r
		}
	}
	t.Fatalf("no %s record for %s in %+v", purpose, name, s.Records)
	return publish.Record{}
}

// ring makes keys of the algorithms for an SDID, selectors s1, s2 ...
func ring(t testing.TB, r *keys.Ring, sdid string, algorithms ...tenant.Algorithm) []tenant.Identity {
	t.Helper()
	var ids []tenant.Identity
	for i, algorithm := range algorithms {
		key, err := keys.Generate(algorithm, 0)
		if err != nil {
			t.Fatal(err)
		}
		id := tenant.Identity{SDID: domain(t, sdid), Selector: "s" + string(rune('1'+i))}
		if err := r.Add(id, key); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// text gives the TXT record of a key.
func text(t testing.TB, r *keys.Ring, id tenant.Identity) string {
	t.Helper()
	key, _ := r.Key(id)
	record, err := keys.Record(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return record
}

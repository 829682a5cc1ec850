package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// zone answers from lines of a zone file; names in unanswered are not answered.
type zone struct {
	records    []string
	unanswered string
}

func (z zone) Ask(_ context.Context, name string, qtype uint16) (resolve.Answer, error) {
	if name == z.unanswered {
		return resolve.Answer{}, errors.Join(errors.New("SERVFAIL"), errors.New("REFUSED"))
	}
	answer := resolve.Answer{Chain: []string{name}}
	for _, line := range z.records {
		rr, err := dns.NewRR(line)
		if err != nil {
			return answer, err
		}
		if rr.Header().Name == dns.Fqdn(name) && rr.Header().Rrtype == qtype {
			answer.Records = append(answer.Records, rr)
		}
	}
	return answer, nil
}

func TestLookup(t *testing.T) {
	hosts := []string{"mx1.u.example. A 192.0.2.1", "mx1.u.example. AAAA 2001:db8::1", "mx2.u.example. A 192.0.2.2"}
	both, v4 := []uint16{dns.TypeA, dns.TypeAAAA}, []uint16{dns.TypeA}
	tests := []struct {
		name, hop string
		zone      zone
		types     []uint16
		want      string
		kind      Kind
	}{
		{"a host in brackets", "[mx1.u.example]:2525", zone{records: hosts}, both, "mx1.u.example [192.0.2.1:2525], mx1.u.example [[2001:db8::1]:2525]", ""},
		{"without IPv6", "[mx1.u.example]:25", zone{records: hosts}, v4, "mx1.u.example [192.0.2.1:25]", ""},
		{"MX by preference", "u.example", zone{records: append(hosts, "u.example. MX 20 mx1.u.example.", "u.example. MX 10 mx2.u.example.")}, v4,
			"mx2.u.example [192.0.2.2:25], mx1.u.example [192.0.2.1:25]", ""},
		{"no MX", "mx1.u.example", zone{records: hosts}, v4, "mx1.u.example [192.0.2.1:25]", ""},
		{"brackets ignore MX", "[mx1.u.example]", zone{records: append(hosts, "mx1.u.example. MX 10 mx2.u.example.")}, v4, "mx1.u.example [192.0.2.1:25]", ""},
		{"an MX host that is gone", "u.example", zone{records: append(hosts, "u.example. MX 10 gone.example.", "u.example. MX 20 mx2.u.example.")}, v4, "mx2.u.example [192.0.2.2:25]", ""},
		{"null MX", "u.example", zone{records: []string{"u.example. MX 0 .", "u.example. A 192.0.2.1"}}, v4, "", NullMX},
		{"an MX that is no host", "u.example", zone{records: []string{"u.example. MX 0 \\027[2J."}}, v4, "", NoSuchName},
		{"nothing", "[mx1.u.example]", zone{}, both, "", NoSuchName},
		{"nothing behind the MX", "u.example", zone{records: []string{"u.example. MX 0 gone.example."}}, v4, "", NoSuchName},
		{"no answer for MX", "u.example", zone{records: hosts, unanswered: "u.example"}, v4, "", NoAnswer},
		{"no answer for addresses", "[mx1.u.example]", zone{records: hosts, unanswered: "mx1.u.example"}, v4, "", NoAnswer},
		{"an address", "[192.0.2.7]:26", zone{unanswered: "192.0.2.7"}, both, "192.0.2.7:26", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hop, err := tenant.ParseNextHop(test.hop)
			if err != nil {
				t.Fatal(err)
			}
			found, trouble := lookup(context.Background(), test.zone, hop, test.types)
			var texts []string
			for _, a := range found {
				texts = append(texts, a.String())
			}
			if got := strings.Join(texts, ", "); got != test.want || trouble.Kind != test.kind || strings.Contains(trouble.Text, "\n") || (trouble.Kind == "") != (trouble.Text == "") {
				t.Errorf("%s, %+v; want %s, %s", got, trouble, test.want, test.kind)
			}
		})
	}
}

// TestFiveAddresses: Postfix tries no more.
func TestFiveAddresses(t *testing.T) {
	p := prober(t, tenant.TLSMay)
	p.types = []uint16{dns.TypeA}
	var z zone
	for i := range 8 {
		z.records = append(z.records, fmt.Sprintf("mx.university.example. A 127.0.0.%d", i+1))
	}
	p.DNS = z
	p.Tenant.Direct.NextHop.Port = 1 // nobody listens there
	s := p.Run(context.Background())
	if len(s.Hosts) != 5 || s.Left != 3 || s.Hosts[4].Addr.Addr() != netip.MustParseAddr("127.0.0.5") {
		t.Errorf("%d looked at, %d left out", len(s.Hosts), s.Left)
	}
	if r := Judge(s, time.Now()); r.Accepted || len(r.Findings) != 5 || r.Findings[0].Kind != Refused {
		t.Errorf("%+v", r.Findings)
	}
}

package resolve_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestWithoutEDNS: a server that does not know EDNS is asked without it, over TCP as well
// (RFC 6891 section 7).
func TestWithoutEDNS(t *testing.T) {
	t.Parallel()
	for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers} {
		old := func(behind dns.HandlerFunc) dns.HandlerFunc {
			return func(w dns.ResponseWriter, q *dns.Msg) {
				if q.IsEdns0() == nil {
					behind(w, q)
					return
				}
				m := new(dns.Msg).SetRcode(q, rcode)
				if rcode != dns.RcodeBadVers {
					m.Question = nil
				} else {
					m.SetEdns0(512, false)
				}
				w.WriteMsg(m)
			}
		}
		has := says(0, `x.nl TXT "found"`)
		for name, handler := range map[string]dns.HandlerFunc{"udp": old(has), "tcp": old(onTCP(has))} {
			s := serve(t, handler)
			answer, err := ask(client(t, s.Addr), "x.nl")
			if texts := answer.Texts(); err != nil || len(texts) != 1 || texts[0] != "found" {
				t.Errorf("%s, %s: %q, %v", dns.RcodeToString[rcode], name, texts, err)
			}
		}
		s := serve(t, says(rcode&0xf))
		if _, err := ask(client(t, s.Addr), "x.nl"); err == nil && rcode != dns.RcodeBadVers || s.asked.Load() > 4 {
			t.Errorf("%s without EDNS, too: %v after %d questions", dns.RcodeToString[rcode], err, s.asked.Load())
		}
	}
}

// TestExtendedErrors: what the server says of its reasons is shown, and nothing that acts on a
// terminal (RFC 8914).
func TestExtendedErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reasons []dns.EDNS0_EDE
		want    []string
		dnssec  bool
	}{
		{nil, []string{"SERVFAIL"}, false},
		{[]dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeDNSBogus}}, []string{"SERVFAIL (DNSSEC Bogus): DNSSEC of the zone is broken"}, true},
		{[]dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeSignatureExpired, ExtraText: "by 3 days \x1b[31m é"}}, []string{`"by 3 days \x1b[31m \u00e9"`}, true},
		{[]dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeNoReachableAuthority, ExtraText: strings.Repeat("a", 400)}}, []string{"No Reachable Authority", "..."}, false},
		{[]dns.EDNS0_EDE{{InfoCode: 4711}, {InfoCode: dns.ExtendedErrorCodeProhibited}}, []string{"extended error 4711", "Prohibited"}, false},
	} {
		s := serve(t, reply(func(m *dns.Msg) {
			m.Rcode = dns.RcodeServerFailure
			opt := m.SetEdns0(1232, false).IsEdns0()
			for _, reason := range test.reasons {
				opt.Option = append(opt.Option, &reason)
			}
		}))
		_, err := ask(client(t, s.Addr), "x.nl")
		if err == nil {
			t.Fatal("an answer")
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %s", err, want)
			}
		}
		if strings.Contains(err.Error(), "DNSSEC of the zone is broken") != test.dnssec || len(err.Error()) > 900 || strings.ContainsAny(err.Error(), "\x1b") {
			t.Errorf("%v", err)
		}
	}
}

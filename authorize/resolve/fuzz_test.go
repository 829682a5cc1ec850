package resolve

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzTake takes what it can from any packet that the library can read.
func FuzzTake(f *testing.F) {
	for _, records := range []string{
		"x.nl TXT a\nx.nl TXT b", "x.nl CNAME y.nl\ny.nl TXT a", "x.nl CNAME y.nl\ny.nl CNAME x.nl", "x.nl CNAME x.nl", "x.nl CNAME .",
		"x.nl MX 0 .\nx.nl MX 10 y.nl", "x.nl AAAA ::1\nx.nl A 192.0.2.1", `x.nl TXT "\255\\\"" ""`, "x.nl CH TXT a",
	} {
		m := new(dns.Msg).SetQuestion("x.nl.", dns.TypeTXT)
		m.Compress = true
		for record := range strings.SplitSeq(records, "\n") {
			rr, err := dns.NewRR(record)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		for _, qtype := range []uint16{dns.TypeTXT, dns.TypeMX, dns.TypeA, dns.TypeCNAME} {
			f.Add(packet, qtype)
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte, qtype uint16) {
		m := new(dns.Msg)
		if m.Unpack(packet) != nil || len(m.Question) == 0 {
			return
		}
		a := Answer{Chain: []string{lower(m.Question[0].Name)}}
		err := a.take(m, qtype)
		if len(a.Chain) > maxChain+2 || err == nil && len(a.Chain) > maxChain+1 {
			t.Fatalf("a chain of %d", len(a.Chain))
		}
		for _, rr := range a.Records {
			if h := rr.Header(); h.Rrtype != qtype || h.Class != dns.ClassINET || lower(h.Name) != a.Target() {
				t.Fatalf("%v at the end of %q", rr, a.Chain)
			}
		}
		if a.NoName && len(a.Records) > 0 {
			t.Fatal("records at a name that does not exist")
		}
		a.Texts()
		a.Hosts()
		a.Addresses()
	})
}

// FuzzText: whatever octets a TXT record has, these come out.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "v=spf1 -all", `\`, `"\123"`, "\x00\xff", strings.Repeat(`\9`, 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, octets string) {
		if len(octets) > 60000 {
			return
		}
		var data []byte
		for rest := octets; ; {
			n := min(len(rest), 255)
			data = append(append(data, byte(n)), rest[:n]...)
			if rest = rest[n:]; rest == "" {
				break
			}
		}
		wire := append([]byte{0, 0, byte(dns.TypeTXT), 0, byte(dns.ClassINET), 0, 0, 0, 0, byte(len(data) >> 8), byte(len(data))}, data...)
		rr, _, err := dns.UnpackRR(wire, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Answer{Records: []dns.RR{rr}}).Texts()[0]; got != octets {
			t.Errorf("%q came out as %q", octets, got)
		}
	})
}

// FuzzCanonical: the name in a question is the name in its answer.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"", ".", "X.nl.", `a\`, `a\.`, `\`, `\\`, `\1`, `\255\046.nl`, "a@b c.nl", "a..b", "\xff", "\u212a", strings.Repeat("a.", 127)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, valid := canonical(s)
		again, still := canonical(name)
		if again != name || still != valid {
			t.Fatalf("%q became %q, then %q", s, name, again)
		}
		if !valid {
			return
		}
		packet, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT).Pack()
		if err != nil {
			t.Fatal(err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(packet); err != nil || lower(m.Question[0].Name) != name {
			t.Errorf("%q: %v, %v", name, m.Question, err)
		}
	})
}

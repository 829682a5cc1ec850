package resolve_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// strays are packets from where the answer should come from that are not the answer.
var strays = map[string]func(q *dns.Msg) []byte{
	"wrong ID":       stray(func(m *dns.Msg) { m.Id++ }),
	"wrong name":     stray(func(m *dns.Msg) { m.Question[0].Name = "y.nl." }),
	"wrong type":     stray(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }),
	"wrong class":    stray(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
	"no question":    stray(func(m *dns.Msg) { m.Question = nil }),
	"two questions":  stray(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
	"a question":     stray(func(m *dns.Msg) { m.Response = false }),
	"wrong ID, fail": stray(func(m *dns.Msg) { m.Id++; m.Rcode = dns.RcodeServerFailure }),
	"nothing":        func(*dns.Msg) []byte { return []byte{} },
	"one octet":      func(*dns.Msg) []byte { return []byte{1} },
	"garbage":        func(*dns.Msg) []byte { return []byte(strings.Repeat("\xff", 100)) },
}

func stray(edit func(*dns.Msg)) func(*dns.Msg) []byte {
	return func(q *dns.Msg) []byte {
		m := new(dns.Msg).SetReply(q)
		m.Answer = rrs("x.nl TXT forged", "y.nl TXT forged")
		edit(m)
		packet, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return packet
	}
}

// TestStrays has packets that are not the answer come before it. They must not
// end the wait, or who guesses a port could make every answer none.
func TestStrays(t *testing.T) {
	t.Parallel()
	for name, packet := range strays {
		for _, over := range []string{"UDP", "TCP"} {
			t.Run(name+" over "+over, func(t *testing.T) {
				t.Parallel()
				handler := func(w dns.ResponseWriter, q *dns.Msg) {
					for range 3 {
						w.Write(packet(q))
					}
					says(0, "x.nl TXT a")(w, q)
				}
				if over == "TCP" {
					handler = onTCP(handler)
				}
				s := serve(t, handler)
				got, err := ask(client(t, s.Addr), "x.nl")
				check(t, got, err, resolve.Answer{Chain: []string{"x.nl"}}, "a", "")
				if n := s.asked.Load(); over == "UDP" && n != 1 {
					t.Errorf("asked %d times", n)
				}
			})
		}
	}
}

// TestOnlyStrays has nothing else come.
func TestOnlyStrays(t *testing.T) {
	t.Parallel()
	for name, packet := range strays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { w.Write(packet(q)) })
			c := clientOf(t, resolve.Options{Servers: []string{s.Addr}, Timeout: haste})
			got, err := ask(c, "x.nl")
			check(t, got, err, resolve.Answer{}, "", "no answer in time")
		})
	}
}

// TestLarge has the largest text that DNS carries, and as many records as fit.
func TestLarge(t *testing.T) {
	t.Parallel()
	s := strings.Repeat("\xff", 255)
	var large dns.TXT
	large.Hdr = dns.RR_Header{Name: "x.nl.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}
	for range 255 {
		large.Txt = append(large.Txt, strings.Repeat(`\255`, 255))
	}
	got, err := ask(client(t, serve(t, onTCP(reply(func(m *dns.Msg) { m.Answer = []dns.RR{&large} }))).Addr), "x.nl")
	check(t, got, err, resolve.Answer{Chain: []string{"x.nl"}}, strings.Repeat(s, 255), "")

	many := func(m *dns.Msg) {
		m.Compress = true
		for range 4000 {
			m.Answer = append(m.Answer, rrs("x.nl TXT a")...)
		}
	}
	got, err = ask(client(t, serve(t, onTCP(reply(many))).Addr), "x.nl")
	check(t, got, err, resolve.Answer{Chain: []string{"x.nl"}}, strings.Repeat("|a", 4000)[1:], "")
}

// TestNames asks for names of all kinds. wire is the first label as the server should see it;
// empty: it should not be asked.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) // 250 octets
	for name, row := range map[string]struct {
		wire, chain string
	}{
		"x.nl":                          {"x", "x.nl"},
		"x.nl.":                         {"x", "x.nl"},
		"X.nL":                          {"x", "x.nl"},
		"x":                             {"x", "x"},
		"_dmarc.x.nl":                   {"_dmarc", "_dmarc.x.nl"},
		"a b.nl":                        {"a b", `a\ b.nl`},
		"postmaster@x.nl":               {"postmaster@x", `postmaster\@x.nl`},
		`a"b;(c).nl`:                    {`a"b;(c)`, `a\"b\;\(c\).nl`},
		`a\\b.nl`:                       {`a\b`, `a\\b.nl`},
		`a\.b.nl`:                       {`a.b`, `a\.b.nl`},
		`a\`:                            {"", `a\`},
		`a.nl\.`:                        {"a", `a.nl\.`},
		`\065\255.nl`:                   {"a\xff", `a\255.nl`},
		"\xff\x00\xc9.nl":               {"\xff\x00\xc9", `\255\000\201.nl`},
		"É.nl":                          {"É", `\195\137.nl`},
		"\u212a.nl":                     {"\u212a", `\226\132\170.nl`}, // KELVIN SIGN, whose lower case is k
		"":                              {"", ""},
		".":                             {"", ""},
		"a..nl":                         {"", "a..nl"},
		".a.nl":                         {"", ".a.nl"},
		strings.Repeat("a", 63) + ".nl": {strings.Repeat("a", 63), strings.Repeat("a", 63) + ".nl"},
		strings.Repeat("a", 64) + ".nl": {"", strings.Repeat("a", 64) + ".nl"},
		strings.Repeat("\u212a", 22):    {"", strings.Repeat("\u212a", 22)},
		long + "nls":                    {strings.Repeat("a", 49), long + "nls"},
		long + "nls.":                   {strings.Repeat("a", 49), long + "nls"},
		long + "nlse":                   {"", long + "nlse"},
		strings.Repeat("a.", 126) + "a": {"a", strings.Repeat("a.", 126) + "a"},
		strings.Repeat("a.", 127) + "a": {"", strings.Repeat("a.", 127) + "a"},
		strings.Repeat("a.", 9999):      {"", strings.Repeat("a.", 9999)},
	} {
		t.Run(fmt.Sprintf("%.24q", name), func(t *testing.T) {
			t.Parallel()
			var wire atomic.Value
			wire.Store("")
			s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
				wire.Store(firstLabel(q.Question[0].Name))
				m := new(dns.Msg).SetReply(q)
				m.Answer = []dns.RR{&dns.TXT{
					Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET},
					Txt: []string{"found"},
				}}
				w.WriteMsg(m)
			})
			for range 2 { // the second time by the name that it then has
				got, err := ask(resolve.Remember(client(t, s.Addr), 1), name)
				want := resolve.Answer{Chain: []string{row.chain}, NoName: row.wire == ""}
				texts := "found"
				if want.NoName {
					texts = ""
				}
				check(t, got, err, want, texts, "")
				if wire.Load() != row.wire {
					t.Errorf("%q asked for %q, not %q", name, wire.Load(), row.wire)
				}
				name = row.chain
			}
		})
	}
}

func firstLabel(name string) string {
	wire := make([]byte, 256)
	if _, err := dns.PackDomainName(name, wire, 0, nil, false); err != nil {
		panic(err)
	}
	return string(wire[1 : 1+wire[0]])
}

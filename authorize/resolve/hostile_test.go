package resolve_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// TestLarge has answers of all sizes. One that is larger than may be is an answer all the same:
// no other server is asked, and none is blamed.
func TestLarge(t *testing.T) {
	t.Parallel()
	text := func(n int) dns.RR {
		txt := &dns.TXT{Hdr: dns.RR_Header{Name: "x.nl.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}}
		for range n {
			txt.Txt = append(txt.Txt, strings.Repeat(`\255`, 255))
		}
		return txt
	}
	for name, row := range map[string]struct {
		records []dns.RR
		rcode   int
		octets  int    // of all texts
		err     string // "" and no octets: ErrTooLarge
	}{
		"large":                  {records: []dns.RR{text(63)}, octets: 63 * 255},
		"too large":              {records: []dns.RR{text(64)}},
		"as large as may be":     {records: []dns.RR{text(255)}},
		"many":                   {records: slices.Repeat(rrs("x.nl TXT a"), 200), octets: 200},
		"many behind aliases":    {records: append(rrs(append(chain(7), "x.nl CNAME c0.nl")...), slices.Repeat(rrs("c7.nl TXT a"), 200)...), octets: 200},
		"too many":               {records: slices.Repeat(rrs("x.nl TXT a"), 209)},
		"too many, empty":        {records: slices.Repeat(rrs(`x.nl TXT ""`), 4000)},
		"too many, of others":    {records: slices.Repeat(rrs("y.nl TXT a"), 4000)},
		"too many, and SERVFAIL": {records: slices.Repeat(rrs("x.nl TXT a"), 4000), rcode: dns.RcodeServerFailure, err: "SERVFAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := onTCP(reply(func(m *dns.Msg) { m.Compress, m.Rcode, m.Answer = true, row.rcode, row.records }))
			s, other := serve(t, handler), serve(t, handler)
			got, err := ask(client(t, s.Addr, other.Addr), "x.nl")
			unanswered := new(resolve.Error)
			switch {
			case row.err != "":
				check(t, got, err, resolve.Answer{}, "", row.err)
			case row.octets > 0:
				if n := len(strings.Join(got.Texts(), "")); err != nil || n != row.octets {
					t.Errorf("%d octets, %v", n, err)
				}
			case !errors.Is(err, resolve.ErrTooLarge) || !errors.As(err, &unanswered) || strings.Contains(err.Error(), s.Addr) || other.asked.Load() > 0:
				t.Errorf("%v; %d other questions", err, other.asked.Load())
			}
		})
	}
}

// TestHeld: sixteen looks at once hold some ten MiB, whatever is published. It runs alone, to
// count nothing else.
func TestHeld(t *testing.T) {
	const looks, questions = 16, 60
	const most = 48 << 20
	aliases := ""
	for i, owner := 1, question; i < 8; i++ {
		target := "\x01" + strconv.Itoa(i) + question
		aliases += wire(owner, dns.TypeCNAME, target)
		owner = target
	}
	for name, row := range map[string]struct {
		qtype   uint16
		n       int
		records string
	}{
		"4000 addresses":  {dns.TypeA, 4000, strings.Repeat(wire(question, dns.TypeA, "\xff\xff\xff\xff"), 4000)},
		"200 addresses":   {dns.TypeA, 200, strings.Repeat(wire(question, dns.TypeA, "\xff\xff\xff\xff"), 200)},
		"200 hosts":       {dns.TypeMX, 200, strings.Repeat(wire(question, dns.TypeMX, "\x00\x00\x01\xff"+question), 200)},
		"empty strings":   {dns.TypeTXT, 1, wire(question, dns.TypeTXT, strings.Repeat("\x00", 3000))},
		"a large text":    {dns.TypeTXT, 1, wire(question, dns.TypeTXT, strings.Repeat("\xff"+strings.Repeat("\xff", 255), 60))},
		"too large texts": {dns.TypeTXT, 1, wire(question, dns.TypeTXT, strings.Repeat("\xff"+strings.Repeat("\xff", 255), 70))},
		"long aliases":    {dns.TypeTXT, 7, aliases},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, onTCP(func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetRcode(q, map[bool]int{true: dns.RcodeNameError}[name == "long aliases"])
				packet, _ := m.Pack()
				binary.BigEndian.PutUint16(packet[6:], uint16(row.n))
				w.Write(append(packet, row.records...))
			}))
			c := client(t, s.Addr)
			before := inUse()
			var looking sync.WaitGroup
			var memories [looks]*resolve.Bounded
			for i := range memories {
				memories[i] = bound(t, c, questions)
				looking.Go(func() {
					for j := range questions {
						name := fmt.Sprintf(`%d.%d.`, j, i) + strings.Repeat(strings.Repeat(`\255`, 57)+".", 4)
						_, err := memories[i].To(name, row.qtype)
						if err != nil && !errors.Is(err, resolve.ErrTooLarge) && !errors.Is(err, resolve.ErrTooMany) {
							t.Error(err)
							return
						}
					}
				})
			}
			looking.Wait()
			held := inUse() - before
			t.Logf("%.1f MiB after %d questions", float64(held)/(1<<20), s.asked.Load()/2)
			if held > most {
				t.Errorf("more than %d MiB", most>>20)
			}
			runtime.KeepAlive(memories)
		})
	}
}

// question points at the name in the question of a message (RFC 1035 section 4.1.4).
const question = "\xc0\x0c"

// wire gives a record as messages have it.
func wire(owner string, rrtype uint16, data string) string {
	return owner + string([]byte{byte(rrtype >> 8), byte(rrtype), 0, 1, 0, 0, 0, 0, byte(len(data) >> 8), byte(len(data))}) + data
}

// inUse gives the octets of the heap that are in use.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
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
				got, err := ofText(bound(t, client(t, s.Addr), 1), name)
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

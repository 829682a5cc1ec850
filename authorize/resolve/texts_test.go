package resolve_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// TestTexts holds what a master file says against the octets that a reader of the record gets.
func TestTexts(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`"v=spf1 " "-all"`:           "v=spf1 -all",
		`v=spf1 -all`:                "v=spf1-all",
		`"a" "" "b"`:                 "ab",
		`""`:                         "",
		`"say \"hi\""`:               `say "hi"`,
		`"back\\slash"`:              `back\slash`,
		`"\\123"`:                    `\123`,
		`"\\" "123"`:                 `\123`,
		`"\\\\"`:                     `\\`,
		`"\000\009\010\127\128\255"`: "\x00\t\n\x7f\x80\xff",
		`"\195\169"`:                 "é",
		`"a\;b"`:                     "a;b",
		`"` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", 255) + `"`: strings.Repeat("x", 255) + strings.Repeat("y", 255),
	} {
		got, err := ask(client(t, serve(t, says(0, "x.nl TXT "+file)).Addr), "x.nl")
		if texts := got.Texts(); err != nil || len(texts) != 1 || texts[0] != want {
			t.Errorf("%s: %q, %v", file, texts, err)
		}
	}
}

// TestEscapes has what the DNS library never gives.
func TestEscapes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{`\256`: "256", `\999`: "999", `\25`: "25", `a\`: `a\`, `\`: `\`} {
		answer := resolve.Answer{Records: []dns.RR{&dns.TXT{Txt: []string{given}}}}
		if got := answer.Texts()[0]; got != want {
			t.Errorf("%s: %q", given, got)
		}
	}
}

func TestHostsAndAddresses(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t, zone(
		"x.nl MX 20 B.x.nl", "x.nl MX 10 a.x.nl", "null.nl MX 0 .",
		"1.2.0.192.in-addr.arpa PTR Host.x.nl",
		"x.nl A 192.0.2.1", "x.nl A 192.0.2.2", "x.nl AAAA 2001:db8::1", "x.nl AAAA ::ffff:192.0.2.3",
		"x.nl TXT a")).Addr)
	for _, row := range []struct {
		name             string
		qtype            uint16
		hosts, addresses string
	}{
		{"x.nl", dns.TypeMX, "[b.x.nl a.x.nl]", "[]"},
		{"null.nl", dns.TypeMX, "[]", "[]"}, // one, and it is empty
		{"1.2.0.192.in-addr.arpa", dns.TypePTR, "[host.x.nl]", "[]"},
		{"x.nl", dns.TypeA, "[]", "[192.0.2.1 192.0.2.2]"},
		{"x.nl", dns.TypeAAAA, "[]", "[2001:db8::1 192.0.2.3]"},
		{"x.nl", dns.TypeTXT, "[]", "[]"},
	} {
		got, err := c.Ask(context.Background(), row.name, row.qtype)
		if hosts, addresses := fmt.Sprint(got.Hosts()), fmt.Sprint(got.Addresses()); err != nil || hosts != row.hosts || addresses != row.addresses {
			t.Errorf("%s %d: %s %s, %v", row.name, row.qtype, hosts, addresses, err)
		}
		if n := len(got.Hosts()); row.name == "null.nl" && n != 1 {
			t.Errorf("the null MX gives %d hosts", n)
		}
	}
}

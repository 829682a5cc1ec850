package publish

import (
	"strings"
	"testing"

	"onbehalf/authorize/record"
)

// TestRepair: the strings of a TXT record as people publish them, with | between them; the record
// that is proposed, behind our term; and a part of each remark but the one that it is faulty.
func TestRepair(t *testing.T) {
	const v = "_spf.vendor.example"
	for _, test := range []struct {
		text, want string
		remarks    []string
	}{
		// An all that is cut off its qualifier.
		{"v=spf1 ip4:198.51.100.7 - all", "ip4:198.51.100.7 -all", []string{`"- all" is written "-all"`}},
		{"v=spf1 mx ~ all", "mx ~all", []string{`"~ all" is written "~all"`}},
		{"v=spf1 mx ? all", "mx ?all", []string{`"? all" is written "?all"`}},
		{"v=spf1 mx – ALL", "mx -ALL", []string{`"– ALL" is written "-ALL"`}},
		{"v=spf1 mx \x97 all", "mx -all", []string{`"— all" is written "-all"`}},
		{"v=spf1 mx −all", "mx -all", []string{`"−all" is written "-all"`}},
		{"v=spf1 mx ‐ all", "mx -all", []string{"is written"}},
		{"v=spf1 mx \u2212\u00a0all", "mx -all", []string{"is written"}},
		{"v=spf1 mx -\tall", "mx -all", []string{"is written"}},
		{"v=spf1 mx --all", "mx -all", []string{`"--all" is written "-all"`}},
		{"v=spf1 mx- all", "mx -all", []string{`"mx- all" is written "mx -all"`}},
		{"v=spf1 ip4:198.51.100.7~ all", "ip4:198.51.100.7 ~all", []string{"is written"}},
		{"v=spf1 mx â€“ all", "mx -all", []string{"is written"}},
		{"v=spf1 mx “-all”", "mx -all", []string{"is written"}},
		{"v=spf1 mx -all.", "mx -all", []string{"is written"}},
		{"v=spf1 mx ~-all", "mx", []string{"left out"}},
		{"v=spf1 mx -", "mx", []string{"left out"}},

		// Everybody.
		{"v=spf1 mx all", "mx ~all", []string{"every host"}},
		{"v=spf1 mx + all", "mx ~all", []string{"is written", "every host"}},
		{"v=spf1 mx+all", "mx ~all", []string{"is written", "every host"}},
		{"v=spf1 mx/0 a//0 ip4:0.0.0.0/0 ip6:::/0 -all", "-all", []string{"mx/0", "a//0", "ip4:0.0.0.0/0", "ip6:::/0"}},

		{"v=spf1 mx -all +all", "mx -all", []string{"+all after the all is left out"}},

		// Spaces that are missing, or something else.
		{"v=spf1include:" + v + " -all", "include:" + v + " -all", nil},
		{"v=spf1,include:" + v + ",-all", "include:" + v + " -all", []string{"is written"}},
		{"v=spf1;mx|;-all", "mx -all", []string{"is written"}},
		{"v=spf1|include:" + v + "|-all", "include:" + v + " -all", nil},
		{"v=spf1|mx|a|-all", "mx a -all", nil},
		{"v=spf1 mx|a:x.nl|ip:198.51.100.7|-all", "mx a:x.nl ip4:198.51.100.7 -all", []string{"ip:198.51.100.7"}},
		{"v=spf1 m|x -all", "mx -all", nil},
		{"v=spf1 ip4:198.51.100.7~all", "ip4:198.51.100.7 ~all", []string{"is written"}},
		{"v=spf1 mx-all", "mx -all", []string{"is written"}},
		{"v=spf1 ip4:198.51.100.0/24include:" + v + " -all", "ip4:198.51.100.0/24 include:" + v + " -all", []string{"is written"}},
		{"v=spf1 ip4:198.51.100.7mx -all", "ip4:198.51.100.7 mx -all", []string{"is written"}},
		{"v=spf1 include:" + v + "-all", "include:" + v + " -all", []string{"is written"}},
		{"v=spf1 include:a.nl,b.nl;-ip4:198.51.100.1,198.51.100.2 -all", "include:a.nl include:b.nl -ip4:198.51.100.1 -ip4:198.51.100.2 -all", []string{"is written"}},
		{"v=spf1 mxall", "", []string{"left out"}},
		{"v=spf1 include:x.nla:y.nl -all", "-all", []string{"left out"}},

		// Spaces that are too many.
		{"v=spf1 include : " + v + " ip4 198.51.100.7 -all", "include:" + v + " ip4:198.51.100.7 -all", []string{"is written", "is written"}},
		{"v=spf1 redirect = " + v, "redirect=" + v, []string{"is written"}},
		{"v=spf1 - include:" + v + " mx -all", "-include:" + v + " mx -all", []string{"keeps those hosts out"}},

		// The wrong mechanism, or none.
		{"v=spf1 ip:198.51.100.7 -all", "ip4:198.51.100.7 -all", []string{"is written"}},
		{"v=spf1 -ip:2001:db8::1 ip4:2001:db8::/32 ip6:198.51.100.7 -all", "-ip6:2001:db8::1 ip6:2001:db8::/32 ip4:198.51.100.7 -all", []string{"is written", "is written", "is written"}},
		{"v=spf1 a:198.51.100.7 include:198.51.100.8 -198.51.100.9 -all", "ip4:198.51.100.7 ip4:198.51.100.8 -ip4:198.51.100.9 -all", []string{"is written", "is written", "is written"}},
		{"v=spf1 redirect:" + v, "redirect=" + v, []string{"is written"}},
		{"v=spf1 include:https://" + v + "/ -all", "include:" + v + " -all", []string{"is written"}},
		{"v=spf1 include:<" + v + "> -all", "include:" + v + " -all", []string{"is written"}},
		{"v=spf1 include=" + v + " -all", "-all", []string{"write include:" + v}},
		{"v=spf1 include:post@x.nl -all", "-all", []string{"else than a domain name"}},
		{"v=spf1 x-y=z ip6:::ffff:192.0.2.1 -all", "x-y=z ip6:::ffff:192.0.2.1 -all", nil},
		{"v=spf1 ip6:2001:db8:: a -all", "ip6:2001:db8:: a -all", nil},

		// An exclusion that cannot be read.
		{"v=spf1 -ip4:300.1.1.1 mx -all", "-all", []string{"for an address", `"mx" is left out here as well`}},
		{"v=spf1 a,-ip4:300.1.1.1 mx -all", "-all", []string{"left out", `"mx" is left out here as well`}},

		// The version.
		{"v = spf1 mx -all", "mx -all", nil},
		{"v=spf 1 mx -all", "mx -all", nil},
		{"IN TXT V=SPF1:mx -all", "mx -all", nil},
		{`"v=spf1 mx" "-all"`, "mx -all", nil},
	} {
		text, ok := recovered(strings.Split(test.text, "|")...)
		if record.IsSPF(strings.ReplaceAll(test.text, "|", "")) {
			text, ok = choose(strings.Split(test.text, "|"))
		}
		s, remarks, _ := merge([]string{text}, []record.Term{term("ip4:192.0.2.7")})
		if len(remarks) > 0 && strings.HasPrefix(remarks[0], "the present record is faulty") {
			remarks = remarks[1:]
		}
		good := len(remarks) == len(test.remarks)
		for i := 0; good && i < len(remarks); i++ {
			good = strings.Contains(remarks[i], test.remarks[i])
		}
		if want := strings.TrimSpace("v=spf1 ip4:192.0.2.7 " + test.want); !ok || s.String() != want || !good {
			t.Errorf("%q\ngot  %s\nwant %s\n%s", test.text, s, want, strings.Join(remarks, "\n"))
		}
	}
}

// TestUnfit: what may let those in who were to be kept out is not proposed.
func TestUnfit(t *testing.T) {
	for text, want := range map[string]bool{
		"v=spf1 -ip4:300.1.1.1 mx -all":          false,
		"v=spf1 ?nonsense redirect=x.nl":         false,
		"v=spf1 mx -ip4:300.1.1.1 -all":          true,
		"v=spf1 -ip4:300.1.1.1 -all include:x.y": true,
		"v=spf1 mx nonsense a -all":              true,
	} {
		if _, remarks, fit := merge([]string{text}, nil); fit != want {
			t.Errorf("%s: %v %q", text, fit, remarks)
		}
	}
}

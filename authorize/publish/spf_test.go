package publish_test

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/authorize/publish"
	"onbehalf/authorize/record"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// TestMergedSPF: what is present at x.nl, and the record that is told for it.
func TestMergedSPF(t *testing.T) {
	tests := []struct {
		name, zone string
		want       string
		remarks    []string // in order, a part of each
	}{
		{"nothing", ``, "v=spf1 include:_spf.courseware.nl ~all", []string{"before you publish this"}},
		{"nothing, with mail servers", `x.nl MX 10 mail.x.nl`, "v=spf1 include:_spf.courseware.nl mx ~all", []string{"mx names", "before you publish this"}},
		{"nothing, and takes no mail", `x.nl MX 0 .`, "v=spf1 include:_spf.courseware.nl ~all", []string{"before you publish this"}},
		{"a record", `x.nl TXT "v=spf1 mx -all"`, "v=spf1 include:_spf.courseware.nl mx -all", nil},
		{"in other TXT records", "x.nl TXT \"site-verification=1\"\nx.nl TXT \"v=spf1 mx -all\"", "v=spf1 include:_spf.courseware.nl mx -all", nil},
		{"in upper case", `x.nl TXT "V=SPF1 MX -ALL"`, "v=spf1 include:_spf.courseware.nl MX -ALL", nil},
		{"in two strings", `x.nl TXT "v=spf1 m" "x -all"`, "v=spf1 include:_spf.courseware.nl mx -all", nil},
		{"redirect", `x.nl TXT "v=spf1 redirect=_spf.x.nl"`, "v=spf1 include:_spf.courseware.nl redirect=_spf.x.nl", nil},
		{"redirect and terms", `x.nl TXT "v=spf1 mx redirect=_spf.x.nl exp=e.x.nl"`, "v=spf1 include:_spf.courseware.nl mx redirect=_spf.x.nl exp=e.x.nl", nil},
		{"macros", `x.nl TXT "v=spf1 exists:%{i}._spf.%{d2} include:%{d}._spf.x.nl ~all"`, "v=spf1 include:_spf.courseware.nl exists:%{i}._spf.%{d2} include:%{d}._spf.x.nl ~all", nil},
		{"we stand in it with ?", `x.nl TXT "v=spf1 mx ?include:_SPF.courseware.nl. -all"`, "v=spf1 include:_spf.courseware.nl mx -all", nil},
		{"we stand behind all", `x.nl TXT "v=spf1 mx -all include:_spf.courseware.nl"`, "v=spf1 include:_spf.courseware.nl mx -all", nil},
		{"+all", `x.nl TXT "v=spf1 +all"`, "v=spf1 include:_spf.courseware.nl ~all", []string{"every host on the Internet"}},
		{"?all", `x.nl TXT "v=spf1 mx ?all"`, "v=spf1 include:_spf.courseware.nl mx ?all", []string{"it has ?all"}},
		{"no all", `x.nl TXT "v=spf1 mx"`, "v=spf1 include:_spf.courseware.nl mx", []string{"it has no all"}},
		{"nothing in it", `x.nl TXT "v=spf1"`, "v=spf1 include:_spf.courseware.nl", []string{"it has no all"}},

		{"two", "x.nl TXT \"v=spf1 mx ip4:192.0.2.1 -all\"\nx.nl TXT \"v=spf1 include:_spf.y.nl ip4:192.0.2.1/32 ?all\"",
			"v=spf1 include:_spf.courseware.nl mx ip4:192.0.2.1 include:_spf.y.nl ?all", []string{"2 records were merged", "it has ?all"}},
		{"two, one of them ours", "x.nl TXT \"v=spf1 mx -all\"\nx.nl TXT \"v=spf1 include:_spf.courseware.nl ~all\"",
			"v=spf1 include:_spf.courseware.nl mx ~all", []string{"2 records were merged"}},
		{"two, terms behind all", "x.nl TXT \"v=spf1 mx -all a:gone.x.nl\"\nx.nl TXT \"v=spf1 a -all redirect=_spf.x.nl\"",
			"v=spf1 include:_spf.courseware.nl mx a -all", []string{"2 records were merged"}},
		{"two, a redirect and an all", "x.nl TXT \"v=spf1 redirect=_spf.x.nl\"\nx.nl TXT \"v=spf1 mx -all\"",
			"v=spf1 include:_spf.courseware.nl mx include:_spf.x.nl -all", []string{"2 records were merged", "redirect=_spf.x.nl of one record became include:_spf.x.nl"}},
		{"two, two redirects", "x.nl TXT \"v=spf1 redirect=_spf.x.nl\"\nx.nl TXT \"v=spf1 redirect=_spf.y.nl\"",
			"v=spf1 include:_spf.courseware.nl include:_spf.x.nl redirect=_spf.y.nl", []string{"2 records were merged", "became include:_spf.x.nl"}},
		{"two, one redirect", "x.nl TXT \"v=spf1 redirect=_spf.x.nl\"\nx.nl TXT \"v=spf1 mx exp=a.x.nl\"",
			"v=spf1 include:_spf.courseware.nl mx exp=a.x.nl redirect=_spf.x.nl", []string{"2 records were merged"}},
		{"two pasted into one", `x.nl TXT "v=spf1 mx -all v=spf1 a ~all"`, "v=spf1 include:_spf.courseware.nl mx a ~all", []string{"2 records were merged"}},

		{"a fault", `x.nl TXT "v=spf1 mx nonsense ip4:300.1.1.1 -all"`, "v=spf1 include:_spf.courseware.nl mx -all",
			[]string{"ignore all of it", `"nonsense" is not a mechanism of SPF. It is left out`, `"ip4:300.1.1.1" has "300.1.1.1" for an address. It is left out`}},
		{"faults whose meaning is plain", `x.nl TXT "v=spf1 ip4: 192.0.2.1 198.51.100.1 2001:db8::1 mx; –all"`, "v=spf1 include:_spf.courseware.nl ip4:192.0.2.1 ip4:198.51.100.1 ip6:2001:db8::1 mx -all",
			[]string{"ignore all of it", `"ip4: 192.0.2.1" is written "ip4:192.0.2.1"`, `"198.51.100.1" is written`, `"2001:db8::1" is written`, `"mx;" is written "mx"`, `"–all" is written "-all"`}},
		{"redirect twice", `x.nl TXT "v=spf1 redirect=_spf.x.nl redirect=_spf.y.nl"`, "v=spf1 include:_spf.courseware.nl redirect=_spf.x.nl", []string{"ignore all of it", `"redirect=_spf.y.nl" appears twice`}},

		{"quotes pasted in", `x.nl TXT "\"v=spf1 mx -all\""`, "v=spf1 include:_spf.courseware.nl mx -all", []string{`receivers do not see "\"v=spf1 mx -all\"" as an SPF record, because quotation marks`}},
		{"a leading blank", `x.nl TXT " v=spf1 mx -all"`, "v=spf1 include:_spf.courseware.nl mx -all", []string{"white space before"}},
		{"v= forgotten", `x.nl TXT "spf1 mx -all"`, "v=spf1 include:_spf.courseware.nl mx -all", []string{"begins with spf1"}},
		{"no version to make out", `x.nl TXT "v=spf mx -all"`, "v=spf1 include:_spf.courseware.nl ~all", []string{`begins with "v=spf"`, "before you publish this"}},
		{"an alias", "x.nl CNAME y.nl\ny.nl TXT \"v=spf1 mx -all\"", "v=spf1 include:_spf.courseware.nl mx -all", []string{"alias (CNAME) of y.nl"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advisor := publish.Advisor{Platform: platform(t, "_spf.courseware.nl", "192.0.2.7", "2001:db8::7"), Keys: new(keys.Ring)}
			r := find(t, advisor.Tenant(parse(t, test.zone), customer(t, "x.nl")), publish.SPF, "x.nl")
			if r.Value != test.want || r.Done || r.State() != "to do" || r.Type != "TXT" || r.Relative != "@" {
				t.Errorf("got  %s (%s)\nwant %s", r.Value, r.State(), test.want)
			}
			compare(t, r.Remarks, test.remarks)
			if _, err := record.ParseSPF(r.Value); err != nil {
				t.Error(err)
			}
		})
	}
}

func compare(t *testing.T, remarks, parts []string) {
	t.Helper()
	ok := len(remarks) == len(parts)
	for i := 0; ok && i < len(parts); i++ {
		ok = strings.Contains(remarks[i], parts[i])
	}
	if !ok {
		t.Errorf("remarks:\n%s\nwant parts:\n%s", strings.Join(remarks, "\n"), strings.Join(parts, "\n"))
	}
}

// includes makes a chain of n records that include the next, so that including the
// first costs n lookups.
func includes(from string, n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "%s%d.nl TXT \"v=spf1 include:%s%d.nl -all\"\n", from, i, from, i+1)
	}
	fmt.Fprintf(&b, "%s%d.nl TXT \"v=spf1 ip4:192.0.2.1 -all\"\n", from, n)
	return b.String()
}

func TestLookUps(t *testing.T) {
	const ours = "include:_spf.courseware.nl"
	const plain = "ip4:192.0.2.7 ip6:2001:db8::7"
	for _, test := range []struct {
		name, zone, want string
		remarks          []string
	}{
		{"ten in all", "x.nl TXT \"v=spf1 include:a1.nl -all\"\n" + includes("a", 9), "v=spf1 " + ours + " include:a1.nl -all", nil},
		{"eleven with ours", "x.nl TXT \"v=spf1 include:a1.nl -all\"\n" + includes("a", 10), "v=spf1 " + plain + " include:a1.nl -all", []string{"it would need 11 DNS lookups"}},
		{"ours leads to others", "_spf.courseware.nl TXT \"v=spf1 include:b1.nl -all\"\nx.nl TXT \"v=spf1 a mx a:y.nl a:z.nl exists:%{i}.x.nl -all\"\n" + includes("b", 6), "v=spf1 " + plain + " a mx a:y.nl a:z.nl exists:%{i}.x.nl -all", []string{"it would need 12"}},
		{"eleven without ours", "x.nl TXT \"v=spf1 include:_spf.courseware.nl include:a1.nl -all\"\n" + includes("a", 11), "v=spf1 " + plain + " include:a1.nl -all", []string{"it would need 12", "it needs 11 DNS lookups"}},
		{"behind all", "x.nl TXT \"v=spf1 -all include:a1.nl\"\n" + includes("a", 11), "v=spf1 " + ours + " -all include:a1.nl", nil},
		{"by redirect", "x.nl TXT \"v=spf1 redirect=a1.nl\"\n" + includes("a", 10), "v=spf1 " + plain + " redirect=a1.nl", []string{"it would need 11"}},
		{"redirect beside all", "x.nl TXT \"v=spf1 redirect=a1.nl ~all\"\n" + includes("a", 11), "v=spf1 " + ours + " redirect=a1.nl ~all", nil},
		{"in a circle", "x.nl TXT \"v=spf1 include:x.nl -all\"", "v=spf1 " + plain + " include:x.nl -all", []string{"it would need 12", "it needs 11"}},
		{"in many circles", `x.nl TXT "v=spf1 include:x.nl include:x.nl include:x.nl -all"`, "v=spf1 " + plain + " include:x.nl include:x.nl include:x.nl -all", []string{"40 or more", "40 or more"}},
		{"an include that is silent", "x.nl TXT \"v=spf1 include:a1.nl -all\"\na1.nl silent", "v=spf1 " + ours + " include:a1.nl -all", []string{"it is not known whether mail passes already"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			world := parse(t, test.zone)
			advisor := publish.Advisor{Platform: platform(t, "_spf.courseware.nl", "192.0.2.7", "2001:db8::7"), Keys: new(keys.Ring)}
			r := find(t, advisor.Tenant(world, customer(t, "x.nl")), publish.SPF, "x.nl")
			if r.Value != test.want {
				t.Errorf("got  %s\nwant %s", r.Value, test.want)
			}
			compare(t, r.Remarks, test.remarks)
			if len(world.asked) > 120 {
				t.Errorf("%d questions", len(world.asked))
			}
		})
	}
}

func TestSPFWithAddresses(t *testing.T) {
	advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7", "::ffff:192.0.2.8", "2001:db8::7"), Keys: new(keys.Ring)}
	r := find(t, advisor.Tenant(parse(t, `x.nl TXT "v=spf1 ip4:192.0.2.7/32 mx -all"`), customer(t, "x.nl")), publish.SPF, "x.nl")
	if want := "v=spf1 ip4:192.0.2.7 ip4:192.0.2.8 ip6:2001:db8::7 mx -all"; r.Value != want || r.Done {
		t.Errorf("got  %s\nwant %s", r.Value, want)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("198.51.100.%d", i))
	}
	advisor = publish.Advisor{Platform: platform(t, "", many...), Keys: new(keys.Ring)}
	r = find(t, advisor.Tenant(parse(t, `x.nl TXT "v=spf1 mx -all"`), customer(t, "x.nl")), publish.SPF, "x.nl")
	if strings.Count(r.Value, "ip4:") != 100 {
		t.Error(r.Value)
	}
	compare(t, r.Remarks, []string{"bytes, and more than 450"})
}

func TestSPFThatPasses(t *testing.T) {
	const named, other = `x.nl TXT "v=spf1 mx include:_spf.courseware.nl -all"`, `x.nl TXT "v=spf1 mx +all"`
	const without = "\n" + `_spf.courseware.nl TXT "v=spf1 ip4:192.0.2.9 -all"` // us
	for _, test := range []struct {
		name, zone  string
		state, want string
		remarks     []string
	}{
		{"by evaluation", `x.nl TXT "v=spf1 mx include:_spf.y.nl -all"` + "\n" + `_spf.y.nl TXT "v=spf1 ip4:192.0.2.0/28 -all"`, "done", "v=spf1 mx include:_spf.y.nl -all", nil},
		{"as everybody does", other, "to do", "v=spf1 include:_spf.courseware.nl mx ~all", []string{"every host"}},
		{"by its text", named, "done", "v=spf1 mx include:_spf.courseware.nl -all", nil},
		{"by addresses in its text", `x.nl TXT "v=spf1 ip4:192.0.2.7 -all"`, "done", "v=spf1 ip4:192.0.2.7 -all", nil},
		{"not by its text", `x.nl TXT "v=spf1 -all include:_spf.courseware.nl"`, "to do", "v=spf1 include:_spf.courseware.nl -all", nil},
		{"not by two", named + "\n" + other, "to do", "v=spf1 include:_spf.courseware.nl mx ~all", []string{"2 records", "every host"}},
		{"as told, and fails", `x.nl TXT "v=spf1 include:_spf.courseware.nl -all"` + without, "done", "v=spf1 include:_spf.courseware.nl -all", []string{"as it should be, but mail does not pass"}},
		{"not known", `x.nl TXT "v=spf1 include:s.y.nl include:_spf.courseware.nl -all"` + "\ns.y.nl silent", "unknown", "v=spf1 include:_spf.courseware.nl include:s.y.nl -all", []string{"not known"}},
		{"no answer", "x.nl silent", "unknown", "", []string{"include:_spf.courseware.nl directly after v=spf1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			advisor := publish.Advisor{Platform: platform(t, "_spf.courseware.nl", "192.0.2.7"), Keys: new(keys.Ring)}
			sheet := advisor.Tenant(parse(t, test.zone), customer(t, "x.nl"))
			r := find(t, sheet, publish.SPF, "x.nl")
			if r.Value != test.want || r.State() != test.state {
				t.Errorf("got  %s (%s)\nwant %s (%s)", r.Value, r.State(), test.want, test.state)
			}
			compare(t, r.Remarks, test.remarks)
			if unanswered := len(sheet.Unanswered()) > 0; unanswered != (test.state == "unknown") {
				t.Error(sheet.Unanswered())
			}
		})
	}
}

func TestSPFOfAnIDN(t *testing.T) {
	advisor := publish.Advisor{Platform: platform(t, "_spf.courseware.nl", "192.0.2.7"), Keys: new(keys.Ring)}
	sheet := advisor.Tenant(parse(t, `xn--mnchen-3ya.de TXT "v=spf1 mx -all"`), customer(t, "post.münchen.de", "münchen.de"))
	r := find(t, sheet, publish.SPF, "xn--mnchen-3ya.de")
	below := find(t, sheet, publish.SPF, "post.xn--mnchen-3ya.de")
	if r.Relative != "@" || below.Relative != "post" || below.Zone != domain(t, "münchen.de") || r.Value != "v=spf1 include:_spf.courseware.nl mx -all" {
		t.Errorf("%+v", sheet.Records)
	}
	if len(sheet.From) != 2 || sheet.From[1] != "münchen.de" {
		t.Error(sheet.From)
	}
}

func TestWildcardAlone(t *testing.T) {
	r := new(keys.Ring)
	c := customer(t, "*.x.nl")
	c.Identities = ring(t, r, "x.nl", tenant.Ed25519)
	sheet := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: r}.Tenant(parse(t, ""), c)
	for _, one := range sheet.Records {
		if one.Purpose == publish.SPF {
			t.Errorf("SPF for a name that sends nothing: %+v", one)
		}
	}
	find(t, sheet, publish.DKIM, "s1._domainkey.x.nl")
	compare(t, sheet.Remarks, []string{"the key of x.nl counts for all names below it"})
}

// TestWildcardLetter: the letter to who has nothing but a wildcard shows the record that names below
// it need, in one line.
func TestWildcardLetter(t *testing.T) {
	c := customer(t, "*.x.nl")
	sheet := publish.Advisor{Platform: platform(t, "_spf.courseware.nl", "192.0.2.7"), Keys: new(keys.Ring)}.Tenant(parse(t, "x.nl MX 10 mail.x.nl"), c)
	var letter, zone, list strings.Builder
	sheet.Letter(&letter)
	sheet.Zone(&zone)
	sheet.Print(&list)
	if want := "   Name:   NAME   (NAME.x.nl)\n   Type:   TXT\n   Value:  v=spf1 include:_spf.courseware.nl ~all\n"; !strings.Contains(letter.String(), want) {
		t.Errorf("%s\nhas not\n%s", letter.String(), want)
	}
	if want := "\n; NAME.x.nl. 3600 IN TXT \"v=spf1 include:_spf.courseware.nl ~all\"\n"; !strings.Contains(zone.String(), want) {
		t.Errorf("%s\nhas not\n%s", zone.String(), want)
	}
	if want := "  TXT     v=spf1 include:_spf.courseware.nl ~all\n"; !strings.Contains(list.String(), want) {
		t.Errorf("%s\nhas not\n%s", list.String(), want)
	}
}

// TestSPFBehindWildcard: a record at a name takes it out of the wildcard, mail servers and all.
func TestSPFBehindWildcard(t *testing.T) {
	for zone, want := range map[string]bool{
		"post.x.nl MX 10 mail.x.nl\nonbehalf-wildcard-test.x.nl MX 10 mail.x.nl": true,
		"post.x.nl MX 10 mail.x.nl\nonbehalf-wildcard-test.x.nl MX 10 else.x.nl": false,
		"post.x.nl MX 10 mail.x.nl": false,
		"":                          false,
	} {
		advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
		r := find(t, advisor.Tenant(parse(t, zone), customer(t, "post.x.nl")), publish.SPF, "post.x.nl")
		if got := strings.Contains(strings.Join(r.Remarks, "\n"), "a wildcard record (*.x.nl)"); got != want {
			t.Errorf("%q: %q", zone, r.Remarks)
		}
	}
}

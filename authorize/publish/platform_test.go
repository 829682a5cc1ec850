package publish_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"onbehalf/authorize/publish"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

func TestMailHost(t *testing.T) {
	const mx, ptr = "bounces.courseware.nl MX 10 MX.courseware.nl\n", "7.2.0.192.in-addr.arpa PTR host7.courseware.nl\n"
	for _, test := range []struct{ option, zone, hostname, want string }{
		{"a.courseware.nl", mx + ptr, "h.courseware.nl", "a.courseware.nl"},
		{"", mx + ptr, "h.courseware.nl", "mx.courseware.nl"},
		{"", ptr, "h.courseware.nl", "h.courseware.nl"},
		{"", ptr, "h", "host7.courseware.nl"},
		{"", "", "h", "mail.courseware.nl"},
		{"", "bounces.courseware.nl silent", "", "mail.courseware.nl"},
	} {
		advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring), Hostname: test.hostname}
		if test.option != "" {
			advisor.MailHost = domain(t, test.option)
		}
		sheet := advisor.Own(parse(t, test.zone), nil)
		if got := find(t, sheet, publish.Bounces, "bounces.courseware.nl").Value; got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
		if guess := len(sheet.Notes) > 0; guess != (test.want == "mail.courseware.nl") {
			t.Errorf("%+v: %q", test, sheet.Notes)
		}
	}
}

// TestOwn: all that a platform publishes, "name TYPE value (state)" each.
func TestOwn(t *testing.T) {
	r := new(keys.Ring)
	c := customer(t, "x.nl", "y.nl")
	c.Identities = append(ring(t, r, "x.nl", tenant.Ed25519), ring(t, r, "z.nl", tenant.Ed25519)...)
	p := platform(t, "_spf.courseware.nl", "192.0.2.7")
	p.Domains = append(p.Domains, tenant.Pattern{Domain: domain(t, "courseware.example")}, tenant.Pattern{Domain: domain(t, "courseware.nl"), Wildcard: true})
	p.FromDomain = domain(t, "reply.courseware.nl")
	p.From, _ = tenant.ParseTemplate("{reply}", "reply")
	p.Identities = ring(t, r, "courseware.nl", tenant.Ed25519)
	key := text(t, r, c.Identities[0])
	advisor := publish.Advisor{Platform: p, Keys: r, MailHost: message.Domain{}, Hostname: "mx.courseware.nl"}
	var told []string
	for _, one := range advisor.Own(parse(t, "_spf.courseware.nl void\ns1.yourorg.dkim.courseware.nl TXT \""+key+"\"\ncourseware.nl TXT \"v=spf1 mx -all\"\n"), []*tenant.Tenant{c}).Records {
		told = append(told, one.Name+" "+one.Type+" "+one.Value+" ("+one.State()+")")
	}
	want := []string{
		"courseware.nl TXT v=spf1 ip4:192.0.2.7 mx -all (to do)",
		"s1._domainkey.courseware.nl TXT " + text(t, r, p.Identities[0]) + " (to do)",
		"_dmarc.courseware.nl TXT v=DMARC1; p=none (optional)",
		"bounces.courseware.nl MX mx.courseware.nl (to do)",
		"bounces.courseware.nl TXT v=spf1 ip4:192.0.2.7 -all (to do)",
		"reply.courseware.nl TXT v=spf1 ip4:192.0.2.7 ~all (to do)",
		"courseware.example TXT v=spf1 ip4:192.0.2.7 ~all (to do)",
		"reply.courseware.nl MX mx.courseware.nl (to do)",
		"_spf.courseware.nl TXT v=spf1 ip4:192.0.2.7 -all (to do)",
		"s1.yourorg.dkim.courseware.nl TXT " + key + " (done)",
	}
	if got := strings.Join(told, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestRepliesBesidePeople(t *testing.T) {
	p := platform(t, "", "192.0.2.7")
	p.From, _ = tenant.ParseTemplate("{reply}", "reply")
	advisor := publish.Advisor{Platform: p, Keys: new(keys.Ring), Hostname: "mx.courseware.nl"}
	r := find(t, advisor.Own(parse(t, "courseware.nl MX 10 mail.courseware.nl"), nil), publish.Replies, "courseware.nl")
	if r.Value != "mail.courseware.nl" || !r.Done {
		t.Errorf("%+v", r)
	}
	compare(t, r.Remarks, []string{"relay mail for addresses that begin with reply="})
}

// TestManyTenants works the records of a large platform out, and does not ask for all.
func TestManyTenants(t *testing.T) {
	r := new(keys.Ring)
	p := platform(t, "", "192.0.2.7")
	first := customer(t, "x.nl")
	first.Identities = ring(t, r, "x.nl", tenant.Ed25519)
	var all []*tenant.Tenant
	for i := range 5000 {
		c := *first
		c.ID = fmt.Sprint("t", i)
		all = append(all, &c)
	}
	world := parse(t, "")
	sheet := publish.Advisor{Platform: p, Keys: r}.Own(world, all)
	if len(sheet.Records) < 5000 || len(world.asked) > 250 || len(sheet.Unanswered()) > 0 {
		t.Errorf("%d records, %d questions, %d unanswered", len(sheet.Records), len(world.asked), len(sheet.Unanswered()))
	}
	compare(t, sheet.Remarks, []string{"4800 more keys that aliases of tenants lead to were not looked up"})
	for name, row := range map[string]struct {
		print func(io.Writer)
		lines int // at most
		last  bool
	}{
		"for people": {sheet.Print, 1300, false}, "letter": {sheet.Letter, 5000, false}, "zone": {sheet.Zone, 50000, true},
	} {
		var out bytes.Buffer
		row.print(&out)
		if n := bytes.Count(out.Bytes(), []byte("\n")); n > row.lines || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "4800 more keys") {
			t.Errorf("%s: %d lines: %.2000s", name, n, out.String())
		}
		if strings.Contains(out.String(), "s1.t4999.dkim.courseware.nl") != row.last {
			t.Errorf("%s: the last key is not where it should be", name)
		}
	}
}

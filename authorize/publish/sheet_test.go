package publish_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

func TestAlias(t *testing.T) {
	p := domain(t, "courseware.nl")
	if name, fits := publish.Alias("CW1.a", "yourorg", p); name != "cw1.a.yourorg.dkim.courseware.nl" || !fits {
		t.Error(name, fits)
	}
	long := strings.Repeat(strings.Repeat("a", 60)+".", 3) + strings.Repeat("a", 44)
	if name, fits := publish.Alias(long, "yourorg", p); len(name) != 253+1 || fits {
		t.Error(len(name), fits)
	}
	if name, fits := publish.Alias(long[1:], "yourorg", p); len(name) != 253 || !fits {
		t.Error(len(name), fits)
	}
}

// TestKey: what stands where an RSA key of x.nl belongs, and what is told.
func TestKey(t *testing.T) {
	r := new(keys.Ring)
	c := customer(t, "x.nl")
	c.Identities = ring(t, r, "x.nl", tenant.RSA)
	ours := text(t, r, c.Identities[0])
	other := text(t, r, ring(t, r, "y.nl", tenant.RSA)[0])
	const name, target = "s1._domainkey.x.nl", "s1.yourorg.dkim.courseware.nl"
	line := func(name, text string) string {
		return name + " TXT " + strings.ReplaceAll(keys.TXT(text), "\n", " ") + "\n"
	}
	for _, test := range []struct {
		name, zone         string
		kind, value, state string
		remarks            []string
	}{
		{"nothing", "", "CNAME", target, "to do", nil},
		{"the alias", name + " CNAME " + target + "\n" + line(target, ours), "CNAME", target, "done", nil},
		{"the alias before the platform's record", name + " CNAME " + target, "CNAME", target, "done", nil},
		{"the alias, and the platform's record is silent", name + " CNAME " + target + "\n" + target + " silent", "CNAME", target, "done", nil},
		{"the text", line(name, ours), "TXT", ours, "done", nil},
		{"an alias of their own to the text", name + " CNAME k.x.nl\n" + line("k.x.nl", ours), "CNAME", "k.x.nl", "done", nil},
		{"an alias elsewhere", name + " CNAME k.x.nl", "CNAME", target, "to do", []string{"leads elsewhere"}},
		{"another key", line(name, other), "CNAME", target, "to do", []string{"another key is there"}},
		{"a test", line(name, "t=y; "+strings.TrimPrefix(ours, "v=DKIM1; ")), "CNAME", target, "to do", []string{"another key is there"}},
		{"a wildcard record", name + ` TXT "v=spf1 -all"`, "CNAME", target, "to do", []string{"unless it is a wildcard"}},
		{"silence", name + " silent", "CNAME", target, "unknown", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: r}
			sheet := advisor.Tenant(parse(t, test.zone), c)
			got := find(t, sheet, publish.DKIM, name)
			if got.Type != test.kind || got.Value != test.value || got.State() != test.state || got.Relative != "s1._domainkey" {
				t.Errorf("%s %s (%s), want %s %s (%s)", got.Type, got.Value, got.State(), test.kind, test.value, test.state)
			}
			compare(t, got.Remarks, test.remarks)
			asText := find(t, sheet.AsText(), publish.DKIM, name)
			if !got.Done && (asText.Type != "TXT" || asText.Value != ours) || got.Done && asText.Value != got.Value {
				t.Errorf("as text: %+v", asText)
			}
		})
	}
}

func TestKeyWithoutRoomForAnAlias(t *testing.T) {
	r := new(keys.Ring)
	c := customer(t, "x.nl")
	c.ID = strings.Repeat("i", 40)
	c.Identities = ring(t, r, "x.nl", tenant.Ed25519)
	p := platform(t, "", "192.0.2.7")
	p.Domain = domain(t, strings.Repeat("courseware-and-more.", 11)+"nl") // 222
	got := publish.Advisor{Platform: p, Keys: r}.Tenant(parse(t, ""), c).Records[1]
	if got.Type != "TXT" || got.Value != text(t, r, c.Identities[0]) || len(got.Instead) > 0 {
		t.Errorf("%+v", got)
	}
	compare(t, got.Remarks, []string{"too long for DNS"})
	if own := (publish.Advisor{Platform: p, Keys: r}).Own(parse(t, ""), []*tenant.Tenant{c}); strings.Contains(own.Records[len(own.Records)-1].Name, c.ID) {
		t.Error("a target is told that DNS cannot hold")
	}
}

// TestReturnPath: what stands at bounce.x.nl, and what is told, "TYPE value (state)" each.
func TestReturnPath(t *testing.T) {
	const alias = "CNAME bounces.courseware.nl "
	for _, test := range []struct{ name, zone, want string }{
		{"nothing", "", alias + "(to do)"},
		{"the alias", "bounce.x.nl CNAME bounces.courseware.nl", alias + "(done)"},
		{"another alias", "bounce.x.nl CNAME y.nl", alias + "(to do)"},
		{"silence", "bounce.x.nl silent", alias + "(unknown)"},
		{"a wildcard", "bounce.x.nl A 192.0.2.1\nonbehalf-wildcard-test.x.nl A 192.0.2.1", alias + "(to do)"},
		{"an address", "bounce.x.nl A 192.0.2.1\nonbehalf-wildcard-test.x.nl A 192.0.2.2", "MX mx.courseware.nl (to do), TXT v=spf1 ip4:192.0.2.7 -all (to do)"},
		{"a zone", "bounce.x.nl NS ns.x.nl", "MX mx.courseware.nl (to do), TXT v=spf1 ip4:192.0.2.7 -all (to do)"},
		{"both themselves", "bounce.x.nl MX 5 mx.courseware.nl\nbounce.x.nl TXT \"v=spf1 ip4:192.0.2.7 -all\"", "MX mx.courseware.nl (done), TXT v=spf1 ip4:192.0.2.7 -all (done)"},
		{"another host", "bounce.x.nl MX 5 mail.x.nl", "MX mx.courseware.nl (to do), TXT v=spf1 ip4:192.0.2.7 -all (to do)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := customer(t, "x.nl")
			c.ReturnPath = domain(t, "bounce.x.nl")
			advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
			var told []string
			for _, r := range advisor.Tenant(parse(t, test.zone+"\nbounces.courseware.nl MX 20 b.courseware.nl\nbounces.courseware.nl MX 10 mx.courseware.nl"), c).Records {
				if r.Name == "bounce.x.nl" {
					told = append(told, r.Type+" "+r.Value+" ("+r.State()+")")
				}
			}
			if got := strings.Join(told, ", "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestDMARC(t *testing.T) {
	for _, test := range []struct{ name, zone, value, state string }{
		{"nothing", "", "v=DMARC1; p=none", "optional"},
		{"a policy", `_dmarc.x.nl TXT "v=DMARC1; p=reject"`, "v=DMARC1; p=reject", "done"},
		{"two", "_dmarc.x.nl TXT \"v=DMARC1; p=reject\"\n_dmarc.x.nl TXT \"v=DMARC1; p=none\"", "v=DMARC1; p=reject", "to do"},
		{"a faulty one", `_dmarc.x.nl TXT "v=DMARC1; p=stern"`, "v=DMARC1; p=none", "to do"},
		{"none that receivers see", `_dmarc.x.nl TXT "\"v=DMARC1; p=reject\""`, "v=DMARC1; p=none", "optional"},
		{"silence", "_dmarc.x.nl silent", "", "unknown"},
		{"an empty sp=", `_dmarc.x.nl TXT "v=DMARC1; p=reject; sp=; rua=mailto:a@x.nl"`, "v=DMARC1; p=reject; rua=mailto:a@x.nl", "to do"},
		{"no semicolon", `_dmarc.x.nl TXT "v=DMARC1 p=reject"`, "v=DMARC1; p=reject", "to do"},
		{"v= is not first", `_dmarc.x.nl TXT "p=reject; v=DMARC1"`, "v=DMARC1; p=reject", "to do"},
		{"the weaker one first", "_dmarc.x.nl TXT \"v=DMARC1; p=none\"\n_dmarc.x.nl TXT \"v=DMARC1; p=reject\"", "v=DMARC1; p=reject", "to do"},
		{"an alias", "_dmarc.x.nl CNAME d.y.nl", "v=DMARC1; p=none", "optional"},
	} {
		advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
		r := find(t, advisor.Tenant(parse(t, test.zone), customer(t, "post.x.nl", "x.nl")), publish.DMARC, "_dmarc.x.nl")
		if r.Value != test.value || r.State() != test.state {
			t.Errorf("%s: %s (%s)", test.name, r.Value, r.State())
		}
		if test.name == "an alias" && r.At != "d.y.nl" {
			t.Errorf("beside an alias: %+v", r)
		}
	}
}

// TestDMARCBehindWildcard: the alias of a wildcard changes nothing.
func TestDMARCBehindWildcard(t *testing.T) {
	advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
	if r := find(t, advisor.Tenant(parse(t, "_dmarc.x.nl CNAME d.y.nl\nonbehalf-wildcard-test.x.nl CNAME d.y.nl"), customer(t, "x.nl")), publish.DMARC, "_dmarc.x.nl"); r.At != "" || len(r.Remarks) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestNotes: what the platform has to do first.
func TestNotes(t *testing.T) {
	r := new(keys.Ring)
	c := customer(t, "x.nl")
	c.Identities = ring(t, r, "x.nl", tenant.Ed25519)
	c.ReturnPath = domain(t, "bounce.x.nl")
	p := platform(t, "_spf.courseware.nl", "192.0.2.7")
	first := publish.Advisor{Platform: p, Keys: r}.Tenant(parse(t, "_spf.courseware.nl void"), c)
	compare(t, first.Notes, []string{"_spf.courseware.nl (platform.spf_include) has no SPF record", "an alias leads to s1.yourorg.dkim.courseware.nl", "bounces.courseware.nl has no MX"})
	if spf := find(t, first, publish.SPF, "x.nl"); spf.Value != "v=spf1 ip4:192.0.2.7 ~all" {
		t.Error("a record is included that is not there:", spf.Value)
	}
	zone := "bounces.courseware.nl MX 10 mx.courseware.nl\ns1.yourorg.dkim.courseware.nl TXT \"" + text(t, r, c.Identities[0]) + "\""
	ready := publish.Advisor{Platform: p, Keys: r}.Tenant(parse(t, zone), c)
	compare(t, ready.Notes, nil)
	p.SPFInclude, _ = message.ParseName("_spf.courseware.example")
	elsewhere := publish.Advisor{Platform: p, Keys: r, Hostname: "mx.courseware.nl"}.Own(parse(t, ""), nil)
	compare(t, elsewhere.Notes, []string{"is outside the platform's domains"})
	p = platform(t, "", "192.0.2.7")
	bare := customer(t, "x.nl")
	bare.Authorization = tenant.Authorized
	compare(t, publish.Advisor{Platform: p, Keys: r}.Tenant(parse(t, ""), bare).Notes, []string{"no DKIM key", `"authorized"`})
}

// TestTXT has a master file read back what was written into it.
func TestTXT(t *testing.T) {
	all := make([]byte, 0, 1024)
	for i := range cap(all) {
		all = append(all, byte(i))
	}
	for size := range all {
		want := string(all[:size])
		rr, err := dns.NewRR("x.nl. TXT " + keys.TXT(want))
		if err != nil {
			t.Fatal(err)
		}
		if got := (resolve.Answer{Records: []dns.RR{rr}}).Texts()[0]; got != want {
			t.Fatalf("%q was read as %q", want, got)
		}
	}
}

// TestHostilePresent prints what a stranger has published.
func TestHostilePresent(t *testing.T) {
	advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
	sheet := advisor.Tenant(parse(t,
		`x.nl TXT "v=spf1 \027[31m a\010b \255 `+strings.Repeat("a", 120)+`" "`+strings.Repeat("b", 250)+`" "`+strings.Repeat("c", 250)+`" "`+strings.Repeat("d", 250)+`"`), customer(t, "x.nl"))
	var out bytes.Buffer
	sheet.Print(&out)
	sheet.Letter(&out)
	sheet.Zone(&out)
	for _, c := range out.Bytes() {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xff {
			t.Fatalf("octet %#x is printed in\n%q", c, out.String())
		}
	}
	if !strings.Contains(out.String(), "?[31m") {
		t.Error(out.String())
	}
}

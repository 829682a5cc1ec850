package test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/peer"
)

// harmZone is what customers had published when they asked what was wrong.
const harmZone = `_spf.vendor.example TXT "v=spf1 ip4:203.0.113.0/24 ~all"
a1.example TXT "v=spf1 ip4:198.51.100.7 - all"
a4.example TXT "v=spf1 include:_spf.vendor.example \226\128\148 all"
a5.example TXT "v=spf1 ip4:198.51.100.7 \151 all"
b1.example TXT "v=spf1" "include:_spf.vendor.example" "-all"
b2.example TXT "v=spf1include:_spf.vendor.example -all"
b3.example TXT "v=spf1,include:_spf.vendor.example,-all"
b4.example TXT "v=spf1 ip4:198.51.100.7" "mx" "a:mail.b4.example" "~all"
c1.example TXT "v=spf1 include:_spf.vendor.example ip4:198.51.100.7~all"
c2.example TXT "v=spf1 ip4:198.51.100.0/24include:_spf.vendor.example mx-all"
d1.example TXT "v=spf1 include=_spf.vendor.example -all"
d2.example TXT "v=spf1 include:_spf.vendor.example-all"
d3.example TXT "v=spf1 ip:198.51.100.7 -all"
d4.example TXT "v=spf1 include:https://_spf.vendor.example ip6:198.51.100.7 -all"
d5.example TXT "v=spf1 redirect:_spf.vendor.example"
e1.example TXT "v=spf1 mx +all"
e2.example TXT "v=spf1 -all"
e2.example TXT "v=spf1 include:_spf.vendor.example ~all"
e3.example TXT "v=spf1 -ip4:300.1.1.1 ip4:198.51.100.0/24 -all"
mail.b4.example A 198.51.100.25

m01.example A 192.0.2.1
_dmarc.m01.example TXT "v=DMARC1; p=reject"
m02.example A 192.0.2.1
_dmarc.m02.example TXT "v=DMARC1; p=reject; sp=; rua=mailto:a@b.example"
m03.example A 192.0.2.1
_dmarc.m03.example TXT "v=DMARC1; p=none; p=reject"
m04.example A 192.0.2.1
_dmarc.m04.example TXT "v=DMARC1 p=reject"
m05.example A 192.0.2.1
_dmarc.m05.example TXT "v=DMARC1; p=reject; sp=rejected"
m06.example A 192.0.2.1
_dmarc.m06.example TXT "p=reject; v=DMARC1"
m08.example A 192.0.2.1
_dmarc.m08.example TXT "v=DMARC1; p=reject"
_dmarc.m08.example TXT "v=DMARC1; p=none"

www.school.example CNAME school.hosting.example
school.hosting.example TXT "v=spf1 include:_spf.vendor.example -all"
_dmarc.www2.school.example CNAME dmarc.hosting.example

n1.example TXT "v=spf1 ip4:80.84.235.70 -all"
s1._domainkey.n1.example A 192.0.2.80
s1._domainkey.n1.example AAAA 2001:db8::80
n2.example TXT "v=spf1 ip4:80.84.235.70 -all"
s1.n2.example TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"
n3.example TXT "v=spf1 ip4:80.84.235.70 -all"
s1.domainkey.n3.example TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"

helo.example TXT "v=spf1 include:%{i}._ip.%{h}._ehlo.%{d}._spf.vendor.example ~all"
80.84.235.70._ip.mail.courseware.nl._ehlo.helo.example._spf.vendor.example TXT "v=spf1 ip4:80.84.235.70 -all"
`

// harmed looks at that DNS.
type harmed struct {
	t       *testing.T
	client  *resolve.Client
	advisor publish.Advisor
}

func openHarmed(t *testing.T) harmed {
	t.Helper()
	server := nameserver.Start(t, strings.Split(harmZone, "\n")...)
	client, err := resolve.New(resolve.Options{Servers: []string{server.Addr}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p := &tenant.Platform{Name: "Courseware", Domain: harmDomain(t, "courseware.nl"), FromDomain: harmDomain(t, "courseware.nl"),
		Bounce: harmDomain(t, "bounces.courseware.nl"), SendingIPs: []netip.Addr{netip.MustParseAddr("80.84.235.70")}}
	return harmed{t, client, publish.Advisor{Platform: p, Keys: new(keys.Ring)}}
}

// look judges a domain by what is observed.
func (h harmed) look(target authorize.Target) authorize.Report {
	target.Thorough = true
	return authorize.Observer{DNS: h.client, Platform: h.advisor.Platform}.Look(h.t.Context(), target)
}

func harmDomain(t *testing.T, name string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (h harmed) sheet(name string) publish.Sheet {
	return h.advisor.Tenant(resolve.NewRecorder(h.t.Context(), h.client), &tenant.Tenant{ID: "school", Name: "A School", Authorization: tenant.Auto, Domains: []tenant.Pattern{{Domain: harmDomain(h.t, name)}}})
}

// TestHarmlessSPF: the records that are proposed let us in, those who were let in, and nobody
// else, as pyspf reads them from a DNS server; what is not in them is named.
func TestHarmlessSPF(t *testing.T) {
	h := openHarmed(t)
	const ours, vendor, own, stranger = "80.84.235.70", "203.0.113.5", "198.51.100.7", "8.8.8.8"
	cases := []struct {
		domain, want string
		passes       []string // beside us
		remark       string
	}{
		{"a1.example", "ip4:198.51.100.7 -all", []string{own}, `"- all" is written`},
		{"a4.example", "include:_spf.vendor.example -all", []string{vendor}, "is written"},
		{"a5.example", "ip4:198.51.100.7 -all", []string{own}, "is written"},
		{"b1.example", "include:_spf.vendor.example -all", []string{vendor}, "receivers do not see"},
		{"b2.example", "include:_spf.vendor.example -all", []string{vendor}, "receivers do not see"},
		{"b3.example", "include:_spf.vendor.example -all", []string{vendor}, "receivers do not see"},
		{"b4.example", "ip4:198.51.100.7 mx a:mail.b4.example ~all", []string{own, "198.51.100.25"}, ""},
		{"c1.example", "include:_spf.vendor.example ip4:198.51.100.7 ~all", []string{vendor, own}, "is written"},
		{"c2.example", "ip4:198.51.100.0/24 include:_spf.vendor.example mx -all", []string{vendor, own}, "is written"},
		{"d1.example", "-all", nil, "write include:_spf.vendor.example"},
		{"d2.example", "include:_spf.vendor.example -all", []string{vendor}, "is written"},
		{"d3.example", "ip4:198.51.100.7 -all", []string{own}, "is written"},
		{"d4.example", "include:_spf.vendor.example ip4:198.51.100.7 -all", []string{vendor, own}, "is written"},
		{"d5.example", "redirect=_spf.vendor.example", []string{vendor}, "is written"},
		{"e1.example", "mx ~all", nil, "every host on the Internet"},
		{"e2.example", "include:_spf.vendor.example ~all", []string{vendor}, "the weaker"},
	}
	published := []string{harmZone[:strings.Index(harmZone, "\n")], "mail.b4.example A 198.51.100.25"}
	for _, test := range cases {
		sheet := h.sheet(test.domain)
		r := sheet.Records[0]
		if want := "v=spf1 ip4:80.84.235.70 " + test.want; r.Value != want || r.Done {
			t.Errorf("%s: %s, not %s", test.domain, r.Value, want)
		}
		if !strings.Contains(strings.Join(r.Remarks, "\n"), test.remark) {
			t.Errorf("%s: %q does not say %s", test.domain, r.Remarks, test.remark)
		}
		published = append(published, nameserver.TXT(test.domain, r.Value))
	}
	if r := h.sheet("e3.example").Records[0]; r.Value != "" || !strings.Contains(strings.Join(r.Remarks, "\n"), "may exclude hosts") {
		t.Errorf("an exclusion that cannot be read: %+v", r)
	}
	server := nameserver.Start(t, published...)
	clients := []string{ours, vendor, own, "198.51.100.25", stranger}
	var questions strings.Builder
	var want []string
	for _, test := range cases {
		for _, client := range clients {
			fmt.Fprintf(&questions, "%s %s postmaster@%s helo.invalid\n", server.Addr, client, test.domain)
			passes := client == ours || strings.Contains(" "+strings.Join(test.passes, " ")+" ", " "+client+" ") ||
				strings.Contains(test.want, "198.51.100.0/24") && strings.HasPrefix(client, "198.51.100.")
			want = append(want, fmt.Sprintf("%s from %s passes: %v", test.domain, client, passes))
		}
	}
	for i, result := range pyspfResults(t, questions.String()) {
		test, client := cases[i/len(clients)], clients[i%len(clients)]
		if got := fmt.Sprintf("%s from %s passes: %v", test.domain, client, result == "pass"); got != want[i] {
			t.Errorf("%s (%s), want %s", got, result, want[i])
		}
	}
}

// pyspfResults asks pyspf, a line for each.
func pyspfResults(t *testing.T, questions string) []string {
	t.Helper()
	peer.Need(t, "/usr/bin/python3", "/usr/lib/python3/dist-packages/spf.py", "/usr/lib/python3/dist-packages/dns/query.py")
	command := exec.Command("/usr/bin/python3", "../authorize/testdata/spf_peer.py")
	command.Stdin = strings.NewReader(questions)
	var trouble bytes.Buffer
	command.Stderr = &trouble
	out, err := command.Output()
	results := strings.Fields(string(out))
	if err != nil || len(results) != strings.Count(questions, "\n") {
		t.Fatalf("%v: %d results\n%s", err, len(results), trouble.String())
	}
	return results
}

// TestHarmlessDMARC: what some receivers take for p=reject counts as that, and the record that is
// proposed is read alike by all.
func TestHarmlessDMARC(t *testing.T) {
	h := openHarmed(t)
	for name, says := range map[string]string{
		"m01.example": "p=reject, by _dmarc.m01.example", "m02.example": "OpenDMARC and rspamd", "m03.example": "OpenDMARC and rspamd",
		"m04.example": "those with rspamd", "m05.example": "OpenDMARC and rspamd", "m06.example": "those with OpenDMARC", "m08.example": "those with OpenDMARC",
	} {
		report := h.look(authorize.Target{Domain: harmDomain(t, name)})
		if report.DMARC.Policy != dmarc.Reject || !strings.Contains(report.Policy.Text, says) {
			t.Errorf("%s: %s: %s", name, report.DMARC.Policy, report.Policy.Text)
		}
		for _, r := range h.sheet(name).Records {
			if r.Purpose == publish.DMARC && (!strings.HasPrefix(r.Value, "v=DMARC1; p=reject") || r.Done != (name == "m01.example")) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// TestHarmlessNames: no data beside an alias, hints for keys at other names, and what a record that
// goes by HELO means.
func TestHarmlessNames(t *testing.T) {
	h := openHarmed(t)
	sheet := h.sheet("www.school.example")
	if r := sheet.Records[0]; r.At != "school.hosting.example" || r.Value != "v=spf1 ip4:80.84.235.70 include:_spf.vendor.example -all" {
		t.Errorf("an alias: %+v", r)
	}
	var zone, letter strings.Builder
	sheet.Zone(&zone)
	sheet.Letter(&letter)
	if strings.Contains(zone.String(), "\nwww.school.example. 3600 IN TXT") || !strings.Contains(letter.String(), "Name:   school.hosting.example ") {
		t.Errorf("data beside a CNAME:\n%s\n%s", zone.String(), letter.String())
	}
	if gone := h.sheet("shcool.example"); len(gone.Absent) != 1 || gone.Postpone() == "" {
		t.Errorf("a domain that does not exist: %+v", gone)
	}
	key, err := keys.Generate(tenant.RSA, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]authorize.Reason{"n1.example": authorize.KeyHidden, "n2.example": authorize.KeyMisnamed, "n3.example": authorize.KeyMisnamed} {
		d := harmDomain(t, name)
		report := h.look(authorize.Target{Domain: d, Keys: []authorize.WantedKey{{Identity: tenant.Identity{SDID: d, Selector: "s1", Algorithm: tenant.RSA}, Public: key.Public()}}})
		if f := report.Keys[0]; f.Reason != want {
			t.Errorf("%s: %s: %s", name, f.Reason, f.Text)
		}
	}
	report := h.look(authorize.Target{Domain: harmDomain(t, "helo.example"), SPF: true})
	if report.SPF.Reason != authorize.SPFByHELO || report.SPF.Verdict != authorize.Missing {
		t.Errorf("%%{h}: %s: %s", report.SPF.Reason, report.SPF.Text)
	}
	arrival := authorize.Arrival{Client: netip.MustParseAddr("80.84.235.70"), Author: harmDomain(t, "helo.example"), Octets: []byte("From: a@helo.example\r\n\r\n")}
	arrival.Sender = message.ParsePath("a@helo.example")
	arrival.HELO = "mail.courseware.nl"
	if o := authorize.Receive(resolve.NewRecorder(t.Context(), h.client), arrival); o.SPF != "pass" {
		t.Errorf("a receiver that hears the name: %+v", o)
	}
}

package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"onbehalf/authorize"
)

// TestMailHost has a row for what receivers ask of the sending host, and what check says of it.
func TestMailHost(t *testing.T) {
	const a, ptr = "mail.courseware.nl A 192.0.2.7\n", "7.2.0.192.in-addr.arpa PTR mail.courseware.nl\n"
	const six = "2001:db8::7"
	const aaaa, ptr6 = "mail.courseware.nl AAAA 2001:db8::7\n", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR mail.courseware.nl\n"
	for _, test := range []struct {
		name, zone, helo, six string // zone: in the place of A and PTR; six: one more sending IP
		fine                  bool
		want                  string
	}{
		{"all is well", a + ptr, "mail.courseware.nl", "", true,
			"PTR ok: PTR of 192.0.2.7 is mail.courseware.nl, which leads back to it HELO ok: Postfix says mail.courseware.nl in HELO, which leads to 192.0.2.7"},
		{"both families", a + ptr + aaaa + ptr6, "mail.courseware.nl", six, true, "PTR ok: PTR of 2001:db8::7 is mail.courseware.nl"},
		{"no PTR", a, "mail.courseware.nl", "", false, "PTR MISSING: 192.0.2.7 has no PTR record: Gmail, Microsoft and many others refuse mail from it do have whoever provides the address"},
		{"no PTR of one family", a + ptr + aaaa, "mail.courseware.nl", six, false, "PTR MISSING: 2001:db8::7 has no PTR record"},
		{"PTR to a name without address", a + "7.2.0.192.in-addr.arpa PTR host7.example\n", "mail.courseware.nl", "", false,
			"PTR MISSING: PTR of 192.0.2.7 is host7.example, which does not lead back to it: Gmail, Microsoft and many others refuse mail from it found host7.example has no such address do give host7.example an address record of 192.0.2.7"},
		{"PTR to a name elsewhere", a + "7.2.0.192.in-addr.arpa PTR host7.example\nhost7.example A 192.0.2.9\n", "mail.courseware.nl", "", false, "found host7.example is 192.0.2.9"},
		{"one of two PTRs leads back", a + "7.2.0.192.in-addr.arpa PTR host7.example\n" + ptr, "mail.courseware.nl", "", true, "PTR ok: PTR of 192.0.2.7 is mail.courseware.nl"},
		{"PTR not answered", a + "7.2.0.192.in-addr.arpa fails\n", "mail.courseware.nl", "", false, "PTR not known: no definitive answer"},
		{"PTR's name not answered", a + "7.2.0.192.in-addr.arpa PTR host7.example\nhost7.example fails\n", "mail.courseware.nl", "", false, "PTR not known: no definitive answer"},
		{"HELO is local", a + ptr, "mail", "", false, `HELO MISSING: Postfix says "mail" in HELO, which is not the full name of a host: many servers refuse mail from it do set myhostname`},
		{"HELO has no address", a + ptr, "old.courseware.nl", "", false, "HELO MISSING: Postfix says old.courseware.nl in HELO, which has no address: many servers refuse mail from it do give old.courseware.nl an address record of 192.0.2.7, or set smtp_helo_name"},
		{"HELO is elsewhere", a + ptr + "www.courseware.nl A 192.0.2.9\n", "www.courseware.nl", "", true, "HELO advice: Postfix says www.courseware.nl in HELO, which does not lead to 192.0.2.7"},
		{"HELO lacks a family", a + ptr + ptr6 + "mx.courseware.nl AAAA 2001:db8::7\nmail.courseware.nl AAAA 2001:db8::7\n", "mx.courseware.nl", six, true, "HELO advice: Postfix says mx.courseware.nl in HELO, which does not lead to 192.0.2.7"},
		{"HELO not answered", a + ptr + "old.courseware.nl fails\n", "old.courseware.nl", "", false, "HELO not known: no definitive answer"},
		{"HELO is the address", a + ptr, "[192.0.2.7]", "", true, "HELO ok: Postfix says [192.0.2.7] in HELO, which is a sending IP"},
		{"HELO is another address", a + ptr, "[192.0.2.9]", "", true, "HELO advice: Postfix says [192.0.2.9] in HELO, which is none of platform.sending_ips"},
		{"HELO is not known", a + ptr, "", "", true, "PTR ok:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			if !strings.HasSuffix(h.zone, a+ptr) {
				t.Fatal(h.zone)
			}
			h.zone = strings.TrimSuffix(h.zone, a+ptr) + test.zone
			h.helo = test.helo
			if test.six != "" {
				h.platform.SendingIPs = append(h.platform.SendingIPs, netip.MustParseAddr(test.six))
				h.zone = strings.ReplaceAll(h.zone, "v=spf1 ip4:192.0.2.7", "v=spf1 ip4:192.0.2.7 ip6:"+test.six)
			}
			result, printed := h.checkPlatform()
			if result.Fine != test.fine || strings.Contains(printed, "HELO") != (test.helo != "") {
				t.Errorf("fine: %v\n%s", result.Fine, printed)
			}
			has(t, printed, test.want)
		})
	}
}

// TestPrivateHost: of addresses that no receiver sees nothing is asked.
func TestPrivateHost(t *testing.T) {
	h := newHarness(t)
	h.zone = strings.ReplaceAll(h.zone, "192.0.2.7", "10.1.2.3")
	h.platform.SendingIPs = []netip.Addr{netip.MustParseAddr("10.1.2.3")}
	if result, printed := h.checkPlatform(); !result.Fine || strings.Contains(printed, "PTR") || strings.Contains(printed, "HELO") {
		t.Error(printed)
	}
}

// TestWithoutDMARC: the platform and a tenant without a record are a finding each.
func TestWithoutDMARC(t *testing.T) {
	h := newHarness(t)
	h.zone = strings.Replace(h.zone, "_dmarc.courseware.nl", "nothing.courseware.nl", 1)
	h.add("one", "x.example")
	result, printed := h.checkPlatform()
	has(t, printed, "DMARC advice: courseware.nl has no DMARC record, and Google, Yahoo and Microsoft refuse bulk mail (some 5,000 messages a day) from domains without one wanted TXT v=DMARC1; p=none")
	if !result.Fine {
		t.Error("bulk mail alone needs it, and it is an error")
	}
	result, printed = h.check()
	has(t, printed, "DMARC advice: x.example has no DMARC record wanted TXT v=DMARC1; p=none")
	if items := result.Domains[0].Items; items[len(items)-1].Reason != authorize.PolicyAbsent {
		t.Errorf("%+v", items)
	}
}

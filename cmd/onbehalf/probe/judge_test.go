package probe

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"onbehalf/cmd/onbehalf/smtp"
	"onbehalf/message"
	"onbehalf/tenant"
)

// seen is a Sight of a server that takes everything over TLS.
func seen(t testing.TB) Sight {
	t.Helper()
	step := func(stage Stage, as Sender, code int, text string) Step {
		reply := smtp.Reply{Code: code, Lines: []string{text}}
		return Step{Stage: stage, Sender: as, Reply: &reply, Text: reply.Log()}
	}
	here := netip.MustParseAddr("80.84.235.70")
	return Sight{
		Tenant: "university", NextHop: tenant.NextHop{Name: domain(t, "mx.university.example"), Port: 25}, Domain: domain(t, "university.example"),
		TLS: tenant.TLSMay, Envelope: tenant.EnvelopeBounce, Bounce: domain(t, "bounces.courseware.nl"),
		Caller: Caller{Hello: "mail.courseware.nl", SendingIPs: []netip.Addr{here}, Postfix: true, SecurityLevel: "may"},
		Hosts: []Host{{
			Address: Address{domain(t, "mx.university.example"), netip.MustParseAddrPort("192.0.2.1:25")}, Local: here,
			Offers: []string{"STARTTLS"}, Session: &Session{Version: "TLS 1.3", Certificate: &Certificate{}},
			Steps: []Step{
				{Stage: Connect}, step(Greeting, "", 220, "hello"), step(Hello, "", 250, "STARTTLS"),
				step(Mail, BounceSender, 250, "2.1.0 Ok"), step(Rcpt, BounceSender, 250, "2.1.5 Ok"), step(Mail, AuthorSender, 250, "2.1.0 Ok"),
			},
		}},
	}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	reply := func(s *Sight, i int, code int, text string) {
		r := smtp.Reply{Code: code, Lines: []string{text}}
		s.Hosts[0].Steps[i].Reply, s.Hosts[0].Steps[i].Text = &r, r.Log()
	}
	faults := []Trouble{{CertificateName, "the certificate of mx.university.example is for x.example"}}
	tests := []struct {
		name     string
		change   func(*Sight)
		accepted bool
		kinds    string
		says     string
	}{
		{"all is well", func(*Sight) {}, true, "", "The server would take mail for university.example with a bounce address at bounces.courseware.nl as envelope sender."},
		{"it is not delivered directly", func(s *Sight) { s.NotYet = "the mode is shadow" }, true, "warning not-delivered-directly", "the mode is shadow."},
		{"another local address", func(s *Sight) { s.Hosts[0].Local = netip.MustParseAddr("10.0.0.5") }, true, "warning other-local-address", "10.0.0.5, which platform.sending_ips does not list"},
		{"our certificate has expired", func(s *Sight) { s.Caller.Certificate = &Certificate{NotAfter: now.AddDate(0, 0, -1)} }, true, "warning our-certificate", "2026-11-25"},
		{"our key cannot be read", func(s *Sight) { s.Caller.Unusable = "open x.pem: permission denied" }, true, "warning our-certificate", "permission denied"},
		{"Postfix does no TLS", func(s *Sight) { s.Caller.SecurityLevel = "" }, true, "warning postfix-plain-text", "postconf -e smtp_tls_security_level=may"},
		{"the tenant asks for TLS", func(s *Sight) { s.Caller.SecurityLevel = ""; s.TLS = tenant.TLSEncrypt }, true, "", ""},
		{"faults of a certificate that nobody verifies", func(s *Sight) { s.Hosts[0].Session.Certificate.Faults = faults }, true, "", ""},
		{"faults of one that is verified", func(s *Sight) {
			s.TLS, s.Hosts[0].Session.Certificate.Faults, s.Hosts[0].Steps = tenant.TLSVerify, faults, s.Hosts[0].Steps[:3]
		}, false, "error certificate-name", "Please give your mail server mx.university.example a certificate with that name"},
		{"the other sender is refused", func(s *Sight) { reply(s, 5, 550, "5.7.68 TenantInboundAttribution") }, true, "", "which mail does not have with direct.envelope: bounce"},
		{"the sender is refused", func(s *Sight) { reply(s, 3, 550, "5.7.1 no"); s.Hosts[0].Steps = s.Hosts[0].Steps[:4] }, false, "error reply-unknown",
			"The answer is now: 550 5.7.1 no"},
		{"the recipient is deferred", func(s *Sight) { reply(s, 4, 451, "4.3.0 disk full") }, false, "error reply-unknown", "is deferred"},
		{"DNS has no such name", func(s *Sight) { s.Hosts, s.Lookup = nil, Trouble{NoSuchName, "DNS has no address for x.example"} }, false, "error no-such-name",
			"Which mail server do you want our mail for university.example delivered to?"},
		{"DNS does not answer", func(s *Sight) { s.Hosts, s.Lookup = nil, Trouble{NoAnswer, "DNS does not say"} }, false, "error no-answer", "onbehalf doctor"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := seen(t)
			test.change(&s)
			r := Judge(s, now)
			var text strings.Builder
			for _, f := range r.Findings {
				text.WriteString(f.Text + " " + f.Fix + " " + f.Ask + "\n")
			}
			if r.Accepted != test.accepted || kinds(r) != test.kinds || !strings.Contains(text.String(), test.says) {
				t.Errorf("accepted %v, %s; want %v, %s and %q in\n%s", r.Accepted, kinds(r), test.accepted, test.kinds, test.says, &text)
			}
		})
	}
}

// TestOutcomes: what direct.tls would make of mail is said for all three settings.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Host)
		leaves [3]bool // may, encrypt, verify
	}{
		{"a good certificate", func(*Host) {}, [3]bool{true, true, true}},
		{"a certificate with faults", func(h *Host) { h.Session.Certificate.Faults = []Trouble{{CertificateTrust, "x"}} }, [3]bool{true, true, false}},
		{"an address", func(h *Host) { h.Name = message.Domain{} }, [3]bool{true, true, false}},
		{"no STARTTLS", func(h *Host) { h.Session = nil }, [3]bool{true, false, false}},
		{"TLS fails", func(h *Host) { h.Session = &Session{Trouble: Trouble{TLSFailed, "x"}} }, [3]bool{true, false, false}},
	}
	for _, test := range tests {
		s := seen(t)
		test.change(&s.Hosts[0])
		var got [3]bool
		for i, o := range Judge(s, time.Now()).Hosts[0].Levels {
			got[i] = o.Leaves
		}
		if got != test.leaves {
			t.Errorf("%s: %v, want %v", test.name, got, test.leaves)
		}
	}
	s := seen(t)
	s.Hosts[0].Steps = s.Hosts[0].Steps[:1]
	if levels := Judge(s, time.Now()).Hosts[0].Levels; levels != nil {
		t.Errorf("a server that never greeted: %v", levels)
	}
}

// TestAdviceReadsWell: sentences for tenants can be sent as they are.
func TestAdviceReadsWell(t *testing.T) {
	s := seen(t)
	s.Caller.Certificate = &Certificate{Names: []string{"mail.courseware.nl"}}
	j := &judge{Sight: s}
	for kind := range advices {
		f := j.ofTrouble(Trouble{Kind: kind}, Finding{})
		if f.Fix == "" && f.Ask == "" {
			t.Errorf("%s has no advice", kind)
		}
		for _, text := range []string{f.Fix, f.Ask} {
			if strings.Contains(text, "%!") || strings.Contains(text, "  ") || text != strings.TrimSpace(text) {
				t.Errorf("%s: %q", kind, text)
			}
		}
		if f.Ask != "" && !strings.HasSuffix(f.Ask, ".") && !strings.HasSuffix(f.Ask, "?") {
			t.Errorf("%s: %q is not a sentence", kind, f.Ask)
		}
	}
}

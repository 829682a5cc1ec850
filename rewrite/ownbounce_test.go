package rewrite_test

import (
	"net/netip"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestOwnBounce: what Postfix makes is the platform's, whoever is bound to loopback and
// whoever may send as the platform. What only looks a bit like it is not.
func TestOwnBounce(t *testing.T) {
	cast := cases.NewCast(t)
	listed := cast.Table(t, "ONBEHALF_PLATFORM_SUBMITTERS_LOGINS=root")
	for _, test := range []struct {
		name, sender, from string
		smtp, kept         bool
	}{
		{"bounce", "", "MAILER-DAEMON@mail.courseware.nl (Mail Delivery System)", false, true},
		{"bounce by $myorigin", "", "MAILER-DAEMON@courseware.nl (Mail Delivery System)", false, true},
		{"copy for the postmaster", "double-bounce@mail.courseware.nl", "MAILER-DAEMON@mail.courseware.nl", false, true},
		{"double bounce", "double-bounce@mail.courseware.nl", "double-bounce@mail.courseware.nl", false, true},
		{"null sender alone", "", "CEO <ceo@courseware.nl>", false, false},
		{"name alone", "", "MAILER-DAEMON <ceo@courseware.nl>", false, false},
		{"two authors", "", "MAILER-DAEMON@mail.courseware.nl, ceo@courseware.nl", false, false},
		{"another sender", "ceo@courseware.nl", "MAILER-DAEMON@mail.courseware.nl", false, false},
		{"another host", "", "MAILER-DAEMON@mx2.courseware.nl", false, false},
		{"look-alike", "", "MAİLER-DAEMON@mail.courseware.nl", false, false},
		{"by SMTP", "", "MAILER-DAEMON@mail.courseware.nl", true, false},
	} {
		for name, table := range map[string]*tenant.Table{"listed": listed, "loopback is a tenant's": cast.AtLoopback(t)} {
			m := message.Message{Host: must(message.ParseDomain("mail.courseware.nl")), Received: cases.Now}
			m.Header = message.Header{{Name: "From", Value: " " + test.from}, {Name: "Date", Value: " Mon, 01 Jun 2026 09:00:00 +0200"}, {Name: "Message-ID", Value: " <1@x>"}}
			m.Submitter = message.Submitter{Client: netip.MustParseAddr("127.0.0.1"), Local: !test.smtp}
			m.Envelope = message.Envelope{ReversePath: message.ParsePath(test.sender), ForwardPaths: []message.Path{message.ParsePath("a@b.example")}}
			plan := rewrite.Decide(m, table.Snapshot())
			if kept := plan.Row == 7 && plan.Action == rewrite.Keep && !plan.Shadow && plan.Bound == "" && plan.ReversePath == nil; kept != test.kept || !kept && plan.Row != rewrite.RowForbidden {
				t.Errorf("%s, %s:\n%s", test.name, name, cases.Print(plan))
			}
		}
	}
}

// TestOwnBounceOfTenantsHost: the mail host's name may lie in a tenant's domain.
func TestOwnBounceOfTenantsHost(t *testing.T) {
	s := cases.NewCast(t).Table(t, "ONBEHALF_PLATFORM_SUBMITTERS_LOGINS=root").Snapshot()
	m := mail(message.Submitter{Local: true}, "", "a@b.example", "From: MAILER-DAEMON@mail.university.example")
	m.Host = must(message.ParseDomain("mail.university.example"))
	if plan := rewrite.Decide(m, s); plan.Row != 7 || plan.Action != rewrite.Keep {
		t.Errorf("the host's own bounce:\n%s", cases.Print(plan))
	}
	m = mail(message.Submitter{Local: true}, "MAILER-DAEMON@mail.university.example", "a@b.example")
	m.Host = must(message.ParseDomain("mail.university.example"))
	if plan := rewrite.Decide(m, s); plan.Row != rewrite.RowForbidden {
		t.Errorf("without From, which Postfix always writes:\n%s", cases.Print(plan))
	}
}

// TestShadowIsTheSubmitters: whether a forbidden message is refused or only watched is for the
// tenant to say that hands it in, not for the one whose name it bears.
func TestShadowIsTheSubmitters(t *testing.T) {
	cast := cases.NewCast(t)
	trial := func(id string, one *tenant.Tenant) {
		switch id {
		case "club": // is tried, with a login of its own
			one.Policy.Mode = tenant.Shadow
		case "shadow":
			one.Submitters.Logins = []string{"lms-shadow"}
		case "museum":
			one.Submitters.Logins = []string{"lms-museum"}
		}
	}
	for _, test := range []struct {
		login, from string
		shadow      bool
	}{
		{"lms-museum", "a@shadow.example", false}, // bound, and enforced
		{"somebody", "a@shadow.example", false},   // bound to nobody: as the platform is
		{"lms-club", "a@museum.example", true},
		{"lms-club", "a@shadow.example", true},
	} {
		for mode, environment := range map[string]string{"enforce": "ONBEHALF_POLICY_MODE=enforce", "shadow": "ONBEHALF_POLICY_MODE=shadow"} {
			s := cast.TableWith(t, trial, environment).Snapshot()
			m := message.Message{Header: message.Header{{Name: "From", Value: " " + test.from}}, Received: cases.Now}
			m.Submitter = message.Submitter{Client: netip.MustParseAddr("198.51.100.1"), Login: test.login}
			m.Envelope = message.Envelope{ReversePath: message.ParsePath(test.from), ForwardPaths: []message.Path{message.ParsePath("a@b.example")}}
			plan := rewrite.Decide(m, s)
			if want := test.shadow || mode == "shadow"; plan.Row != rewrite.RowForbidden || plan.Shadow != want {
				t.Errorf("%s as %s, the platform in %s: shadow %v, want %v\n%s", test.login, test.from, mode, plan.Shadow, want, cases.Print(plan))
			}
		}
	}
}

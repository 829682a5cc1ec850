package rewrite_test

import (
	"net/netip"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
)

// TestHostOfAnotherOrganization: the mail host's own name need not be the platform's.
func TestHostOfAnotherOrganization(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bounce := "SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl"
	stranger := message.Submitter{Client: netip.MustParseAddr("203.0.113.5")}
	local := message.Submitter{Client: netip.MustParseAddr("127.0.0.1"), Local: true}
	tests := []struct {
		name, sender, from, to string
		who                    message.Submitter
		action                 rewrite.Action
		leaves, author         string // sender and From as they leave
	}{
		{"bounce by a neighbour", "", "MAILER-DAEMON@mx.hoster.example", bounce, stranger, rewrite.Forward, "", `"MAILER-DAEMON via Courseware" <noreply@courseware.nl>`},
		{"unreadable bounce by a neighbour", "", `"Mail <x@hoster.example>`, bounce, stranger, rewrite.Forward, "", `"Courseware" <noreply@courseware.nl>`},
		{"person at the hoster", "jane@hoster.example", "Jane <jane@hoster.example>", bounce, stranger, rewrite.Forward,
			"bounces+yourorg=*=D5@bounces.courseware.nl", `"Jane via Courseware" <noreply@courseware.nl>`},
		{"person at the platform", "jane@courseware.nl", "Jane <jane@courseware.nl>", bounce, stranger, rewrite.Refuse, "jane@courseware.nl", "Jane <jane@courseware.nl>"},
		{"sender made of $myorigin", "www-data@hoster.example", "courses@university.example", "a@b.example", local, rewrite.Keep, "courses@university.example", "courses@university.example"},
		{"sender made of the host's name", "www-data@vps12.hoster.example", "courses@university.example", "a@b.example", local, rewrite.Keep, "courses@university.example", "courses@university.example"},
		{"sender of another domain", "lists@example.org", "courses@university.example", "a@b.example", local, rewrite.Keep, "SRS0=*=D5=example.org=lists@bounces.courseware.nl", "courses@university.example"},
		{"author at the host's name", "root@vps12.hoster.example", "root@vps12.hoster.example", "a@b.example", local, rewrite.Keep, "root@vps12.hoster.example", "root@vps12.hoster.example"},
		{"author at $myorigin", "root@hoster.example", "root@hoster.example", "a@b.example", local, rewrite.Rewrite, "SRS0=*=D5=hoster.example=root@bounces.courseware.nl", `"root via Courseware" <noreply@courseware.nl>`},
		{"name completed by $myorigin", "p@university.example", "Jansen@hoster.example, Piet <p@university.example>", "a@b.example", local, rewrite.Keep, "p@university.example", `"Jansen, Piet" <p@university.example>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := message.Message{Submitter: test.who, Received: cases.Now, QueueID: "4X", Host: must(message.ParseDomain("vps12.hoster.example"))}
			m.Header = message.Header{{Name: "From", Value: " " + test.from}, {Name: "Date", Value: " Mon, 01 Jun 2026 09:00:00 +0200"}, {Name: "Message-ID", Value: " <1@x>"}}
			m.Envelope = message.Envelope{ReversePath: message.ParsePath(test.sender), ForwardPaths: []message.Path{message.ParsePath(test.to)}}
			plan := rewrite.Decide(m, s)
			from, _ := plan.Apply(m.Header).Get("From")
			sender := plan.Sender(m)
			got := withoutMAC(sender.Address.Local)
			if !sender.Address.IsZero() {
				got += "@" + sender.Address.Domain.String()
			}
			if plan.Action != test.action || from.Text() != test.author || got != test.leaves {
				t.Errorf("%s from %q, From %s; want %s from %q, From %s\n%s", plan.Action, got, from.Text(), test.action, test.leaves, test.author, cases.Print(plan))
			}
		})
	}
}

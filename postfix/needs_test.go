package postfix

import (
	"maps"
	"strings"
	"testing"
)

// plainPostfix is a Postfix 3.7 with its defaults; each case lays its settings over it.
var plainPostfix = map[string]string{
	"milter_default_action": "tempfail", "smtp_line_length_limit": "998", "disable_mime_output_conversion": "no",
	"queue_directory": "/var/spool/postfix", "myhostname": "mail.courseware.nl", "myorigin": "mail.courseware.nl",
}

// postfixWith is a Postfix that says "name = value" of these; a third column is the value with
// its $names replaced.
func postfixWith(lines ...string) Configuration {
	p := Configuration{written: maps.Clone(plainPostfix), expanded: maps.Clone(plainPostfix)}
	for _, line := range lines {
		parts := strings.Split(line, " = ")
		p.written[parts[0]], p.expanded[parts[0]] = parts[1], parts[len(parts)-1]
	}
	return p
}

func wanted(t *testing.T) Wanted {
	t.Helper()
	return Wanted{Platform: "courseware.nl", Bounce: "bounces.courseware.nl", Milter: "unix:/var/spool/postfix/onbehalf/milter.sock",
		Maps: Maps{"transport", "tls_policy", "tls_policy_tlsrpt", "recipients"}}
}

const (
	ours      = "unix:onbehalf/milter.sock"
	recipient = "inline:{ { @bounces.courseware.nl = OK } }"
)

// TestChanges: one setting at a time. "-" is: no change.
func TestChanges(t *testing.T) {
	for _, c := range []struct{ there, setting, want string }{
		{"", "smtpd_milters", ours},
		{"smtpd_milters = inet:127.0.0.1:11332", "smtpd_milters", "inet:127.0.0.1:11332, " + ours},
		{"smtpd_milters = inet:127.0.0.1:11332 unix:opendkim/o.sock", "smtpd_milters", "inet:127.0.0.1:11332 unix:opendkim/o.sock, " + ours},
		{"smtpd_milters = " + ours, "smtpd_milters", "-"},
		{"smtpd_milters = unix:/onbehalf/milter.sock", "smtpd_milters", "-"},
		{"smtpd_milters = unix:/var/spool/postfix/onbehalf/milter.sock", "smtpd_milters", "-"},
		{"smtpd_milters = inet:[::1]:1, { " + ours + ", connect_timeout=5s }", "smtpd_milters", "-"},
		{"smtpd_milters = " + ours + ", { inet:localhost:1, default_action=accept }", "smtpd_milters", "{ inet:localhost:1, default_action=accept }, " + ours},
		{"smtpd_milters = $spam = inet:127.0.0.1:11332", "smtpd_milters", "$spam, " + ours},
		{"smtpd_milters = $mine = " + ours, "smtpd_milters", "-"},
		{"smtpd_milters = $mine = " + ours + " inet:h:1", "smtpd_milters", "-"},
		{"smtpd_milters = $non_smtpd_milters = inet:h:1", "smtpd_milters", "-"},
		{"", "non_smtpd_milters", "$smtpd_milters"},
		{"smtpd_milters = " + ours, "non_smtpd_milters", "$smtpd_milters"},
		{"smtpd_milters = inet:h:1", "non_smtpd_milters", ours}, // the other one never saw local mail
		{"smtpd_milters = $non_smtpd_milters = ", "non_smtpd_milters", ours},
		{"non_smtpd_milters = $smtpd_milters = ", "non_smtpd_milters", "-"},
		{"non_smtpd_milters = ${smtpd_milters} = ", "non_smtpd_milters", "-"},
		{"non_smtpd_milters = inet:h:1", "non_smtpd_milters", "inet:h:1, " + ours},
		{"non_smtpd_milters = " + ours, "non_smtpd_milters", "-"},
		{"milter_default_action = accept", "milter_default_action", "tempfail"},
		{"", "milter_default_action", "-"},
		{"milter_default_action = shutdown", "milter_default_action", "-"},
		{"milter_default_action = reject", "milter_default_action", "tempfail"},
		{"milter_default_action = quarantine", "milter_default_action", "tempfail"},
		{"milter_default_action = accept\nmail_version = 3.10.5", "milter_default_action", "tempfail"},
		{"milter_default_action = accept\nmail_version = 3.10.13", "milter_default_action", "shutdown"},
		{"milter_default_action = tempfail\nmail_version = 3.10.13", "milter_default_action", "-"},
		{"milter_default_action = $mine = shutdown", "milter_default_action", "-"},
		{"internal_mail_filter_classes = notify", "internal_mail_filter_classes", "notify, bounce"},
		{"internal_mail_filter_classes = bounce notify", "internal_mail_filter_classes", "-"},
		{"relay_domains = ${{$compatibility_level} <level {2} ? {$mydestination} : {}} = ", "relay_domains", "bounces.courseware.nl"},
		{"relay_domains = $mydestination = a.nl, b.nl", "relay_domains", "$mydestination, bounces.courseware.nl"},
		{"relay_domains = a.nl, Bounces.Courseware.NL", "relay_domains", "-"},
		{"relay_domains = bounces.courseware.nl.evil.example", "relay_domains", "bounces.courseware.nl.evil.example, bounces.courseware.nl"},
		{"", "relay_recipient_maps", recipient},
		{"relay_domains = a.nl", "relay_recipient_maps", "-"}, // a list would refuse mail for a.nl
		{"relay_domains = bounces.courseware.nl", "relay_recipient_maps", recipient},
		{"relay_recipient_maps = hash:/etc/postfix/relay", "relay_recipient_maps", "hash:/etc/postfix/relay, " + recipient},
		{"relay_recipient_maps = inline:{{@bounces.courseware.nl=OK}}", "relay_recipient_maps", "-"},
		{"relay_recipient_maps = inline:{{@bounces.courseware.nl.example=OK}}", "relay_recipient_maps", "inline:{{@bounces.courseware.nl.example=OK}}, " + recipient},
		{"smtp_line_length_limit = 0", "smtp_line_length_limit", "-"},
		{"", "disable_mime_output_conversion", "yes"},
		{"", "force_mime_input_conversion", "-"},
		{"force_mime_input_conversion = no", "force_mime_input_conversion", "yes"},
		{"force_mime_input_conversion = no", "disable_mime_output_conversion", "-"},
		{"force_mime_input_conversion = yes", "force_mime_input_conversion", "-"},
	} {
		t.Run(c.setting+" "+c.there, func(t *testing.T) {
			p := postfixWith()
			if c.there != "" {
				p = postfixWith(strings.Split(c.there, "\n")...)
			}
			got := "-"
			for _, change := range p.Changes(wanted(t)) {
				if change.Name == c.setting {
					got = change.Value
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestNewerEither: whoever has one remedy against recoding is not given the other.
func TestNewerEither(t *testing.T) {
	p := postfixWith("force_mime_input_conversion = no", "disable_mime_output_conversion = yes")
	for _, c := range p.Changes(wanted(t)) {
		if strings.Contains(c.Name, "mime") {
			t.Errorf("unneeded: %s", c.Line())
		}
	}
}

func TestDangers(t *testing.T) {
	for there, want := range map[string]string{
		"mydestination = $myhostname, bounces.courseware.nl":    "mydestination contains",
		"virtual_mailbox_domains = BOUNCES.courseware.nl":       "virtual_mailbox_domains contains",
		"relay_domains = a.nl, b.nl":                            "you also relay for a.nl, b.nl",
		"receive_override_options = no_milters":                 "no_milters",
		"content_filter = smtp:[127.0.0.1]:10024":               "content_filter",
		"myorigin = other.example":                              "MAILER-DAEMON@other.example",
		"smtpd_milters = $mine = " + ours + ", inet:[::1]:1234": "behind onbehalf",
	} {
		if got := texts(postfixWith(there).Dangers(wanted(t))); !strings.Contains(got, want) {
			t.Errorf("%s: %q is missing in %q", there, want, got)
		}
	}
	p := postfixWith()
	p.overrides = parseOverrides("submission/inet/smtpd_milters = inet:h:1\nsmtps/inet/smtpd_milters = $smtpd_milters\na/inet/smtpd_milters = " + ours + "\nb/inet/smtpd_client_x = y\n")
	if got := texts(p.Dangers(wanted(t))); strings.Count(got, "in master.cf") != 1 || !strings.Contains(got, "submission/inet has smtpd_milters") {
		t.Errorf("of master.cf it says %q", got)
	}
}

// texts is all that findings say.
func texts(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(strings.Join(append([]string{f.What, f.Why, f.Fix}, f.Commands...), "\n") + "\n")
	}
	return b.String()
}

// TestLine: a shell reads the line as it was meant.
func TestLine(t *testing.T) {
	c := Change{Name: "relay_domains", Value: "$x 'y', z"}
	if got, want := c.Line(), `postconf -e 'relay_domains = $x '\''y'\'', z'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

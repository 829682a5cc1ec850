package postfix

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// host is a Postfix that calls us and does nothing that is dangerous. Each case lays over it what
// postconf prints: settings, those of services (-P), and further services (-M).
func host(main, overrides, services string) Configuration {
	const settings = "smtpd_milters = " + ours + "\nnon_smtpd_milters = $smtpd_milters\nmyhostname = mail.courseware.nl\nmyorigin = mail.courseware.nl\n" +
		"mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128\nlocal_header_rewrite_clients = permit_inet_interfaces\nrelay_recipient_maps = x\n"
	expanded := strings.Replace(settings+main, "= $smtpd_milters", "= "+ours, 1)
	return Parse(settings+main, expanded, overrides, `smtp       inet n - y - - smtpd
submission inet n - y - - smtpd
pickup     unix n - y 60 1 pickup
cleanup    unix n - y - 0 cleanup
smtp       unix - - y - - smtp
relay      unix - - y - - smtp
`+services)
}

func trusting(t *testing.T) Wanted {
	t.Helper()
	w := wanted(t)
	w.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.1.0.0/16")}
	w.SendingIPs = []netip.Addr{netip.MustParseAddr("192.0.2.25")}
	return w
}

// TestRisks: what lets mail bypass onbehalf, or changes it after it was signed, is found where it
// stands, and what only looks like it is not. Of "level words | command" the command may be left
// out; "-" is no finding.
func TestRisks(t *testing.T) {
	const (
		amavis = "content_filter = amavis:[127.0.0.1]:10024\n"
		scan   = "amavis unix - - n - 2 smtp\n"
		back   = "127.0.0.1:10025 inet n - y - - smtpd\n"
		own    = "127.0.0.1:10025/inet/"
	)
	for _, c := range []struct{ name, main, overrides, services, want string }{
		{"nothing", "", "", "", "-"},

		{"no_milters in main.cf", "receive_override_options = no_milters, no_address_mappings\n", "", "",
			"error receive_override_options contains no_milters | postconf -e 'receive_override_options = no_address_mappings'"},
		{"no_milters alone", "receive_override_options = no_milters\n", "", "", "error contains no_milters | postconf -X receive_override_options"},
		{"no_milters in a service", "", "submission/inet/receive_override_options = no_milters\n", "", "error submission/inet has no_milters | postconf -PX 'submission/inet/receive_override_options'"},
		{"no_milters in pickup", "", "pickup/unix/receive_override_options = no_milters\n", "", "error pickup/unix has no_milters"},
		{"no_milters at a port of this host", "", own + "receive_override_options = no_milters\n", back, "warning " + "127.0.0.1:10025/inet has no_milters"},
		{"no_milters where nothing reads it", "", "smtp/unix/receive_override_options = no_milters\n", "", "-"},

		{"content filter, right", amavis, own + "content_filter = \n" + own + "receive_override_options = no_milters\n", scan + back, "-"},
		{"content filter, milters off otherwise", amavis, own + "content_filter = \n" + own + "smtpd_milters = \n", scan + back, "-"},
		{"content filter, on another port", amavis, "10025/inet/content_filter = \n10025/inet/receive_override_options = no_milters\n", scan + "10025 inet n - y - - smtpd\n", "-"},
		{"content filter, twice", amavis, own + "content_filter = \n" + own + "receive_override_options = no_address_mappings\n", scan + back,
			"error 127.0.0.1:10025/inet takes mail back without no_milters | postconf -P '127.0.0.1:10025/inet/receive_override_options=no_address_mappings,no_milters'"},
		{"content filter of a service, twice", "", "smtp/inet/content_filter = amavis:[127.0.0.1]:10024\n", scan + back, "error in master.cf smtp/inet has content_filter = amavis:[127.0.0.1]:10024, and 127.0.0.1:10025/inet"},
		{"content filter of a service, right", "", "smtp/inet/content_filter = amavis:[127.0.0.1]:10024\n" + own + "receive_override_options = no_milters\n", scan + back, "-"},
		{"content filter, no way back", amavis, "smtp/inet/content_filter = amavis:[127.0.0.1]:10024\n", scan, "warning where this filter hands mail back"},
		{"submission without the filter is no way back", amavis, "submission/inet/content_filter = \nsubmission/inet/receive_override_options = no_milters\n" + own + "content_filter = \n" + own + "smtpd_milters = \n", scan + back, "error submission/inet has no_milters"},
		{"content filter by pipe", "", "smtp/inet/content_filter = spam:dummy\n", "spam unix - n n - - pipe user=x argv=/usr/bin/spamc -e /usr/sbin/sendmail -oi\n", "warning content_filter = spam:dummy, a pipe(8)"},

		{"proxy filter", "", "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n", "", "error in master.cf smtp/inet has smtpd_proxy_filter = 127.0.0.1:10024"},
		{"proxy filter in main.cf", "smtpd_proxy_filter = 127.0.0.1:10024\n", own + "smtpd_proxy_filter = \n" + own + "smtpd_milters = \n", back,
			"error main.cf has smtpd_proxy_filter | postconf -P '127.0.0.1:10025/inet/smtpd_milters=" + ours + "'"},
		{"proxy filter, no_milters behind", "", "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n" + own + "receive_override_options = no_milters\n", back,
			"error call onbehalf at 127.0.0.1:10025/inet | postconf -PX '127.0.0.1:10025/inet/receive_override_options'"},
		{"proxy filter, onbehalf at another port of this host alone", "", "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n" + own + "smtpd_milters = \n", "127.0.0.1:2525 inet n - y - - smtpd\n" + back, "error call onbehalf at 127.0.0.1:10025/inet"},
		{"proxy filter, onbehalf behind", "", "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n", back, "-"},

		{"service without milters", "", "submission/inet/smtpd_milters = \n", "", "warning submission/inet has smtpd_milters of its own (none)"},
		{"service with others", "", "submission/inet/smtpd_milters = inet:h:1\n", "", "warning submission/inet has smtpd_milters of its own (inet:h:1)"},
		{"service with $mua_milters", "", "submission/inet/smtpd_milters = " + ours + "\n", "", "-"}, // postconf -P -x replaces names
		{"cleanup without milters", "", "cleanup/unix/non_smtpd_milters = \n", "", "error cleanup/unix has non_smtpd_milters of its own (none) | postconf -PX 'cleanup/unix/non_smtpd_milters'"},
		{"another cleanup without", "", "pre-cleanup/unix/non_smtpd_milters = \n", "pre-cleanup unix n - y - 0 cleanup\n", "-"},
		{"settings that are not read", "", "cleanup/unix/smtpd_milters = \nsmtp/inet/non_smtpd_milters = \n", "", "-"},

		{"milters by client, all off", "smtpd_milter_maps = static:DISABLE\n", "", "", "error smtpd_milter_maps is static:DISABLE"},
		{"milters by client, ours off", "smtpd_milter_maps = inline:{ { 10.1.2.3 = DISABLE } }\n", "", "", "error says DISABLE for clients"},
		{"milters by client off in a file", "smtpd_milter_maps = cidr:%s/off\n", "", "", "error says DISABLE for clients"},
		{"milters by client, strangers off", "smtpd_milter_maps = inline:{ { 192.0.2.7 = DISABLE } }\n", "", "", "warning takes the place of smtpd_milters"},
		{"milters by client, of a service", "", "submission/inet/smtpd_milter_maps = static:disable\n", "", "error submission/inet has smtpd_milter_maps of its own"},

		{"accept of a service", "", "submission/inet/milter_default_action = accept\n", "", "error milter_default_action of its own (accept) | postconf -PX 'submission/inet/milter_default_action'"},
		{"tempfail of a service", "", "submission/inet/milter_default_action = tempfail\n", "", "-"},
		{"accept in braces", "smtpd_milters = { " + ours + ", default_action=accept }\n", "", "", "error take default_action out of the braces"},
		{"accept in braces of a service", "", "submission/inet/smtpd_milters = { " + ours + ", default_action = accept }\n", "", "error submission/inet has smtpd_milters of its own"},
		{"accept in braces, for local mail", "non_smtpd_milters = { " + ours + ", default_action=accept }\n", "", "", "error non_smtpd_milters is {"},
		{"accept in braces of another milter", "smtpd_milters = { inet:h:1, default_action=accept }, " + ours + "\n", "", "", "-"},
		{"braces without an action", "smtpd_milters = { " + ours + ", connect_timeout=5s }\n", "", "", "-"},

		{"checks after signing", "smtp_header_checks = regexp:/x\n", "", "", "warning smtp_header_checks is regexp:/x"},
		{"checks of a service", "", "relay/unix/smtp_body_checks = regexp:/x\n", "", "warning relay/unix has smtp_body_checks"},
		{"generic maps", "smtp_generic_maps = hash:/x\n", "", "", "warning smtp_generic_maps is hash:/x"},
		{"lines cut", "", "relay/unix/smtp_line_length_limit = 998\n", "", "warning smtp_line_length_limit of its own (998) | postconf -PX 'relay/unix/smtp_line_length_limit'"},
		{"lines not cut", "", "relay/unix/smtp_line_length_limit = 0\n", "", "-"},

		{"relayhost", "relayhost = [smtp.example]:587\n", "", "", "warning receivers see the address of that host"},
		{"relayhost by MX", "relayhost = smtp.example:587\n", "", "", "warning relayhost is smtp.example:587"},
		{"relayhost localhost", "relayhost = localhost:10026\n", "", "", "-"},
		{"relayhost by address", "relayhost = [192.0.2.26]:25\n", "", "", "warning relayhost is [192.0.2.26]:25"},
		{"relayhost that sends", "relayhost = [192.0.2.25]\n", "", "", "-"},
		{"relayhost on this host", "relayhost = [127.0.0.1]:10026\n", "", "", "-"},
		{"relayhost on this host, IPv6", "relayhost = [ipv6:::1]:10026\n", "", "", "-"},

		{"PostSRSd 1", "sender_canonical_maps = tcp:localhost:10001\n", "", "", "warning sender_canonical_maps is tcp:localhost:10001"},
		{"PostSRSd 2", "recipient_canonical_maps = socketmap:unix:/x/sock:reverse\n", "", "", "warning another SRS daemon"},
		{"canonical maps of another kind", "sender_canonical_maps = hash:/etc/postfix/canonical\n", "", "", "-"},

		{"OpenDKIM before", "smtpd_milters = unix:opendkim/opendkim.sock, " + ours + "\n", "", "", "warning another DKIM signer"},
		{"OpenDKIM before, by its port", "smtpd_milters = inet:localhost:8891 " + ours + "\n", "", "", "warning another DKIM signer"},
		{"OpenDKIM before, of a service", "", "submission/inet/smtpd_milters = inet:localhost:8891 " + ours + "\n", "", "warning submission/inet has smtpd_milters of its own"},
		{"a spam filter before", "smtpd_milters = inet:localhost:11332 " + ours + "\n", "", "", "-"},

		{"clients whose header is completed", "local_header_rewrite_clients = permit_mynetworks\n", "", "", "warning From: Jansen, Piet <p@x.nl> becomes two authors"},

		{"network that is not trusted", "mynetworks = 127.0.0.0/8 10.1.2.0/24 10.2.0.0/16 [fd00::]/8\n", "", "", "warning mynetworks has 10.2.0.0/16"},
		{"network that is trusted in part", "mynetworks = 127.0.0.0/8 10.0.0.0/8\n", "", "", `warning trust.networks: ["127.0.0.0/8", "::1/128", "10.1.0.0/16", "10.0.0.0/8"]`},
		{"networks in a file", "mynetworks = 127.0.0.0/8 %s/networks\n", "", "", "warning mynetworks has 10.3.0.0/16"},
		{"networks in a table", "mynetworks = cidr:%s/networks\n", "", "", "warning mynetworks has 10.3.0.0/16"},
		{"network that is excluded", "mynetworks = 127.0.0.0/8 !10.2.0.0/16\n", "", "", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range map[string]string{"off": "# ours\n10.1.2.0/24 disable\n", "networks": "# the LMS\n10.3.0.0/16\tOK\n"} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := host(strings.ReplaceAll(c.main, "%s", folder), c.overrides, c.services).Dangers(trusting(t))
			if c.want == "-" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			want, command, _ := strings.Cut(c.want, " | ")
			level, words, _ := strings.Cut(want, " ")
			if !slices.ContainsFunc(got, func(f Finding) bool {
				return f.Level.String() == level && strings.Contains(texts([]Finding{f}), words) && (command == "" || slices.Contains(f.Commands, command)) && f.Why != "" && f.Fix != ""
			}) {
				t.Errorf("%+v\nwant %s", got, c.want)
			}
			for _, f := range got {
				if level == "warning" && f.Level == Error {
					t.Errorf("an error: %+v", f)
				}
			}
		})
	}
}

// TestOtherInstance: commands are for the Postfix that was read, wherever its main.cf is; another
// one that calls nobody is said, with what it changes after signing.
func TestOtherInstance(t *testing.T) {
	main := host("config_directory = /etc/postfix\nmulti_instance_directories = /etc/postfix-out /etc/postfix-in\n", "", "")
	if got := fmt.Sprint(main.Others()); got != "[/etc/postfix-out /etc/postfix-in]" {
		t.Errorf("others: %s", got)
	}
	if got := main.Here("postfix reload"); got != "postfix reload" {
		t.Error(got)
	}
	out := host("config_directory = /etc/postfix-out\nsmtpd_milters = \nnon_smtpd_milters = \nsmtp_generic_maps = hash:/x\n", "relay/unix/smtp_line_length_limit = 998\n", "")
	got := texts(out.OfAnother(trusting(t), nil))
	for _, want := range []string{"the Postfix in /etc/postfix-out does not call onbehalf", "MAIL_CONFIG=/etc/postfix-out onbehalf setup", "smtp_generic_maps is hash:/x",
		"postconf -c /etc/postfix-out -PX 'relay/unix/smtp_line_length_limit'", "postfix -c /etc/postfix-out reload"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	calling := host("config_directory = /etc/postfix-in\nmilter_default_action = accept\n", "submission/inet/receive_override_options = no_milters\n", "")
	got = texts(calling.OfAnother(trusting(t), nil))
	for _, want := range []string{"milter_default_action is accept", "postconf -c /etc/postfix-in -e 'milter_default_action = tempfail'", "submission/inet has no_milters"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if strings.Contains(got, "does not call") || strings.Contains(got, "relay_domains") {
		t.Errorf("it says %s", got)
	}
}

// TestDoor: the way in is one that takes mail without a login, and not one of a filter.
func TestDoor(t *testing.T) {
	for _, c := range []struct{ main, services, want string }{
		{"inet_interfaces = all\n", "", "127.0.0.1:25"},
		{"inet_interfaces = 192.0.2.1, localhost\n", "", "127.0.0.1:25"},
		{"inet_interfaces = 192.0.2.1\n", "", ""},
		{"inet_interfaces = 192.0.2.1\n", "127.0.0.1:2525 inet n - y - - smtpd\n", "127.0.0.1:2525"},
		{"inet_interfaces = 192.0.2.1\ncontent_filter = x:y\n", "127.0.0.1:10025 inet n - y - - smtpd -o content_filter=\n", ""},
		{"inet_interfaces = 192.0.2.1\n", "192.0.2.1:2525 inet n - y - - smtpd\n", ""},
	} {
		overrides := ""
		if strings.Contains(c.services, "content_filter") {
			overrides = "127.0.0.1:10025/inet/content_filter = \n"
		}
		if got := host(c.main, overrides, c.services).Door(); got != c.want {
			t.Errorf("%s%s%q, want %q", c.main, c.services, got, c.want)
		}
	}
}

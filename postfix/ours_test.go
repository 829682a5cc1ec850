package postfix

import (
	"reflect"
	"strings"
	"testing"
)

const (
	wayTable = "socketmap:unix:onbehalf/socketmap.sock:transport"
	tlsTable = "socketmap:unix:onbehalf/socketmap.sock:tls_policy"
	rcptTab  = "socketmap:unix:onbehalf/socketmap.sock:recipients"
	spool    = "/var/spool/postfix"
)

func direct(t *testing.T) Wanted {
	t.Helper()
	w := wanted(t)
	w.Direct, w.Socketmap = []Delivery{{Tenant: "university", Domains: []string{"university.example"}, NextHop: "[mx.university.example]:25", Host: "mx.university.example", TLS: "encrypt"}}, "unix:"+spool+"/onbehalf/socketmap.sock"
	return w
}

func TestParseTables(t *testing.T) {
	got := ParseTables("hash:/etc/postfix/transport,\n  proxy:socketmap:unix:onbehalf/socketmap.sock:transport inline:{ { a = b:c } } socketmap:inet:[::1]:99:x socketmap:odd")
	want := []Table{
		{Text: "hash:/etc/postfix/transport"},
		{"proxy:socketmap:unix:onbehalf/socketmap.sock:transport", "unix:onbehalf/socketmap.sock", "transport", true},
		{Text: "inline:{ { a = b:c } }"},
		{"socketmap:inet:[::1]:99:x", "inet:[::1]:99", "x", false},
		{Text: "socketmap:odd"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got[0].Type() != "hash" || got[1].Type() != "socketmap" || got[2].Type() != "inline" {
		t.Errorf("types %s, %s, %s", got[0].Type(), got[1].Type(), got[2].Type())
	}
}

// TestTables: one setting at a time, with direct delivery. "-" is: no change.
func TestTables(t *testing.T) {
	const newer = "mail_version = 3.10.5"
	for _, c := range []struct{ there, setting, want string }{
		{"", "transport_maps", wayTable},
		{"", "smtp_tls_policy_maps", tlsTable},
		{"", "relay_recipient_maps", rcptTab},
		{"transport_maps = hash:/etc/postfix/transport", "transport_maps", wayTable + ", hash:/etc/postfix/transport"},
		{"transport_maps = static:smtp:[relay]", "transport_maps", wayTable + ", static:smtp:[relay]"}, // behind it we are never asked
		{"transport_maps = $mine = hash:/a hash:/b", "transport_maps", wayTable + ", $mine"},
		{"transport_maps = " + wayTable, "transport_maps", "-"},
		{"transport_maps = hash:/a, " + wayTable, "transport_maps", "-"},
		{"transport_maps = proxy:" + wayTable, "transport_maps", "-"},
		{"transport_maps = socketmap:unix:/onbehalf/socketmap.sock:transport", "transport_maps", "-"},
		{"transport_maps = socketmap:unix:" + spool + "/onbehalf/socketmap.sock:transport", "transport_maps", "-"},
		{"transport_maps = $mine = " + wayTable, "transport_maps", "-"},
		{"transport_maps = $mine " + wayTable + " = " + wayTable + " " + wayTable, "transport_maps", "-"}, // not ours to change
		{"transport_maps = " + wayTable + " hash:/a " + wayTable, "transport_maps", wayTable + ", hash:/a"},
		{"transport_maps = hash:/a " + rcptTab, "transport_maps", wayTable + ", hash:/a"},
		{"transport_maps = socketmap:unix:onbehalf/milter.sock:transport", "transport_maps", wayTable},
		{"transport_maps = socketmap:unix:else/socketmap.sock:transport", "transport_maps", wayTable},
		{"transport_maps = socketmap:inet:127.0.0.1:8466:transport", "transport_maps", wayTable},
		{"transport_maps = socketmap:inet:192.0.2.1:8466:transport", "transport_maps", wayTable + ", socketmap:inet:192.0.2.1:8466:transport"},
		{"transport_maps = socketmap:unix:postsrsd/sock:forward", "transport_maps", wayTable + ", socketmap:unix:postsrsd/sock:forward"},
		{"smtp_tls_policy_maps = hash:/tls", "smtp_tls_policy_maps", tlsTable + ", hash:/tls"},
		{"smtp_tls_policy_maps = " + tlsTable + "_tlsrpt", "smtp_tls_policy_maps", tlsTable}, // 3.7 would defer mail
		{newer + "\nsmtp_tls_policy_maps = " + tlsTable + "_tlsrpt", "smtp_tls_policy_maps", "-"},
		{newer + "\nsmtp_tls_policy_maps = " + tlsTable + "\nsmtp_tlsrpt_enable = yes", "smtp_tls_policy_maps", "-"},
		{newer, "smtp_tls_policy_maps", tlsTable},
		{newer + "\nsmtp_tlsrpt_enable = yes", "smtp_tls_policy_maps", tlsTable + "_tlsrpt"},
		{"mail_version = 3.9.1\nsmtp_tlsrpt_enable = yes", "smtp_tls_policy_maps", tlsTable},
		{"relay_recipient_maps = inline:{{@bounces.courseware.nl=OK}}", "relay_recipient_maps", "-"}, // works, too
		{"relay_recipient_maps = " + rcptTab, "relay_recipient_maps", "-"},
		{"relay_recipient_maps = hash:/relay", "relay_recipient_maps", "hash:/relay, " + rcptTab},
		{"relay_recipient_maps = " + wayTable, "relay_recipient_maps", rcptTab},
		{"relay_domains = a.nl", "relay_recipient_maps", "-"}, // a list would refuse mail for a.nl
	} {
		t.Run(c.setting+" "+c.there, func(t *testing.T) {
			p := postfixWith()
			if c.there != "" {
				p = postfixWith(strings.Split(c.there, "\n")...)
			}
			got := change(p, direct(t), c.setting)
			if got != c.want {
				t.Fatalf("%s, want %s", got, c.want)
			}
			if got == "-" {
				return
			}
			p.written[c.setting] = got // as postconf -e does it
			p.expanded[c.setting] = strings.Replace(got, "$mine", "hash:/a hash:/b", 1)
			if again := change(p, direct(t), c.setting); again != "-" {
				t.Errorf("the second time it wants %s", again)
			}
		})
	}
}

func change(p Configuration, w Wanted, setting string) string {
	for _, c := range p.Changes(w) {
		if c.Name == setting {
			return c.Value
		}
	}
	return "-"
}

// TestNoTablesWithoutDirect: where no mail is delivered directly, tables are nothing that Postfix
// needs; ours in relay_recipient_maps works all the same.
func TestNoTablesWithoutDirect(t *testing.T) {
	idle, off := direct(t), direct(t)
	idle.Direct = nil
	off.Socketmap = ""
	for _, w := range []Wanted{idle, off} {
		p := postfixWith("relay_recipient_maps = "+rcptTab, "transport_maps = hash:/a")
		for _, c := range p.Needs(w) {
			if table := p.readersOf(c.Name) != nil; table && (c.Name != "relay_recipient_maps" || c.Value != c.Now) {
				t.Errorf("unneeded: %s", c.Line())
			}
		}
	}
	for _, there := range []string{
		"transport_maps = socketmap:inet:127.0.0.1:99:transport",
		"transport_maps = " + wayTable + " " + wayTable,
		"smtp_tls_policy_maps = " + rcptTab,
		"relay_recipient_maps = " + rcptTab + " " + rcptTab,
	} {
		setting, _, _ := strings.Cut(there, " = ")
		if got := change(postfixWith(there), idle, setting); got != "-" {
			t.Errorf("%s: it should be %s", there, got)
		}
	}
	const other = "socketmap:inet:127.0.0.1:99:recipients"
	if got := change(postfixWith("relay_recipient_maps = "+other), idle, "relay_recipient_maps"); got != other+", "+recipient {
		t.Errorf("somebody else's socketmap knows no bounces, and it should be %s", got)
	}
	if got := change(postfixWith(), idle, "relay_recipient_maps"); got != recipient {
		t.Errorf("relay_recipient_maps should be %s", got)
	}
}

// TestReaders: who asks each table, with the value that the service has.
func TestReaders(t *testing.T) {
	p := postfixWith("transport_maps = hash:/a "+wayTable, "smtp_tls_policy_maps = proxy:"+tlsTable, "relay_recipient_maps = "+rcptTab)
	p.services = parseServices(`smtp       inet  n - y - - smtpd
submission inet  n - n - - smtpd -o relay_recipient_maps=
rewrite    unix  - - y - - trivial-rewrite
proxymap   unix  - - n - - proxymap
proxywrite unix  - - n - 1 proxymap
smtp       unix  - - y - - smtp
relay      unix  - - n - - smtp -o smtp_tls_policy_maps=socketmap:unix:/onbehalf/socketmap.sock:tls_policy
`)
	p.overrides = parseOverrides("submission/inet/relay_recipient_maps = \nrelay/unix/smtp_tls_policy_maps = socketmap:unix:/onbehalf/socketmap.sock:tls_policy\n")
	var got []string
	for _, r := range p.Readers(direct(t)) {
		place := "unchrooted"
		if r.Service.Chrooted {
			place = "chrooted"
		}
		got = append(got, strings.Join([]string{r.Service.Name, place, r.Setting, r.Table.Socket, r.Table.Name}, " "))
	}
	want := []string{
		"rewrite/unix chrooted transport_maps unix:onbehalf/socketmap.sock transport",
		"proxymap/unix unchrooted smtp_tls_policy_maps unix:onbehalf/socketmap.sock tls_policy",
		"relay/unix unchrooted smtp_tls_policy_maps unix:/onbehalf/socketmap.sock tls_policy",
		"smtp/inet chrooted relay_recipient_maps unix:onbehalf/socketmap.sock recipients",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

package postfix

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// theTables plays postmap: what each table has, by "table key".
func theTables(known map[string]string) Lookup {
	return func(t Table, keys []string) (map[string]string, error) {
		if strings.HasPrefix(t.Text, "broken:") {
			return nil, errors.New("no database")
		}
		found := make(map[string]string)
		for _, key := range keys {
			if value, there := known[t.Text+" "+key]; there {
				found[key] = value
			}
		}
		return found, nil
	}
}

// TestDirectFindings holds what keeps directly delivered mail from its way, one setting at a time;
// "-" is: nothing is found.
func TestDirectFindings(t *testing.T) {
	known := theTables(map[string]string{
		"hash:/whole onbehalf-doctor@university.example": "smtp:[relay]",
		"hash:/domain university.example":                "smtp:[relay]",
		"hash:/policy [mx.university.example]:25":        "may",
		"hash:/all onbehalf-doctor@university.example":   "x", "hash:/all university.example": "x", "hash:/all " + elsewhere: "x",
		"hash:/classes university.example":     "x",
		"hash:/users @university.example":      "x",
		"hash:/local onbehalf-doctor":          "x",
		"hash:/other other@university.example": "x",
	})
	for _, c := range []struct{ there, want string }{
		{"", "-"},
		{"transport_maps = hash:/whole " + wayTable, "in transport_maps hash:/whole stands before our table and answers for university.example (smtp:[relay])"},
		{"transport_maps = " + wayTable + " hash:/whole", "-"},
		{"transport_maps = " + wayTable + " hash:/domain", "hash:/domain in transport_maps names university.example, which our table answers first"},
		{"transport_maps = " + wayTable + " hash:/all", "-"},
		{"transport_maps = broken:/x " + wayTable, "was not asked whether it hides our table"},
		{"smtp_tls_policy_maps = hash:/policy " + tlsTable, "answers for [mx.university.example]:25 (may)"},
		{"mydestination = university.example", "-"}, // all its addresses are known: there is no table
		{"mydestination = university.example\nlocal_recipient_maps = hash:/other", "User unknown in local recipient table"},
		{"mydestination = university.example\nlocal_recipient_maps = hash:/local", "-"},
		{"mydestination = university.example\nlocal_recipient_maps = broken:/x", "was not asked for directly delivered domains"},
		{"virtual_alias_domains = hash:/classes", "university.example is in virtual_alias_domains"},
		{"virtual_mailbox_domains = University.Example\nvirtual_mailbox_maps = hash:/users", "-"},
		{"virtual_mailbox_domains = University.Example\nvirtual_mailbox_maps = hash:/other", "virtual_mailbox_maps does not know all its addresses"},
		{"relay_domains = .example\nrelay_recipient_maps = hash:/other", "university.example is in relay_domains"},
		{"relay_domains = sity.example\nrelay_recipient_maps = hash:/other", "-"},
		{"myhostname = MX.university.example", "is this host by myhostname"},
		{"proxy_interfaces = [192.0.2.1]", "-"},
	} {
		t.Run(c.there, func(t *testing.T) {
			p := postfixWith(strings.Split(strings.TrimSuffix("transport_maps = "+wayTable+"\nsmtp_tls_policy_maps = "+tlsTable+"\n"+c.there, "\n"), "\n")...)
			p.services = parseServices("rewrite unix - - y - - trivial-rewrite\nsmtp unix - - y - - smtp\n")
			got := p.directFindings(direct(t), known)
			if c.want == "-" && len(got) > 0 || c.want != "-" && (len(got) != 1 || !strings.Contains(texts(got), c.want)) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

// TestSettingFindings holds the level of each: what loses mail or lets it out as it came is an error.
func TestSettingFindings(t *testing.T) {
	for there, want := range map[string]Level{
		"smtpd_milters = inet:h:1":                                  Error,
		"smtpd_milters = " + ours + " inet:h:1":                     Warning,
		"milter_default_action = accept":                            Error,
		"milter_default_action = shutdown":                          OK,
		"internal_mail_filter_classes = ":                           Warning,
		"smtp_line_length_limit = 0":                                OK,
		"smtp_tls_policy_maps = hash:/x":                            Error, // a tenant wants TLS
		"smtp_tls_policy_maps = " + tlsTable + " " + tlsTable:       Warning,
		"transport_maps = " + rcptTab:                               Error,
		"smtp_tls_policy_maps = " + tlsTable + "_tlsrpt":            Error,
		"receive_override_options = no_address_mappings no_milters": Error,
	} {
		setting, _, _ := strings.Cut(there, " = ")
		level := Level(-1)
		for _, f := range postfixWith(there).Findings(direct(t), theTables(nil)) {
			if strings.HasPrefix(f.What, setting) {
				level = f.Level
			}
		}
		if level != want {
			t.Errorf("%s: level %d, want %d", there, level, want)
		}
	}
}

// TestSameHost holds which names of Postfix's for this host are those of a next hop.
func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		hop, place string
		want       bool
	}{
		{"mx.a.example", "MX.A.example", true},
		{"mx.a.example", "mx.a.example.", true},
		{"mx.a.example", "a.example", false},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "[2001:db8::1]", true},
		{"192.0.2.1", "192.0.2.10", false},
		{"192.0.2.1", "all", false},
	} {
		if sameHost(c.hop, c.place) != c.want {
			t.Errorf("%s is %s: %v", c.hop, c.place, !c.want)
		}
	}
}

// TestHoldsCertificates: a folder of files that OpenSSL does not find is as good as empty.
func TestHoldsCertificates(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		add  string
		want bool
	}{{"", false}, {"authority.pem", false}, {"README", false}, {"0a1b2c3d.0", true}} {
		if c.add != "" {
			if err := os.WriteFile(filepath.Join(dir, c.add), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if holdsCertificates(dir) != c.want {
			t.Errorf("with %q: %v", c.add, !c.want)
		}
	}
	if holdsCertificates(filepath.Join(dir, "none")) {
		t.Error("in a folder that is not there")
	}
}

// TestWords: braces hold a list together, whether they are closed or not.
func TestWords(t *testing.T) {
	for list, want := range map[string]string{
		"": "", "a": "a", "a, b\tc\n d": "a|b|c|d", "{ a, b } c": "{ a, b }|c", "x:{{a b=c}}, d": "x:{{a b=c}}|d", "a { b": "a|{ b", "é, ü": "é|ü", "a } b": "a|}|b",
	} {
		if got := strings.Join(words(list), "|"); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

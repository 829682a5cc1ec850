package postfix

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRemovals: only what is ours goes, wherever it stands, and what setup has set is as it was.
func TestRemovals(t *testing.T) {
	w := Wanted{Bounce: "bounces.courseware.nl", Milter: "unix:/var/spool/postfix/onbehalf/milter.sock",
		Socketmap: "unix:/var/spool/postfix/onbehalf/socketmap.sock",
		Maps:      Maps{Transport: "transport", TLSPolicy: "tls_policy", Recipients: "recipients"}}
	const applied = `queue_directory = /var/spool/postfix
smtpd_milters = { inet:127.0.0.1:1, connect_timeout=1s }, unix:onbehalf/milter.sock, inet:127.0.0.1:2
non_smtpd_milters = $smtpd_milters
mua_milters = inet:127.0.0.1:9999
milter_default_action = tempfail
internal_mail_filter_classes = bounce
relay_domains = a.nl, bounces.courseware.nl
relay_recipient_maps = inline:{ { @bounces.courseware.nl = OK } }
transport_maps = socketmap:unix:onbehalf/socketmap.sock:transport, hash:/etc/postfix/transport
smtp_tls_policy_maps = proxy:socketmap:unix:/var/spool/postfix/onbehalf/socketmap.sock:tls_policy
smtp_line_length_limit = 0
disable_mime_output_conversion = yes
virtual_alias_maps = socketmap:inet:127.0.0.1:7777:transport
`
	overrides := "submission/inet/smtpd_milters = unix:onbehalf/milter.sock\nsmtp/inet/smtpd_milters = inet:127.0.0.1:3\n"
	lists := []string{
		"postconf -e 'relay_domains = a.nl'",
		"postconf -X 'relay_recipient_maps'",
		"postconf -X 'smtp_tls_policy_maps'",
		"postconf -e 'smtpd_milters = { inet:127.0.0.1:1, connect_timeout=1s }, inet:127.0.0.1:2'",
		"postconf -e 'transport_maps = hash:/etc/postfix/transport'",
	}
	service := "postconf -P 'submission/inet/smtpd_milters='"
	second := "{ inet:10.0.0.1:8890, connect_timeout=5s }"
	for name, c := range map[string]struct {
		main, overrides string
		milters         []string
		before          map[string]string
		want            []string
	}{
		"no copy":                  {applied, overrides, []string{w.Milter}, nil, append(slices.Clone(lists), service)},
		"not even a configuration": {applied, overrides, nil, nil, append(slices.Clone(lists), service)},
		"a copy": {applied, overrides, []string{w.Milter}, map[string]string{
			"milter_default_action": "accept", "smtp_line_length_limit": "0", "smtp_tls_policy_maps": "", "relay_domains": "a.nl, bounces.courseware.nl",
		}, []string{
			lists[1], "postconf -e 'smtp_tls_policy_maps ='", lists[3], lists[4],
			"postconf -X 'non_smtpd_milters'", "postconf -e 'milter_default_action = accept'", "postconf -X 'internal_mail_filter_classes'",
			"postconf -X 'disable_mime_output_conversion'", service,
		}},
		"by way of a name of the administrator": {"smtpd_milters = $all\nall = inet:127.0.0.1:1, " + second + ", { unix:onbehalf/milter.sock }\n", "",
			[]string{w.Milter, "inet:10.0.0.1:8890"}, nil, []string{"postconf -e 'all = inet:127.0.0.1:1'"}},
		"nothing": {"smtpd_milters = inet:127.0.0.1:1\nsmtp_line_length_limit = 0\n", "", []string{w.Milter}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			configuration := Parse(c.main, strings.ReplaceAll(c.main, "$smtpd_milters", "x"), c.overrides, "")
			var got []string
			for _, r := range configuration.Removals(w, c.milters, Files{Now: parseMain(c.main), Before: c.before}) {
				got = append(got, r.Line())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestSave: each state is saved once, as it is, and the last one without us is found again.
func TestSave(t *testing.T) {
	folder := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(folder, "main.cf"), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i, text := range []string{"a = 1\n", "# x\na = 2\n b\n\n# y\n  c\na2=\n", "a = 2 b c\nsmtpd_milters = unix:onbehalf/milter.sock\n"} {
		write(text)
		for range 2 {
			copies, err := Save(folder, noon.Add(time.Duration(i)*time.Second))
			if err != nil || len(copies) != 1 || !strings.HasSuffix(copies[0], "main.cf.onbehalf-20261126-12000"+string(rune('0'+i))+".000") {
				t.Fatalf("%v, %v", copies, err)
			}
		}
	}
	if info, err := os.Stat(copiesOf(filepath.Join(folder, "main.cf"))[0]); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	files, err := Parse("", "config_directory = "+folder, "", "").Files(Wanted{}, nil)
	if err != nil || files.Before["a"] != "2 b c" || files.Now["smtpd_milters"] == "" || !strings.HasSuffix(files.Path, "01.000") {
		t.Errorf("%+v, %v", files, err)
	}
	if value, known := files.Before["a2"]; value != "" || !known {
		t.Error("an empty setting is lost")
	}
	if _, err := Save(filepath.Join(folder, "gone"), noon); err == nil || !strings.Contains(err.Error(), "nothing is changed") {
		t.Errorf("%v", err)
	}
}

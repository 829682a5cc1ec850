package postfix

import (
	"reflect"
	"strings"
	"testing"
)

// TestOverrides: an override that is emptied is one, too: it takes the milters away.
func TestOverrides(t *testing.T) {
	p := postfixWith()
	p.overrides = parseOverrides("submission/inet/smtpd_milters = \n10025/inet/receive_override_options = no_address_mappings, no_milters\n")
	want := []Override{{"submission/inet", "smtpd_milters", ""}, {"10025/inet", "receive_override_options", "no_address_mappings, no_milters"}}
	got := p.overrides
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if said := texts(p.Dangers(wanted(t))); !strings.Contains(said, "submission/inet has smtpd_milters of its own (none)") || !strings.Contains(said, "10025/inet has no_milters") {
		t.Errorf("%q", said)
	}
}

func TestCallers(t *testing.T) {
	var p Configuration
	p.services = parseServices(`smtp       inet  n       -       y       -       1       postscreen
smtpd      pass  -       -       y       -       -       smtpd
submission inet  n       -       -       -       -       smtpd -o syslog_name=postfix/submission
cleanup    unix  n       -       n       -       0       cleanup
`)
	want := []Service{{"smtpd/pass", "smtpd", true}, {"submission/inet", "smtpd", false}, {"cleanup/unix", "cleanup", false}}
	if got := p.Callers(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestCalls(t *testing.T) {
	p := postfixWith("smtpd_milters = inet:localhost:1, { "+ours+", connect_timeout=5s }", "non_smtpd_milters = "+ours+".old")
	if !p.Calls("smtpd_milters", wanted(t)) || p.Calls("non_smtpd_milters", wanted(t)) {
		t.Error("our socket is not told from others")
	}
	if got := p.Setting("non_smtpd_milters"); got != ours+".old" {
		t.Error(got)
	}
}

package authorize_test

import (
	"strings"
	"testing"

	"onbehalf/authorize"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// TestBlank: a report is blank when DNS answered, and had not one TXT record.
func TestBlank(t *testing.T) {
	for name, want := range map[string]bool{
		"dkim-absent": true, "dkim-name-proxied": true,
		"all-absent": false, "all-good": false, "all-down": false, "dkim-revoked": false, "dkim-cname-dangling": false, "dkim-large": false,
	} {
		report, _ := readLookCase(t, "testdata/look/"+name+".txtar").look(t)
		if report.Blank != want {
			t.Errorf("%s: that it is blank is %v", name, report.Blank)
		}
		active := tenant.Standing{SPF: tenant.Mechanism{State: tenant.Warning, Of: "192.0.2.1"}, DMARC: tenant.DMARC{Policy: dmarc.Absent}}
		nothing := tenant.Standing{SPF: tenant.Mechanism{State: tenant.Pending, Of: "192.0.2.1"}, DMARC: tenant.DMARC{Policy: dmarc.Absent}}
		policy := tenant.Standing{DMARC: tenant.DMARC{Policy: dmarc.None}}
		if got := report.IsDoubtful(active); got != want {
			t.Errorf("%s: of a domain that had a record, it is doubtful: %v", name, got)
		}
		if got := report.IsDoubtful(policy); got != want {
			t.Errorf("%s: of a domain that had a policy, it is doubtful: %v", name, got)
		}
		if got := report.IsDoubtful(tenant.Standing{}); got != want {
			t.Errorf("%s: of a domain that is new, it is doubtful: %v", name, got)
		}
		if report.IsDoubtful(nothing) {
			t.Errorf("%s: of a domain that had nothing, it is doubtful", name)
		}
		doubted := report.Disbelieved([]message.Domain{domain(t, "courseware.nl"), domain(t, "other.example")}, nil)
		if doubted.Answered || doubted.Blank || len(doubted.Keys) != len(report.Target.Keys) {
			t.Errorf("%s: disbelieved, it is %+v", name, doubted)
		}
		for _, f := range append(doubted.Keys, doubted.SPF, doubted.ReturnPath, doubted.Policy) {
			if f.Verdict != authorize.Unanswered || !strings.HasSuffix(f.Text, "has no records, nor has courseware.nl, nor other.example, which had some") {
				t.Errorf("%s: disbelieved, it says %s: %s", name, f.Verdict, f.Text)
			}
		}
	}
}

// TestDisbelieved: the reason says which of the others DNS denies, and about which it does not
// answer.
func TestDisbelieved(t *testing.T) {
	one, two, three := domain(t, "courseware.nl"), domain(t, "two.example"), domain(t, "three.example")
	report := authorize.Report{Target: authorize.Target{Domain: domain(t, "gone.example")}}
	for _, test := range []struct {
		denied, unanswered []message.Domain
		want               string
	}{
		{[]message.Domain{one}, nil, ", nor has courseware.nl, which had some"},
		{nil, []message.Domain{one, two}, ", and does not answer about courseware.nl, nor two.example, which had some"},
		{[]message.Domain{two, three}, []message.Domain{one}, ", nor has two.example, nor three.example, which had some, and does not answer about courseware.nl, which had some"},
	} {
		const begin = "not believed: DNS says that gone.example has no records"
		if got := report.Disbelieved(test.denied, test.unanswered).SPF.Text; got != begin+test.want {
			t.Errorf("it says %q, want %q", got, begin+test.want)
		}
	}
}

package authorize

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"onbehalf/dmarc"
	"onbehalf/tenant"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	morning = noon.Add(-3 * time.Hour)
)

// TestStep has a row for each cell of the table over Rules.move.
func TestStep(t *testing.T) {
	const unknown, pending, active, warning = tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning
	tests := []struct {
		state tenant.State
		age   time.Duration // of the state
		v     Verdict
		want  tenant.State
	}{
		{unknown, 0, There, active},
		{unknown, 0, Missing, pending},
		{unknown, 0, Broken, pending},
		{pending, time.Minute, There, active},
		{pending, time.Minute, Missing, pending},
		{pending, time.Minute, Broken, pending},
		{active, time.Minute, There, active},
		{active, time.Minute, Missing, warning},
		{active, 1000 * time.Hour, Missing, warning}, // however long it was there
		{active, time.Minute, Broken, pending},
		{warning, time.Minute, There, active},
		{warning, 0, Missing, warning},
		{warning, time.Hour - 1, Missing, warning},
		{warning, time.Hour, Missing, pending},
		{warning, 1000 * time.Hour, Missing, pending},
		{warning, time.Minute, Broken, pending},
		{warning, -time.Minute, Missing, warning}, // the clock was set back
		{unknown, 0, Unanswered, unknown},
		{pending, 1000 * time.Hour, Unanswered, pending},
		{active, 1000 * time.Hour, Unanswered, active},
		{warning, 1000 * time.Hour, Unanswered, warning},
	}
	for _, test := range tests {
		before := tenant.Mechanism{State: test.state, Of: "something", Since: noon.Add(-test.age), Checked: morning,
			Evidence: "before", LookupError: tenant.LookupError{Error: "trouble", At: morning}}
		if test.state == unknown {
			before = tenant.Mechanism{Of: "something"}
		}
		want := before
		switch {
		case test.v == Unanswered:
			want.LookupError = tenant.LookupError{Error: "what was seen", At: noon}
		default:
			want = tenant.Mechanism{State: test.want, Of: "something", Since: before.Since, Checked: noon, Evidence: "what was seen"}
			if test.want != test.state || test.age < 0 {
				want.Since = noon
			}
		}
		if got := usual.move(before, Finding{Verdict: test.v, Text: "what was seen"}, noon); got != want {
			t.Errorf("%q for %s, then %s:\n%+v, want\n%+v", test.state, test.age, test.v, got, want)
		}
	}
}

// TestClockSetBack sees to it that a state from the future delays a loss by no more than
// the usual time.
func TestClockSetBack(t *testing.T) {
	m := tenant.Mechanism{State: tenant.Warning, Since: noon.Add(10 * 365 * 24 * time.Hour)}
	m = usual.move(m, Finding{Verdict: Missing}, noon)
	m = usual.move(m, Finding{Verdict: Missing}, noon.Add(usual.DemoteAfter))
	if m.State != tenant.Pending {
		t.Errorf("it is %q", m.State)
	}
}

// fullStanding knows something of every mechanism.
func fullStanding(t testing.TB, state tenant.State) tenant.Standing {
	m := func(of string) tenant.Mechanism {
		return tenant.Mechanism{State: state, Of: of, Since: morning, Checked: morning, Evidence: "before"}
	}
	return tenant.Standing{
		Domain: dom(t, "customer.example"), SPF: m("192.0.2.1"), ReturnPath: m("bounce.customer.example"),
		DKIM:  []tenant.KeyStanding{{Name: "cw1", Mechanism: m("key one")}, {Name: "cw2", Mechanism: m("key two")}},
		DMARC: tenant.DMARC{Policy: dmarc.Reject, StrictSPF: true, Organizational: dom(t, "customer.example"), Checked: morning, Evidence: "before"},
	}
}

func fullReport(t testing.TB, v Verdict) Report {
	return reportOf(Target{Domain: dom(t, "customer.example"), Tenant: "customer", PathTenant: "schools",
		Keys: []WantedKey{{Tenant: "customer"}, {Tenant: "schools"}}}, v)
}

// TestApplyTogether applies one verdict to all mechanisms.
func TestApplyTogether(t *testing.T) {
	before, kept := fullStanding(t, tenant.Active), fullStanding(t, tenant.Active)
	before.SPF.Of, kept.SPF.Of = ourIPs, ourIPs
	after, changes := usual.Step(before, fullReport(t, Missing), noon)
	if !reflect.DeepEqual(before, kept) {
		t.Error("the standing before, which snapshots hold, was changed")
	}
	var seen []string
	for _, c := range changes {
		if c.Domain != before.Domain || c.At != noon || c.Evidence == "" && c.Mechanism != "dmarc" {
			t.Errorf("change without its circumstances: %+v", c)
		}
		seen = append(seen, c.Tenant+" "+c.Mechanism+": "+c.Before+" -> "+c.After)
	}
	want := []string{"customer spf: active -> warning", "customer dkim cw1: active -> warning", "schools dkim cw2: active -> warning",
		"schools return_path: active -> warning"}
	if !slices.Equal(seen, want) {
		t.Errorf("changes\n%q, want\n%q", seen, want)
	}
	if _, changes := usual.Step(after, fullReport(t, Missing), noon.Add(time.Minute)); len(changes) != 0 {
		t.Errorf("nothing moved, and yet: %v", changes)
	}
	_, changes = usual.Step(after, fullReport(t, Missing), noon.Add(usual.DemoteAfter))
	if last := changes[len(changes)-1]; last.Mechanism != "dmarc" || last.Before != "reject aspf=s" || last.After != "none" {
		t.Errorf("the policy that has become laxer: %+v", last)
	}
}

// TestApplyOtherAddresses looks for addresses that the state before is not of: that these
// are not there is certain at once, and all else is as ever.
func TestApplyOtherAddresses(t *testing.T) {
	const unknown, pending, active, warning = tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning
	tests := []struct {
		state tenant.State
		v     Verdict
		want  tenant.State
		of    string
	}{
		{active, Missing, pending, ourIPs},
		{warning, Missing, pending, ourIPs},
		{pending, Missing, pending, ourIPs},
		{unknown, Missing, pending, ourIPs},
		{active, There, active, ourIPs},
		{warning, There, active, ourIPs},
		{pending, There, active, ourIPs},
		{active, Unanswered, active, "192.0.2.1"},
		{warning, Unanswered, warning, "192.0.2.1"},
	}
	for _, test := range tests {
		before := fullStanding(t, test.state)
		after, _ := usual.Step(before, fullReport(t, test.v), noon)
		if after.SPF.State != test.want || after.SPF.Of != test.of {
			t.Errorf("%q, then %s for other addresses: %+v", test.state, test.v, after.SPF)
		}
		if test.state == active && test.v == Missing && (after.Key("cw1").State != warning || after.ReturnPath.State != warning) {
			t.Errorf("the addresses make a key or a return path %+v", after)
		}
	}
}

// TestApplyEachItsOwn lets each mechanism find something else.
func TestApplyEachItsOwn(t *testing.T) {
	r := fullReport(t, There)
	r.Keys[1] = Finding{Verdict: Broken, Text: "revoked"}
	r.ReturnPath = Finding{Verdict: Unanswered, Text: "silence"}
	after, _ := usual.Step(fullStanding(t, tenant.Active), r, noon)
	if after.SPF.State != tenant.Active || after.Key("cw1").State != tenant.Active || after.Key("cw2").State != tenant.Pending ||
		after.ReturnPath.State != tenant.Active || after.ReturnPath.Checked != morning || after.ReturnPath.Error != "silence" {
		t.Errorf("after: %+v", after)
	}
}

// TestApplyUnwanted leaves alone what is not looked for.
func TestApplyUnwanted(t *testing.T) {
	for _, v := range []Verdict{Unanswered, There, Missing, Broken} {
		before := tenant.Standing{Domain: dom(t, "customer.example")}
		after, _ := usual.Step(before, reportOf(Target{Domain: before.Domain}, v), noon)
		if after.SPF != (tenant.Mechanism{}) || after.ReturnPath != (tenant.Mechanism{}) || len(after.DKIM) != 0 {
			t.Errorf("%s: %+v", v, after)
		}
	}
}

// TestSilenceMovesNothing is the law that the rest stands on: from wherever one is, no
// number of looks without an answer changes what mail is decided by.
func TestSilenceMovesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func() tenant.State {
		return []tenant.State{tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning}[r.IntN(4)]
	}
	for range 1000 {
		s := fullStanding(t, pick())
		s.SPF.State, s.DKIM[0].State, s.DKIM[1].State, s.ReturnPath.State = pick(), pick(), pick(), pick()
		now, after := noon, s
		for range 10 {
			now = now.Add(time.Duration(r.Int64N(int64(100 * time.Hour))))
			var changes []Change
			if after, changes = usual.Step(after, fullReport(t, Unanswered), now); len(changes) > 0 {
				t.Fatalf("silence made %v of %+v", changes, s)
			}
		}
		if after.SPF.At != now || after.DKIM[1].At != now || after.ReturnPath.At != now || after.DMARC.At != now {
			t.Errorf("trouble is not told: %+v", after)
		}
		after.SPF.LookupError, after.DKIM[0].LookupError, after.DKIM[1].LookupError = tenant.LookupError{}, tenant.LookupError{}, tenant.LookupError{}
		after.ReturnPath.LookupError, after.DMARC.LookupError = tenant.LookupError{}, tenant.LookupError{}
		if !reflect.DeepEqual(after, s) {
			t.Fatalf("silence made\n%+v of\n%+v", after, s)
		}
	}
}

func TestPolicyAfter(t *testing.T) {
	before := tenant.DMARC{Policy: dmarc.Reject, StrictDKIM: true, Checked: morning, Evidence: "before"}
	silent := Report{Policy: Finding{Verdict: Unanswered, Text: "silence"}}
	want := before
	want.LookupError = tenant.LookupError{Error: "silence", At: noon}
	if got := usual.policyAfter(before, silent, noon); got != want {
		t.Errorf("after silence %+v", got)
	}
	gone := Report{Policy: Finding{Verdict: Missing, Text: "none"}, DMARC: tenant.DMARC{Policy: dmarc.Absent}}
	kept := usual.policyAfter(want, gone, noon)
	evidence := "none; receivers may have p=reject adkim=s in memory, which counts until 2026-03-01T13:00:00Z"
	if kept != (tenant.DMARC{Policy: dmarc.Reject, StrictDKIM: true, LaxerSince: noon, Checked: noon, Evidence: evidence}) {
		t.Errorf("as the record goes %+v", kept)
	}
	later := noon.Add(usual.DemoteAfter)
	if got := usual.policyAfter(kept, gone, later); got != (tenant.DMARC{Policy: dmarc.Absent, Checked: later, Evidence: "none"}) {
		t.Errorf("after the record has gone %+v", got)
	}
	for _, other := range []tenant.DMARC{{Policy: dmarc.Reject}, {Policy: dmarc.None, StrictDKIM: true},
		{Policy: dmarc.Reject, StrictDKIM: true, StrictSPF: true}} {
		if request(before) == request(other) {
			t.Errorf("%+v is taken for %+v", other, before)
		}
	}
}

// TestPolicyBecomesLaxerLater has a row for each way in which a record can change, and what counts
// at once.
func TestPolicyBecomesLaxerLater(t *testing.T) {
	asks := func(p dmarc.Policy, dkim, spf bool) dmarc.Asks {
		return dmarc.Asks{Policy: p, StrictDKIM: dkim, StrictSPF: spf}
	}
	tests := []struct {
		before, shown, counts dmarc.Asks
		laxer                 bool
	}{
		{asks(dmarc.Unknown, false, false), asks(dmarc.Absent, false, false), asks(dmarc.Absent, false, false), false},
		{asks(dmarc.Unknown, false, false), asks(dmarc.Reject, true, false), asks(dmarc.Reject, true, false), false},
		{asks(dmarc.None, false, false), asks(dmarc.Reject, false, false), asks(dmarc.Reject, false, false), false},
		{asks(dmarc.None, false, false), asks(dmarc.Absent, false, false), asks(dmarc.Absent, false, false), false},
		{asks(dmarc.Absent, false, false), asks(dmarc.None, false, true), asks(dmarc.None, false, true), false},
		{asks(dmarc.Reject, false, false), asks(dmarc.None, false, false), asks(dmarc.Reject, false, false), true},
		{asks(dmarc.Reject, false, false), asks(dmarc.Quarantine, false, false), asks(dmarc.Reject, false, false), true},
		{asks(dmarc.Quarantine, false, false), asks(dmarc.Absent, false, false), asks(dmarc.Quarantine, false, false), true},
		{asks(dmarc.Reject, true, false), asks(dmarc.Reject, false, true), asks(dmarc.Reject, true, true), true},
		{asks(dmarc.None, true, false), asks(dmarc.None, false, false), asks(dmarc.None, true, false), true},
		{asks(dmarc.Quarantine, false, false), asks(dmarc.Reject, false, false), asks(dmarc.Reject, false, false), false},
	}
	for _, test := range tests {
		before := tenant.DMARCOf(test.before)
		report := Report{Policy: Finding{Verdict: There, Text: "seen"}, DMARC: tenant.DMARCOf(test.shown)}
		got := usual.policyAfter(before, report, noon)
		if got.Asks() != test.counts || got.LaxerSince.IsZero() == test.laxer {
			t.Errorf("of %+v, %+v: %+v", test.before, test.shown, got)
		}
		if got := usual.policyAfter(got, report, noon.Add(usual.DemoteAfter-1)); got.Asks() != test.counts {
			t.Errorf("of %+v, %+v too soon: %+v", test.before, test.shown, got)
		}
		if got := usual.policyAfter(got, report, noon.Add(usual.DemoteAfter)); got.Asks() != test.shown || !got.LaxerSince.IsZero() {
			t.Errorf("of %+v, %+v in the end: %+v", test.before, test.shown, got)
		}
		back := Report{Policy: Finding{Verdict: There, Text: "seen"}, DMARC: before}
		if got := usual.policyAfter(got, back, noon.Add(time.Minute)); test.laxer && (!got.LaxerSince.IsZero()) && test.counts == test.before {
			t.Errorf("of %+v, %+v and back: %+v", test.before, test.shown, got)
		}
		wrong := got
		wrong.LaxerSince = noon.Add(1000 * time.Hour) // the clock was wrong
		wrong = usual.policyAfter(wrong, report, noon)
		if got := usual.policyAfter(wrong, report, noon.Add(usual.DemoteAfter)); got.Asks() != test.shown {
			t.Errorf("of %+v, %+v since tomorrow: %+v", test.before, test.shown, got)
		}
	}
}

// TestFit exchanges one thing at a time that is wanted.
func TestFit(t *testing.T) {
	wanted := func(change func(*tenant.Standing)) tenant.Standing {
		w := tenant.Standing{Domain: dom(t, "customer.example"), SPF: tenant.Mechanism{Of: "192.0.2.1"}, ReturnPath: tenant.Mechanism{Of: "bounce.customer.example"},
			DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: tenant.Mechanism{Of: "key one"}}, {Name: "cw2", Mechanism: tenant.Mechanism{Of: "key two"}}}}
		change(&w)
		return w
	}
	none := tenant.Mechanism{}
	tests := []struct {
		name   string
		wanted tenant.Standing
		change func(*tenant.Standing) // of what was known
		news   bool
	}{
		{"nothing", wanted(func(*tenant.Standing) {}), func(*tenant.Standing) {}, false},
		{"key", wanted(func(w *tenant.Standing) { w.DKIM[0].Of = "key three" }),
			func(s *tenant.Standing) { s.DKIM[0].Mechanism = tenant.Mechanism{Of: "key three"} }, true},
		{"keys change places", wanted(func(w *tenant.Standing) { w.DKIM[0].Of, w.DKIM[1].Of = "key two", "key one" }), func(s *tenant.Standing) {
			s.DKIM[0].Mechanism, s.DKIM[1].Mechanism = tenant.Mechanism{Of: "key two"}, tenant.Mechanism{Of: "key one"}
		}, true},
		{"selector", wanted(func(w *tenant.Standing) { w.DKIM[0].Name = "cw3" }),
			func(s *tenant.Standing) {
				s.DKIM[0] = tenant.KeyStanding{Name: "cw3", Mechanism: tenant.Mechanism{Of: "key one"}}
			}, true},
		{"one key less", wanted(func(w *tenant.Standing) { w.DKIM = w.DKIM[1:] }), func(s *tenant.Standing) { s.DKIM = s.DKIM[1:] }, false},
		{"no keys", wanted(func(w *tenant.Standing) { w.DKIM = nil }), func(s *tenant.Standing) { s.DKIM = nil }, false},
		{"return path", wanted(func(w *tenant.Standing) { w.ReturnPath.Of = "b.customer.example" }),
			func(s *tenant.Standing) { s.ReturnPath = tenant.Mechanism{Of: "b.customer.example"} }, true},
		{"no return path", wanted(func(w *tenant.Standing) { w.ReturnPath.Of = "" }), func(s *tenant.Standing) { s.ReturnPath = none }, false},
		{"addresses", wanted(func(w *tenant.Standing) { w.SPF.Of = "192.0.2.2" }), func(*tenant.Standing) {}, true},
		{"no SPF", wanted(func(w *tenant.Standing) { w.SPF.Of = "" }), func(s *tenant.Standing) { s.SPF = none }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			known := fullStanding(t, tenant.Active)
			known.Seen = noon
			want := fullStanding(t, tenant.Active)
			want.Seen = noon
			test.change(&want)
			got := fit(known, test.wanted)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("kept\n%+v, want\n%+v", got, want)
			}
			if news := isNews(got, test.wanted); news != test.news {
				t.Errorf("that it is news is %v", news)
			}
		})
	}
	nothing := wanted(func(*tenant.Standing) {})
	if got := fit(tenant.Standing{}, nothing); !reflect.DeepEqual(got, nothing) || !isNews(got, nothing) {
		t.Errorf("of nothing %+v was kept", got)
	}
	unasked := fullStanding(t, tenant.Active)
	unasked.DMARC.Checked = time.Time{}
	if got := fit(unasked, nothing); !isNews(got, nothing) {
		t.Errorf("the policy was never looked up, and that is no news: %+v", got)
	}
}

func TestInterval(t *testing.T) {
	aged := func(state tenant.State, age time.Duration) func(*tenant.Standing) {
		return func(s *tenant.Standing) { s.SPF.State, s.SPF.Since = state, noon.Add(-age) }
	}
	minutes := func(n time.Duration) time.Duration { return n*time.Minute + n*time.Minute/9 + 1 }
	slow := Rules{PendingEvery: 2 * time.Hour, ActiveEvery: 24 * time.Hour, DemoteAfter: 48 * time.Hour}
	tests := []struct {
		name   string
		rules  Rules
		change func(*tenant.Standing)
		want   time.Duration
	}{
		{"all there", usual, func(*tenant.Standing) {}, time.Hour},
		{"nothing wanted", usual, func(s *tenant.Standing) { *s = tenant.Standing{} }, time.Hour},
		{"one unknown", usual, aged(tenant.Unknown, 0), 5 * time.Minute},
		{"one pending", usual, aged(tenant.Pending, 0), minutes(1)},
		{"one pending, looked up again after a minute", usual, aged(tenant.Pending, time.Minute), minutes(4)},
		{"one pending, looked up again after 5 minutes", usual, aged(tenant.Pending, 5*time.Minute), 5 * time.Minute},
		{"one pending, for 15 minutes", usual, aged(tenant.Pending, 15*time.Minute), 5 * time.Minute},
		{"one pending, almost a day", usual, aged(tenant.Pending, 24*time.Hour-1), 5 * time.Minute},
		{"one pending, a day", usual, aged(tenant.Pending, 24*time.Hour), time.Hour},
		{"below a wildcard, unknown", usual, func(s *tenant.Standing) {
			aged(tenant.Unknown, 0)(s)
			s.Seen = noon
		}, 5 * time.Minute},
		{"below a wildcard, pending", usual, func(s *tenant.Standing) {
			aged(tenant.Pending, 0)(s)
			s.Seen = noon
		}, time.Hour},
		{"one pending long, one not", usual, func(s *tenant.Standing) {
			aged(tenant.Pending, 48*time.Hour)(s)
			s.DKIM[0].State, s.DKIM[0].Since = tenant.Pending, noon
		}, minutes(1)},
		{"warning", usual, aged(tenant.Warning, 0), minutes(1)},
		{"warning, for a minute", usual, aged(tenant.Warning, time.Minute), minutes(4)},
		{"warning, for 5 minutes", usual, aged(tenant.Warning, 5*time.Minute), minutes(10)},
		{"warning, for 15 minutes", usual, aged(tenant.Warning, 15*time.Minute), minutes(45)},
		{"warning, not for long", usual, aged(tenant.Warning, 51*time.Minute), 10*time.Minute + 1},
		{"policy laxer", usual, func(s *tenant.Standing) { s.DMARC.LaxerSince = noon.Add(-51 * time.Minute) }, 10*time.Minute + 1},
		{"warning, overdue", usual, aged(tenant.Warning, time.Hour), time.Hour},
		{"slow, all there", slow, func(*tenant.Standing) {}, 24 * time.Hour},
		{"slow, one pending a day", slow, aged(tenant.Pending, 24*time.Hour), 2 * time.Hour},
		{"slow, warning", slow, aged(tenant.Warning, 45*time.Hour), 3*time.Hour + 20*time.Minute + 1},
	}
	for _, test := range tests {
		s := fullStanding(t, tenant.Active)
		test.change(&s)
		if got := test.rules.Interval(s, noon); got != test.want {
			t.Errorf("%s: looked at every %s, want %s", test.name, got, test.want)
		}
	}
}

package rewrite_test

import (
	"errors"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/srs"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestRoute: which recipients are ours, where they lead, and why some are refused.
func TestRoute(t *testing.T) {
	cast := cases.NewCast(t)
	beside := cast.Table(t, "ONBEHALF_PLATFORM_FROM={reply}@courseware.nl").Snapshot()
	apart := cast.Table(t, "ONBEHALF_PLATFORM_FROM={reply}@reply.courseware.nl").Snapshot()
	codec := rewrite.NewCodec(beside.Platform().SRS, cases.Now)
	academy := message.ParsePath("academy@yourorganisationname.nl")
	bounce, reply := codec.Bounce(academy, "yourorg", home, false), codec.Reply(academy.Address)
	loop := codec.Bounce(message.ParsePath("jane@reply.courseware.nl"), "yourorg", home, false).String()
	for _, test := range []struct {
		name string
		s    *tenant.Snapshot
		to   string
		ours bool
		err  error
		kind rewrite.Kind
		lead string
	}{
		{"bounce address", beside, bounce.String(), true, nil, rewrite.KindBounce, "academy@yourorganisationname.nl"},
		{"forged", beside, strings.Replace(bounce.String(), "SRS0=", "SRS0=x", 1), true, srs.ErrForged, "", ""},
		{"bounce address for a reply", beside, bounce.Local + "@courseware.nl", false, nil, "", ""},
		{"reply address", beside, reply + "@courseware.nl", true, nil, rewrite.KindReply, "academy@yourorganisationname.nl"},
		{"reply address, where only those are", apart, reply + "@reply.courseware.nl", true, nil, rewrite.KindReply, "academy@yourorganisationname.nl"},
		{"bounce address, where only reply addresses are", apart, bounce.Local + "@reply.courseware.nl", true, rewrite.ErrNoReply, "", ""},
		{"reply address, where bounce addresses are", beside, reply + "@bounces.courseware.nl", true, rewrite.ErrNoReply, "", ""},
		{"bounce address that leads to reply addresses", apart, loop, true, rewrite.ErrLoop, "", ""},
		{"the same, where those are mailboxes", beside, loop, true, nil, rewrite.KindBounce, "jane@reply.courseware.nl"},
		{"person beside reply addresses", beside, "jane@courseware.nl", false, nil, "", ""},
		{"person where only reply addresses are", apart, "jane@reply.courseware.nl", true, srs.ErrNotOurs, "", ""},
		{"reply address elsewhere", beside, reply + "@elsewhere.example", false, nil, "", ""},
		{"postmaster", beside, "Postmaster@bounces.courseware.nl", true, nil, rewrite.KindRole, "postmaster@courseware.nl"},
		{"abuse", beside, "abuse@bounces.courseware.nl", true, nil, rewrite.KindRole, "postmaster@courseware.nl"},
		{"overflow of a tenant that is gone", beside, codec.Overflow("gone", home).String(), true, rewrite.ErrGone, "", ""},
		{"overflow of a tenant without bounces_to", beside, codec.Overflow("club", home).String(), true, nil, rewrite.KindBounce, "postmaster@courseware.nl"},
		{"overflow of a tenant", beside, codec.Overflow("yourorg", home).String(), true, nil, rewrite.KindBounce, "academy@yourorganisationname.nl"},
	} {
		x, ours, err := rewrite.Route(message.Path{}, message.ParsePath(test.to), test.s, cases.Now)
		if ours != test.ours || !errors.Is(err, test.err) || err == nil && ours && (x.Kind != test.kind || x.To.String() != test.lead || x.Recipient != test.to) {
			t.Errorf("%s, %s: %+v, ours %v, %v", test.name, test.to, x, ours, err)
		}
	}
}

// TestRouteByTimes: an address is good that is so now, or at a time that it may be.
func TestRouteByTimes(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	made := rewrite.NewCodec(s.Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false)
	later := cases.Now.Add(100 * day)
	to := message.PathOf(made)
	if _, _, err := rewrite.Route(message.Path{}, to, s, later); err == nil {
		t.Error("an address of long ago is good")
	}
	if _, _, err := rewrite.Route(message.Path{}, to, s, later, later.Add(day)); err == nil {
		t.Error("an address is good that is so at no time that it may be")
	}
	for _, err := range []error{
		second(rewrite.Route(message.Path{}, to, s, later, cases.Now)), second(rewrite.Route(message.Path{}, to, s, later, later.Add(day), cases.Now)),
		second(rewrite.Route(message.Path{}, to, s, cases.Now, later)),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

func second(_ rewrite.Redirect, _ bool, err error) error { return err }

// TestUnroutedRecipients: what a local program sends to an address of ours stays, and so does what
// leads nowhere.
func TestUnroutedRecipients(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bounce := rewrite.NewCodec(s.Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false).String()
	local := app
	local.Local = true
	for _, test := range []struct {
		who       message.Submitter
		to        string
		redirects int
	}{
		{app, bounce, 1}, {local, bounce, 0}, {app, strings.Replace(bounce, "SRS0=", "SRS0=x", 1), 0},
	} {
		plan := rewrite.Decide(mail(test.who, "courses@university.example", test.to, "From: courses@university.example"), s)
		if len(plan.Redirects) != test.redirects {
			t.Errorf("to %s: want %d redirects\n%s", test.to, test.redirects, cases.Print(plan))
		}
	}
}

// TestNotification: who writes as the platform is refused, unless a program wrote to tell of another
// message.
func TestNotification(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bounce := rewrite.NewCodec(s.Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false).String()
	for field, want := range map[string]rewrite.Action{
		"Subject: x": rewrite.Refuse, "Content-Type: Multipart/Report; report-type=delivery-status": rewrite.Forward, "Content-Type: text/plain": rewrite.Refuse,
		"Auto-Submitted: auto-replied": rewrite.Forward, "Auto-Submitted: no": rewrite.Refuse, "Auto-Submitted: ": rewrite.Refuse, "Auto-Submitted: (auto)": rewrite.Refuse,
	} {
		plan := rewrite.Decide(mail(stranger, "a@stranger.example", bounce, "From: ceo@courseware.nl", field), s)
		if plan.Action != want {
			t.Errorf("%s: want %s\n%s", field, want, cases.Print(plan))
		}
	}
}

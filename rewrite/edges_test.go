package rewrite_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

var (
	courseware = must(message.ParseDomain("courseware.nl"))
	stranger   = message.Submitter{Client: netip.MustParseAddr("203.0.113.5")}
	app        = message.Submitter{Client: netip.MustParseAddr("192.0.2.10")}
)

// mail is a message from one to another, with Date and Message-ID.
func mail(who message.Submitter, sender, to string, fields ...string) message.Message {
	m := message.Message{Submitter: who, Received: cases.Now, QueueID: "4X", Host: must(message.ParseDomain("mail.courseware.nl"))}
	m.Envelope = message.Envelope{ReversePath: message.ParsePath(sender), ForwardPaths: []message.Path{message.ParsePath(to)}}
	for _, field := range append(fields, "Date: Mon, 01 Jun 2026 09:00:00 +0200", "Message-ID: <1@x>") {
		name, value, _ := strings.Cut(field, ":")
		m.Header = append(m.Header, message.Field{Name: name, Value: value})
	}
	return m
}

// TestSiblingIsNotAligned: an envelope sender of another tenant does not speak for the author, though
// SPF passes for it and both are of one organization: its bounces would come to the other.
func TestSiblingIsNotAligned(t *testing.T) {
	campus := must(message.ParseDomain("campus.example"))
	var standings []tenant.Standing
	named := func(id string, names ...string) *tenant.Tenant {
		one := &tenant.Tenant{ID: id, Authorization: tenant.Auto, FromName: tenant.DefaultFromName(), Policy: tenant.Policy{KeepEnvelope: true}}
		for _, name := range names {
			d := must(message.ParseDomain(name))
			one.Domains = append(one.Domains, tenant.Pattern{Domain: d})
			standings = append(standings, tenant.Standing{Domain: d, SPF: tenant.Mechanism{State: tenant.Active}, DMARC: tenant.DMARC{Policy: dmarc.Reject, Organizational: campus}})
		}
		return one
	}
	tenants := []*tenant.Tenant{named("a", "a.campus.example", "own.a.campus.example"), named("b", "b.campus.example")}
	table := must(tenant.NewTable(&tenant.Platform{
		Domain: courseware, FromDomain: courseware, Bounce: home, From: must(tenant.ParseTemplate("noreply")),
		Trust: tenant.Trust{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		SRS:   tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("x"))}},
	}, tenants))
	if err := table.SetStandings(standings...); err != nil {
		t.Fatal(err)
	}
	for sender, want := range map[string]string{
		"x@own.a.campus.example": "x@own.a.campus.example", "x@b.campus.example": "academy@a.campus.example", "x@elsewhere.example": "academy@a.campus.example",
	} {
		m := mail(app, sender, "student@receiver.example", "From: academy@a.campus.example")
		if plan := rewrite.Decide(m, table.Snapshot()); plan.Row != rewrite.RowSPF || plan.Sender(m).Address.String() != want {
			t.Errorf("from %s it leaves as %s, want %s\n%s", sender, plan.Sender(m), want, cases.Print(plan))
		}
	}
}

// TestForwardedFrom: what a stranger writes to a bounce address may not pass for the platform's mail
// or this host's, however From is written; other readable authors stay.
func TestForwardedFrom(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bounce := rewrite.NewCodec(s.Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false).String()
	vps, none := must(message.ParseDomain("vps12.hoster.example")), message.Domain{}
	for _, test := range []struct {
		name, from string
		host       message.Domain
		action     rewrite.Action
		replaced   bool
		detail     string
	}{
		{"this host's own name", "x@vps12.hoster.example", vps, rewrite.Forward, true, "names a domain"},
		{"beside this host", "x@mx.hoster.example", vps, rewrite.Forward, true, "names a domain"},
		{"somebody", "x@elsewhere.example", vps, rewrite.Forward, false, ""},
		{"somebody, at a host without a name", "x@elsewhere.example", none, rewrite.Forward, false, ""},
		{"unreadable, at a host without a name", `"x <a@elsewhere.example>`, none, rewrite.Forward, true, "cannot be read"},
		{"not standard, at a host without a name", "Jane, Doe <x@elsewhere.example>", none, rewrite.Forward, false, ""},
		{"in a name that can be read", `"ceo@courseware.nl" <x@elsewhere.example>`, vps, rewrite.Forward, false, ""},
		{"in an unreadable one, in wide letters, with a comment", "\"x <a@c\uff4furse(x)ware.nl>", vps, rewrite.Refuse, false, ""},
		{"in an unreadable one", `"x <a@courseware.nl>`, vps, rewrite.Refuse, false, ""},
		{"comment in the domain", `"x <a@course(x)ware.nl>`, vps, rewrite.Refuse, false, ""},
		{"after a parenthesis that opens nothing", `")x <a@course(x)ware.nl>`, vps, rewrite.Refuse, false, ""},
		{"comment in a comment", `"x <a@course(x(y)z)ware.nl>`, vps, rewrite.Refuse, false, ""},
		{"blanks in the domain", `"x <a@courseware . nl>`, vps, rewrite.Refuse, false, ""},
	} {
		m := mail(stranger, "a@stranger.example", bounce, "From: "+test.from)
		m.Host = test.host
		plan := rewrite.Decide(m, s)
		from, _ := plan.Apply(m.Header).Get("From")
		if plan.Action != test.action || strings.Contains(from.Text(), "noreply@courseware.nl") != test.replaced ||
			test.action == rewrite.Forward && (!strings.Contains(plan.Detail, test.detail) || test.detail == "" && plan.Detail != "") {
			t.Errorf("%s: From %s\n%s", test.name, from.Text(), cases.Print(plan))
		}
	}
}

// TestLoopOrRefusal: a message that goes round in circles ends, and one that is refused anyway gets
// why. In shadow mode it would not be refused, and ends as a loop.
func TestLoopOrRefusal(t *testing.T) {
	cast := cases.NewCast(t)
	round := "X-Onbehalf-Hop: bounces.courseware.nl"
	for _, test := range []struct {
		mode string
		hops int
		want rewrite.Row
	}{
		{"enforce", 2, rewrite.RowForbidden}, {"enforce", 3, rewrite.RowForbidden}, {"shadow", 2, rewrite.RowReturn}, {"shadow", 3, rewrite.RowLoop}, {"shadow", 4, rewrite.RowLoop},
	} {
		s := cast.Table(t, "ONBEHALF_POLICY_MODE="+test.mode).Snapshot()
		bounce := rewrite.NewCodec(s.Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false).String()
		fields := []string{"From: a@club.example"} // which only its own submitters may use
		for range test.hops {
			fields = append(fields, round)
		}
		plan := rewrite.Decide(mail(app, "a@elsewhere.example", bounce, fields...), s)
		if plan.Row != test.want || plan.Shadow {
			t.Errorf("%s, %d rounds: want row %s\n%s", test.mode, test.hops, test.want, cases.Print(plan))
		}
	}
}

// TestRowNames: scripts know rows by these words.
func TestRowNames(t *testing.T) {
	for row, want := range map[rewrite.Row]string{
		1: "1 key-path", 2: "2 key-spf", 3: "3 key", 4: "4 path", 5: "5 spf", 6: "6 on-behalf", 7: "7 platform", 8: "8 unknown", 9: "9 unreadable", 10: "10 forbidden",
		rewrite.RowUntrusted: "untrusted", rewrite.RowDirect: "direct", rewrite.RowReturn: "return", rewrite.RowLoop: "loop",
		rewrite.RowTooMany: "too-many", rewrite.RowDecided: "decided", rewrite.RowUndecided: "undecided", 17: "17", -1: "-1",
	} {
		if got, _ := row.MarshalText(); row.String() != want || string(got) != want {
			t.Errorf("row %d is %q, want %q", int(row), row, want)
		}
	}
}

// TestManyAuthors: From holds 50 mailboxes at most, and all are asked about.
func TestManyAuthors(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	for n, want := range map[int]rewrite.Row{1: rewrite.RowKeySPF, 50: rewrite.RowKeySPF, 51: rewrite.RowUnreadable} {
		from := "From: " + strings.Repeat("x@university.example, ", n-1) + "a@university.example"
		plan := rewrite.Decide(mail(app, "a@university.example", "student@receiver.example", from), s)
		if plan.Row != want {
			t.Errorf("%d mailboxes: want row %s\n%s", n, want, cases.Print(plan))
		}
	}
}

// TestDecidedBefore: what we have signed a moment ago passes when a program of this host hands it
// back, and is forwarded where it has to go; from anybody else it is decided about like any other.
func TestDecidedBefore(t *testing.T) {
	cast := cases.NewCast(t)
	table, bound := cast.Table(t, "ONBEHALF_PLATFORM_SENDING_IPS=192.0.2.20"), cast.AtLoopback(t)
	bounce := rewrite.NewCodec(table.Snapshot().Platform().SRS, cases.Now).Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", home, false).String()
	at := func(ip string) message.Submitter { return message.Submitter{Client: netip.MustParseAddr(ip)} }
	local := at("127.0.0.1")
	local.Local = true
	local.Client = netip.Addr{}
	for _, test := range []struct {
		name   string
		who    message.Submitter
		table  *tenant.Table
		signed bool
		to     string
		row    rewrite.Row
		action rewrite.Action
	}{
		{"from loopback", at("127.0.0.1"), table, true, "a@b.example", rewrite.RowDecided, rewrite.Pass},
		{"from a local program", local, table, true, "a@b.example", rewrite.RowDecided, rewrite.Pass},
		{"from an address of this host", at("192.0.2.20"), table, true, "a@b.example", rewrite.RowDecided, rewrite.Pass},
		{"from an application", app, table, true, "a@b.example", rewrite.RowKeySPF, rewrite.Keep},
		{"not signed", at("127.0.0.1"), table, false, "a@b.example", rewrite.RowKeySPF, rewrite.Keep},
		{"from who is bound", at("127.0.0.1"), bound, true, "a@b.example", rewrite.RowForbidden, rewrite.Refuse},
		{"to a bounce address", at("127.0.0.1"), table, true, bounce, rewrite.RowReturn, rewrite.Forward},
	} {
		m := mail(test.who, "courses@university.example", test.to, "From: courses@university.example")
		m.Signed = test.signed
		plan := rewrite.Decide(m, test.table.Snapshot())
		if plan.Row != test.row || plan.Action != test.action {
			t.Errorf("%s: want %s, %s\n%s", test.name, test.row, test.action, cases.Print(plan))
		}
		if plan.Action == rewrite.Forward && (len(plan.Redirects) != 1 || len(plan.Edits) != 1 || plan.ReversePath != nil) {
			t.Errorf("%s: more than its recipient is changed\n%s", test.name, cases.Print(plan))
		}
	}
}

// TestLongAuthors: a From that has to be written again, and would have more than 7000 octets, is not.
func TestLongAuthors(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	decide := func(first string, padding int) rewrite.Plan {
		mailbox := `"` + strings.Repeat("n", 60) + `" <` + strings.Repeat("x", 64) + "@university.example>"
		from := "From: " + first + strings.Repeat(",\r\n "+mailbox, 43) + ", " + strings.Repeat("y", padding) + "@university.example"
		return rewrite.Decide(mail(app, "a@university.example", "student@receiver.example", from), s)
	}
	longest := 0
	for _, named := range []int{1, 30, 60, 90} {
		for n := range 64 {
			plan := decide(`"`+strings.Repeat("m", named)+`" <`+strings.Repeat("a", 64)+" @university.example>"+strings.Repeat(", b@university.example", 4), n+1)
			if plan.Row == rewrite.RowKeySPF {
				longest = max(longest, len(plan.Edits[0].Value))
			} else if plan.Row != rewrite.RowUnreadable {
				t.Fatal(cases.Print(plan))
			}
		}
	}
	if longest != 7000 {
		t.Errorf("the longest From that is written again has %d octets", longest)
	}
	if plan := decide("a@university.example"+strings.Repeat(", "+strings.Repeat("b", 64)+"@university.example", 5), 64); plan.Row != rewrite.RowKeySPF {
		t.Errorf("a long From that need not be written again:\n%s", cases.Print(plan))
	}
}

// TestNamedBesideFrom: who is bound to a tenant may name no other in Resent-From, and not the
// platform; who belongs to no tenant is not protected, nor is a name that Postfix adds to words.
func TestNamedBesideFrom(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	bound := message.Submitter{Client: netip.MustParseAddr("198.51.100.1"), Login: "lms-club"}
	for named, want := range map[string]rewrite.Row{
		"a@club.example": rewrite.RowOnBehalf, "a@elsewhere.example": rewrite.RowOnBehalf,
		"www-data@vps12.hoster.example": rewrite.RowOnBehalf, "www-data@hoster.example": rewrite.RowOnBehalf, "www-data": rewrite.RowOnBehalf,
		"a@museum.example": rewrite.RowForbidden, "ceo@courseware.nl": rewrite.RowForbidden, "a@club.example, a@museum.example": rewrite.RowForbidden,
	} {
		m := mail(bound, "a@club.example", "student@receiver.example", "From: a@club.example", "Resent-From: "+named)
		m.Host = must(message.ParseDomain("vps12.hoster.example"))
		if plan := rewrite.Decide(m, s); plan.Row != want {
			t.Errorf("Resent-From %s: want row %s\n%s", named, want, cases.Print(plan))
		}
	}
}

// TestSenderWithoutDomain: on a host whose name is not known, an envelope sender without a domain is
// not taken for the host's own.
func TestSenderWithoutDomain(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	for _, sender := range []string{"x@[192.0.2.1]", "postmaster"} {
		for _, author := range []string{"a@club.example", "a@university.example", "a@courseware.nl"} {
			who := app
			if author == "a@club.example" {
				who.Login = "lms-club"
			}
			m := mail(who, sender, "student@receiver.example", "From: "+author)
			m.Host = message.Domain{}
			plan := rewrite.Decide(m, s)
			if len(plan.Sign) == 0 || plan.ReversePath == nil || plan.ReversePath.Domain != home {
				t.Errorf("%s leaves as %s\n%s", sender, plan.Sender(m), cases.Print(plan))
			}
		}
	}
}

// TestHostNotKnown: on such a host Postfix may have added any domain, and we know of none: an address
// literal in Reply-To, which has no domain, is an address.
func TestHostNotKnown(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	for _, host := range []message.Domain{{}, courseware} {
		m := mail(app, "a@nobody.example", "student@receiver.example", "From: a@nobody.example", "Reply-To: x@[192.0.2.1]")
		m.Host = host
		plan := rewrite.Decide(m, s)
		if field, _ := plan.Apply(m.Header).Get("Reply-To"); field.Text() != "x@[192.0.2.1]" {
			t.Errorf("on %q Reply-To is %q\n%s", host, field.Text(), cases.Print(plan))
		}
	}
}

// TestManyReplies: Reply-To takes all authors of a From that is replaced, as far as there is room:
// 7000 octets, of which each octet of a name may need four.
func TestManyReplies(t *testing.T) {
	s := cases.NewCast(t).Table(t, "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite").Snapshot()
	one := `"` + strings.Repeat("n", 20) + `" <` + strings.Repeat("x", 45) + "@nobody.example>" // 4 * 20 + 60 octets
	for _, test := range []struct {
		name, from string
		replies    int
	}{
		{"one", one, 1},
		{"as many as there may be", one + strings.Repeat(", "+one, 49), 50},
		{"an octet more than there is room for", strings.Replace(one, "x", "xx", 1) + strings.Repeat(", "+one, 49), 49},
		{"one that there is no room for", strings.Repeat("x", 7500) + "@nobody.example", 1},
		{"two that there is no room for", strings.Repeat("x", 7500) + "@nobody.example, a@nobody.example", 1},
		{"too many: to the envelope sender alone", "a@nobody.example" + strings.Repeat(", a@nobody.example", 50), 1},
	} {
		m := mail(app, "a@nobody.example", "student@receiver.example", "From: "+test.from)
		to, _ := rewrite.Decide(m, s).Apply(m.Header).Get("Reply-To")
		if got := strings.Count(to.Value, "@"); got != test.replies {
			t.Errorf("%s: %d mailboxes in Reply-To, want %d", test.name, got, test.replies)
		}
	}
}

// TestManyFields: of what we may have to remove, a header holds 1000 fields of a name at most, and of
// what is there once, 100.
func TestManyFields(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	for field, most := range map[string]int{"DKIM-Signature: v=1; d=x.example; s=a": 1000, "Sender: x@elsewhere.example": 1000, "Date: Mon, 01 Jun 2026 09:00:00 +0200": 99} {
		for n, want := range map[int]rewrite.Row{most: rewrite.RowKeySPF, most + 1: rewrite.RowTooMany} {
			fields := append([]string{"From: a@university.example"}, slices.Repeat([]string{field}, n)...)
			plan := rewrite.Decide(mail(app, "a@university.example", "student@receiver.example", fields...), s)
			if plan.Row != want {
				t.Errorf("%d of %s: row %s, want %s", n, field, plan.Row, want)
			}
		}
	}
}

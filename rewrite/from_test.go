package rewrite_test

import (
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestFromTemplate: what stands in the platform's address is the tenant's and its author's, in plain
// characters; where something is missing, the platform's noreply.
func TestFromTemplate(t *testing.T) {
	table := cases.NewCast(t).Table(t)
	for _, test := range []struct{ template, author, want string }{
		{"{local}", "ann@club.example", "ann"},
		{"{local}", "ann@nobody.example", "noreply"},
		{"{domain}", "ann@club.example", "club.example"},
		{"{domain}", "ann@nobody.example", "noreply"},
		{"{tenant}", "ann@club.example", "club"},
		{"{tenant}", "ann@nobody.example", "noreply"},
		{"{local}", `".ann."@club.example`, "ann"},
		{"{local}", `".."@club.example`, "noreply"},
		{"{local}", "j\u00fcrgen@club.example", "j_rgen"},
		{"{local}", `"a b"@club.example`, "a_b"},
		{"{local}", "a-b_c+d.e9@club.example", "a-b_c+d.e9"},
	} {
		platform := *table.Platform()
		platform.From = must(tenant.ParseTemplate(test.template, "local", "domain", "tenant"))
		s := must(tenant.NewTable(&platform, table.Tenants())).Snapshot()
		who := app
		if strings.HasSuffix(test.author, "@club.example") {
			who.Login = "lms-club"
		}
		m := mail(who, "x@elsewhere.example", "student@receiver.example", "From: "+test.author)
		plan := rewrite.Decide(m, s)
		field, _ := plan.Apply(m.Header).Get("From")
		from, err := message.ParseFrom(field.Value)
		if err != nil || from.Mailboxes[0].Address.String() != test.want+"@courseware.nl" {
			t.Errorf("%s of %s: From is %s, want %s (%v)\n%s", test.template, test.author, field.Text(), test.want, err, cases.Print(plan))
		}
	}
}

// TestTrail: a From that is replaced is kept whole when it has 4096 octets at most, as it came and as
// it is folded.
func TestTrail(t *testing.T) {
	s := cases.NewCast(t).Table(t, "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite").Snapshot()
	trail := func(value string) (kept string, whole bool) {
		m := mail(app, "x@nobody.example", "student@receiver.example", "From:"+value)
		field, _ := rewrite.Decide(m, s).Apply(m.Header).Get(rewrite.OriginalFrom)
		return field.Value, !strings.HasSuffix(field.Value, " ...")
	}
	const start = " x@nobody.example ("
	for n, want := range map[int]bool{4095: true, 4096: true, 4097: false} {
		folds := (n - len(start) - 10) / 4
		value := start + strings.Repeat("\r\n y", folds)
		value += strings.Repeat("z", n-1-len(value)) + ")"
		if kept, whole := trail(value); whole != want || len(value) != n {
			t.Errorf("of a From of %d octets %d are kept: %q", len(value), len(kept), kept[len(kept)-20:])
		}
	}
	longest := 0
	for words := 1900; words < 2000; words++ {
		for last := range 2 {
			if kept, whole := trail(start + strings.Repeat("y ", words) + strings.Repeat("z", last) + ")"); whole {
				longest = max(longest, len(kept))
			}
		}
	}
	if longest != 4096 {
		t.Errorf("the longest trail has %d octets", longest)
	}
}

// TestResultsOfNobody: results of an authentication that nobody put a name to stay, also on a host
// whose name is not known.
func TestResultsOfNobody(t *testing.T) {
	s := cases.NewCast(t).Table(t).Snapshot()
	for value, stays := range map[string]bool{"(nobody); none": true, "x.example; none": true, "courseware.nl; none": false} {
		m := mail(app, "a@university.example", "student@receiver.example", "From: a@university.example", "Authentication-Results: "+value)
		m.Host = message.Domain{}
		plan := rewrite.Decide(m, s)
		if plan.Apply(m.Header).Has("Authentication-Results") != stays {
			t.Errorf("%q: stays: %v, want %v\n%s", value, !stays, stays, cases.Print(plan))
		}
	}
}

// TestFromName: the pattern is laid around the author's name, unless the name says all of it.
func TestFromName(t *testing.T) {
	cast := cases.NewCast(t)
	for _, test := range []struct{ pattern, name, want string }{
		{"{name} via {platform}", "Ann", "Ann via Courseware"},
		{"{name} via {platform}", "Ann via Courseware", "Ann via Courseware"},
		{"{platform}: {name}", "Courseware: Ann", "Courseware: Ann"},
		{"{platform}: {name}", "Ann", "Courseware: Ann"},
		{"{platform}: {name}!", "Courseware: Ann!", "Courseware: Ann!"},
		{"{platform}: {name}!", "Courseware: Ann", "Courseware: Courseware: Ann!"},
		{"{platform}: {name}!", "Ann!", "Courseware: Ann!!"},
		{"{platform} {name} {platform}", "Courseware Courseware", "Courseware Courseware Courseware Courseware"},
		{"{platform}: {name}!", "Ann of the Chess Club!", "Courseware: Ann of the Chess Club!!"},
		{"{platform}{name}{platform}", "CoursewareCourseware", "CoursewareCoursewareCoursewareCourseware"},
		{"{name}", "Ann", "Ann"},
		{"{tenant}", "Ann", "Chess Club"},
	} {
		s := cast.TableWith(t, func(_ string, one *tenant.Tenant) {
			one.FromName = must(tenant.ParseTemplate(test.pattern, "name", "platform", "tenant"))
		}).Snapshot()
		who := app
		who.Login = "lms-club"
		m := mail(who, "a@club.example", "student@receiver.example", `From: "`+test.name+`" <a@club.example>`)
		field, _ := rewrite.Decide(m, s).Apply(m.Header).Get("From")
		if want := `"` + test.want + `" <noreply@courseware.nl>`; field.Text() != want {
			t.Errorf("%s of %s: %s, want %s", test.pattern, test.name, field.Text(), want)
		}
	}
}

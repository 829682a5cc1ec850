package socketmap_test

import (
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/socketmap"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestAnswer holds each answer under three standings: nothing known, proven, and lost again.
func TestAnswer(t *testing.T) {
	const proven = "hospital.example dkim=cw1\nministry.example path\nintranet.example dkim=cw1"
	for _, c := range []struct{ request, want string }{
		{"transport x@hospital.example", "OK smtp:[mx.hospital.example]:25"},
		{"transport A.User+Ext@HOSPITAL.Example", "OK smtp:[mx.hospital.example]:25"},
		{`transport "a b"@hospital.example`, "OK smtp:[mx.hospital.example]:25"},
		{"transport x@y@hospital.example", "OK smtp:[mx.hospital.example]:25"},
		{"transport x@ward.hospital.example", "OK smtp:[mx.hospital.example]:25"}, // proven by its parent
		{"transport x@ministry.example", "OK smtp:ministry.example:2525"},
		{"transport x@other.hospital.example", "NOTFOUND "}, // the tenant's, and not direct
		{"transport x@clinic.example", "NOTFOUND "},         // direct, and not proven
		{"transport x@staff.intranet.example", "OK smtp:[mx.intranet.example]:25"},
		{"transport x@intranet.example", "NOTFOUND "},
		{"transport x@receiver.example", "NOTFOUND "},
		{"transport hospital.example", "NOTFOUND "},
		{"transport .hospital.example", "NOTFOUND "},
		{"transport x@.hospital.example", "NOTFOUND "},

		{"tls_policy [mx.hospital.example]:25", "OK verify match=hostname"},
		{"tls_policy mx.hospital.example", "OK verify match=hostname"},
		{"tls_policy MX.Hospital.EXAMPLE:25", "OK verify match=hostname"},
		{"tls_policy [MX.hospital.example]", "OK verify match=hostname"},
		{"tls_policy [mx.hospital.example]:26", "NOTFOUND "},
		{"tls_policy ministry.example:2525", "OK encrypt"},
		{"tls_policy [ministry.example]:2525", "OK encrypt"},
		{"tls_policy ministry.example", "NOTFOUND "},
		{"tls_policy .hospital.example", "NOTFOUND "},
		{"tls_policy [mx.intranet.example]:25", "NOTFOUND "}, // may
		{"tls_policy [192.0.2.1]:25", "NOTFOUND "},
		{"tls_policy_tlsrpt [mx.hospital.example]:25", "OK verify match=hostname policy_type=no-policy-found policy_domain=hospital.example"},
		{"tls_policy_tlsrpt [mx.intranet.example]:25", "NOTFOUND "},

		{"virtual x@hospital.example", "NOTFOUND "},
		{"", "NOTFOUND "}, {"transport", "NOTFOUND "}, {"Transport x@hospital.example", "NOTFOUND "}, {"transport\tx@hospital.example", "NOTFOUND "},
	} {
		t.Run(c.request, func(t *testing.T) {
			table := cast(t)
			ask := func() string { return socketmap.Answer(table.Snapshot(), c.request, cases.Now) }
			if got := ask(); got != "NOTFOUND " {
				t.Errorf("before anything is known: %q", got)
			}
			set(t, table, proven)
			if got := ask(); got != c.want {
				t.Errorf("proven: %q, want %q", got, c.want)
			}
			set(t, table, strings.ReplaceAll(proven, "\n", " warning\n")+" warning")
			if got := ask(); got != "NOTFOUND " {
				t.Errorf("lost: %q", got)
			}
		})
	}
}

// TestEmptyKeys holds that what Postfix asks to see whether a table has a default, and what is
// no address at all, is found nowhere.
func TestEmptyKeys(t *testing.T) {
	table := cast(t)
	set(t, table, "hospital.example dkim=cw1\nministry.example path")
	for _, name := range []string{"transport", "tls_policy", "tls_policy_tlsrpt", "recipients", "other", ""} {
		for _, key := range []string{"*", "", " ", "<>", "@", "@@", "@.", ".", "\x00", "x@", "@hospital.example\x00", "x@hospital.example\n", strings.Repeat("x", 1000) + "@receiver.example"} {
			if got := socketmap.Answer(table.Snapshot(), name+" "+key, cases.Now); got != "NOTFOUND " {
				t.Errorf("%s %q: %q", name, key, got)
			}
		}
	}
}

// TestRecipients holds that Postfix knows just the addresses that the milter takes.
func TestRecipients(t *testing.T) {
	table := cast(t)
	s := table.Snapshot()
	codec := rewrite.NewCodec(s.Platform().SRS, cases.Now)
	author, err := message.ParseAddress("Jane.Doe@yourorganisationname.nl")
	if err != nil {
		t.Fatal(err)
	}
	bounce := codec.Bounce(message.PathOf(author), "yourorg", s.Platform().Bounce, false).String()
	path, _ := message.ParseDomain("bounce.yourorganisationname.nl")
	atPath := codec.Bounce(message.PathOf(author), "yourorg", path, false).String()
	overflow := codec.Bounce(message.Path{}, "yourorg", s.Platform().Bounce, false).String()
	for _, address := range []string{
		bounce, strings.ToLower(bounce), atPath, strings.ToLower(atPath), overflow, "postmaster@bounces.courseware.nl", "ABUSE@Bounces.courseware.nl",
		strings.Replace(bounce, "@", "+ext@", 1), strings.Replace(bounce, "SRS0=", "SRS0=x", 1), "srs0=aaaaaaaa=aa=a.nl=b@bounces.courseware.nl",
		"someone@bounces.courseware.nl", "academy@yourorganisationname.nl", "@bounces.courseware.nl", "bounces.courseware.nl", "",
		`"` + strings.Replace(bounce, "@", `"@`, 1), "<" + bounce + ">", bounce + ".", "@x:" + bounce,
	} {
		_, ours, refused := rewrite.Route(message.Path{}, message.ParsePath(address), s, cases.Now)
		want := "NOTFOUND "
		if ours && refused == nil {
			want = "OK known"
		}
		if got := socketmap.Answer(s, "recipients "+address, cases.Now); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if got := socketmap.Answer(s, "recipients "+strings.ToLower(bounce), cases.Now); got != "OK known" {
		t.Errorf("%s in lower case, as smtpd(8) asks: %q", bounce, got)
	}
}

// TestInternationalDomain holds that a domain is found in every usual spelling: Postfix asks as the
// client wrote it. One that not everybody maps alike (not NFC) takes the ordinary way.
func TestInternationalDomain(t *testing.T) {
	d, err := message.ParseDomain("münchen.example")
	if err != nil {
		t.Fatal(err)
	}
	hop, err := tenant.ParseNextHop("[mx.münchen.example]:25")
	if err != nil {
		t.Fatal(err)
	}
	table, err := tenant.NewTable(cast(t).Platform(), []*tenant.Tenant{{ID: "city", Authorization: tenant.Authorized,
		Domains: []tenant.Pattern{{Domain: d}}, Direct: tenant.Direct{Domains: []message.Domain{d}, NextHop: hop, TLS: tenant.TLSEncrypt}}})
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		"transport jö@münchen.example": "OK smtp:[mx.xn--mnchen-3ya.example]:25", "transport x@XN--MNCHEN-3YA.example": "OK smtp:[mx.xn--mnchen-3ya.example]:25",
		"transport x@MÜNCHEN.EXAMPLE": "OK smtp:[mx.xn--mnchen-3ya.example]:25", "transport x@mu\u0308nchen.example": notFound,
		"transport x@m\xfcnchen.example": notFound, "transport x@munchen.example": notFound,
		"tls_policy [mx.xn--mnchen-3ya.example]:25": "OK encrypt", "tls_policy [mx.münchen.example]": "OK encrypt",
	} {
		if got := socketmap.Answer(table.Snapshot(), request, cases.Now); got != want {
			t.Errorf("%q: %q, want %q", request, got, want)
		}
	}
}

// TestShadow holds that a tenant in shadow mode has no mail sent another way.
func TestShadow(t *testing.T) {
	table := cast(t)
	set(t, table, "hospital.example dkim=cw1")
	for _, one := range table.Tenants() {
		if one.ID == "hospital" {
			one.Policy.Mode = tenant.Shadow
		}
	}
	for _, request := range []string{"transport x@hospital.example", "tls_policy [mx.hospital.example]:25"} {
		if got := socketmap.Answer(table.Snapshot(), request, cases.Now); got != "NOTFOUND " {
			t.Errorf("%s: %q", request, got)
		}
	}
}

// TestSharedNextHop holds that of tenants with one next hop the strictest decides, if its domain
// is proven.
func TestSharedNextHop(t *testing.T) {
	hop, err := tenant.ParseNextHop("[mx.shared.example]:25")
	if err != nil {
		t.Fatal(err)
	}
	var tenants []*tenant.Tenant
	for id, level := range map[string]tenant.TLS{"may": tenant.TLSMay, "encrypt": tenant.TLSEncrypt, "verify": tenant.TLSVerify} {
		d, _ := message.ParseDomain(id + ".example")
		tenants = append(tenants, &tenant.Tenant{
			ID: id, Authorization: tenant.Auto, Domains: []tenant.Pattern{{Domain: d}}, Identities: []tenant.Identity{{SDID: d, Selector: "cw1"}},
			Direct: tenant.Direct{Domains: []message.Domain{d}, NextHop: hop, TLS: level},
		})
	}
	victim, _ := message.ParseDomain("may.example")
	tenants = append(tenants, &tenant.Tenant{ID: "thief", Authorization: tenant.Authorized, // no configuration makes such a one
		Direct: tenant.Direct{Domains: []message.Domain{victim}, NextHop: hop, TLS: tenant.TLSVerify}})
	table, err := tenant.NewTable(cast(t).Platform(), tenants)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ proves, want string }{
		{"may.example dkim=cw1", "NOTFOUND "},
		{"encrypt.example dkim=cw1", "OK encrypt"},
		{"verify.example dkim=cw1", "OK verify match=hostname"},
		{"verify.example dkim=cw1 warning", "OK encrypt"},
	} {
		set(t, table, step.proves)
		if got := socketmap.Answer(table.Snapshot(), "tls_policy [mx.shared.example]:25", cases.Now); got != step.want {
			t.Errorf("with %s: %q, want %q", step.proves, got, step.want)
		}
	}
}

// FuzzAnswer holds, for whatever a client writes into MAIL or RCPT, that an answer is one of two
// words, that only mail for a proven domain is sent another way, and that Postfix and the milter
// know the same recipients.
// TestClockJump: the map of recipients and the milter agree about what time it may be.
func TestClockJump(t *testing.T) {
	table := cast(t)
	codec := rewrite.NewCodec(table.Snapshot().Platform().SRS, cases.Now)
	to := codec.Bounce(message.ParsePath("academy@yourorganisationname.nl"), "yourorg", table.Snapshot().Platform().Bounce, false)
	for _, by := range []time.Duration{-40 * 24 * time.Hour, 40 * 24 * time.Hour} {
		ask := func(besides ...time.Time) string {
			return socketmap.Answer(table.Snapshot(), "recipients "+to.String(), cases.Now.Add(by), besides...)
		}
		if got := ask(); got != "NOTFOUND " {
			t.Errorf("after %s: %s", by, got)
		}
		if got := ask(cases.Now); got != "OK known" {
			t.Errorf("after a jump by %s: %s", by, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	table := cast(f)
	set(f, table, "hospital.example dkim=cw1")
	s := table.Snapshot()
	for _, seed := range []string{"transport x@hospital.example", "transport \"@\"@HOSPITAL.example", "tls_policy [ipv6:::1]:25", "tls_policy mx.hospital.example", "recipients postmaster@bounces.courseware.nl", "recipients SRS0=a=b=c=d@bounces.courseware.nl", "x y", "transport x@ｈospital.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, request string) {
		answer := socketmap.Answer(s, request, cases.Now)
		name, key, _ := strings.Cut(request, " ")
		if answer == "NOTFOUND " && name != "recipients" {
			return
		}
		switch name {
		case "transport":
			if answer != "OK smtp:[mx.hospital.example]:25" || !strings.HasSuffix(strings.ToLower(key), "hospital.example") {
				t.Errorf("%q: %q", request, answer)
			}
		case "tls_policy", "tls_policy_tlsrpt":
			if !strings.HasPrefix(answer, "OK verify match=hostname") || !strings.Contains(strings.ToLower(key), "mx.hospital.example") {
				t.Errorf("%q: %q", request, answer)
			}
		case "recipients":
			_, ours, err := rewrite.Route(message.Path{}, message.ParsePath(key), s, cases.Now)
			if (answer == "OK known") != (ours && err == nil) {
				t.Errorf("%q: %q, and the milter: %v, %v", request, answer, ours, err)
			}
		default:
			t.Errorf("%q: %q", request, answer)
		}
	})
}

func cast(t testing.TB) *tenant.Table {
	t.Helper()
	return cases.NewCast(t).Table(t)
}

func set(t testing.TB, table *tenant.Table, standings string) {
	t.Helper()
	if err := table.SetStandings(cases.Standings(t, standings)...); err != nil {
		t.Fatal(err)
	}
}

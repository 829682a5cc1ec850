package check_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"onbehalf/authorize"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

const publishedAll = `
x.example TXT "v=spf1 ip4:192.0.2.7 -all"
cw1._domainkey.x.example TXT "KEY"
_dmarc.x.example TXT "v=DMARC1; p=reject"
`

// TestFine: whoever trusts the exit status must not be let down.
func TestFine(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*harness)
		fine    bool
		printed string
	}{
		{"all is there", func(*harness) {}, true, "DKIM cw1 ok: "},
		{"no DMARC record", func(h *harness) { h.zone = strings.Replace(h.zone, "_dmarc.x", "_other.x", 1) }, true, "DMARC advice: "},
		{"no SPF record", func(h *harness) { h.zone = strings.Replace(h.zone, "\nx.example ", "\nother.example ", 1) }, false, "SPF MISSING: "},
		{"DNS does not answer about DMARC", func(h *harness) { h.zone += "_dmarc.x.example fails\n" }, false, "DMARC not known: "},
		{"DNS does not answer about SPF", func(h *harness) { h.zone += "x.example fails\n" }, false, "SPF not known: "},
		{"a key that cannot be read", func(h *harness) {
			id := tenant.Identity{SDID: domain(h.t, "x.example"), Selector: "cw2"}
			h.refused = map[string][]check.RefusedKey{"one": {{Identity: id, Cause: "its key cannot be read: x-cw2.pem: no such file"}}}
		}, false, "DKIM cw2 MISSING: its key cannot be read: x-cw2.pem: no such file do run: onbehalf check-config"},
		{"somebody else's key cannot be read", func(h *harness) {
			h.refused = map[string][]check.RefusedKey{"two": {{Identity: tenant.Identity{SDID: domain(h.t, "x.example"), Selector: "cw2"}}}}
		}, true, ""},
		{"its message is refused", func(h *harness) {
			h.tenants[0].Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			h.add("two", "two.example").Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/30")}
		}, false, "but the network of 198.51.100.0 may only send as tenant two"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			h.add("one", "x.example")
			h.zone += publishedAll
			test.change(h)
			result, printed := h.check()
			if result.Fine != test.fine {
				t.Errorf("fine: %v\n%s", result.Fine, printed)
			}
			has(t, printed, test.printed)
		})
	}
}

// TestPlatformsTurn: where the tenant has published the alias and the platform no key, it is
// the platform's record that is wanted, and the tenant is not sent to look for a fault.
func TestPlatformsTurn(t *testing.T) {
	const target = "cw1.one.dkim.courseware.nl"
	h := newHarness(t)
	h.add("one", "x.example").ReturnPath = domain(t, "bounce.x.example")
	h.zone += `x.example TXT "v=spf1 ip4:192.0.2.7 -all"
cw1._domainkey.x.example CNAME ` + target + `
bounce.x.example CNAME bounces.courseware.nl
`
	h.zone = strings.Replace(h.zone, "bounces.courseware.nl TXT", "other.courseware.nl TXT", 1)
	result, printed := h.check()
	has(t, printed, "DKIM cw1 MISSING: cw1._domainkey.x.example is a CNAME to "+target+", where no key is published",
		"wanted TXT with our key at "+target+" do publish it in the platform's own DNS: onbehalf dns shows it",
		"return path MISSING: ", "wanted TXT v=spf1 ip4:192.0.2.7 -all at bounces.courseware.nl do publish it in the platform's own DNS")
	dkim := result.Domains[0].Items[1]
	if len(dkim.Wanted) != 1 || dkim.Wanted[0].Name != target || dkim.Wanted[0].Value != h.record || dkim.Wanted[0].Zone != domain(t, "courseware.nl") || result.Fine {
		t.Errorf("%+v", dkim)
	}

	h.zone += target + ` TXT "KEY"` + "\n" + `bounces.courseware.nl TXT "v=spf1 ip4:192.0.2.7 -all"`
	if result, printed := h.check(); !result.Fine {
		t.Error(printed)
	}
	h.zone = strings.Replace(h.zone, "CNAME "+target, "CNAME elsewhere.example", 1)
	_, printed = h.check()
	has(t, printed, "wanted CNAME "+target)
}

// mechanism is one that was looked up a while ago.
func mechanism(state tenant.State) tenant.Mechanism {
	at := time.Now().Add(-time.Minute)
	return tenant.Mechanism{State: state, Of: "x", Since: at, Checked: at}
}

// TestStrictPlatform: mail in the platform's name is refused where its DMARC record asks for strict
// alignment, and the key of platform.from is not there.
func TestStrictPlatform(t *testing.T) {
	const strict, relaxed = "v=DMARC1; p=reject; adkim=s", "v=DMARC1; p=reject"
	for _, test := range []struct {
		name, at, record string
		published, fine  bool
		printed          string
	}{
		{"relaxed, no key", "courseware.nl", relaxed, false, true, "DKIM cw1 advice: there is no key at cw1._domainkey.via.courseware.nl"},
		{"strict, no key", "courseware.nl", strict, false, false, "DKIM cw1 MISSING: there is no key at cw1._domainkey.via.courseware.nl"},
		{"strict by its own record, no key", "via.courseware.nl", strict, false, false, "DKIM cw1 MISSING: there is no key at cw1._domainkey.via.courseware.nl"},
		{"strict, with the key", "courseware.nl", strict, true, true, "DKIM pass for via.courseware.nl (cw1), DKIM pass for courseware.nl (cw1) (not aligned), DMARC pass (p=reject): delivered"},
		{"relaxed, with the key", "courseware.nl", relaxed, true, true, "DKIM pass for via.courseware.nl (cw1), DKIM pass for courseware.nl (cw1), DMARC pass (p=reject): delivered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			h.platform.FromDomain = domain(t, "via.courseware.nl")
			key, _ := h.ring.Key(h.platform.Identities[0])
			h.platform.Identities = append(h.platform.Identities, h.sign(key, "via.courseware.nl")...)
			h.zone = strings.Replace(h.zone, "_dmarc.courseware.nl", "_unused.courseware.nl", 1)
			h.zone += "_dmarc." + test.at + ` TXT "` + test.record + "\"\n" + `via.courseware.nl TXT "v=spf1 ip4:192.0.2.7 -all"` + "\n"
			if test.published {
				h.zone += `cw1._domainkey.via.courseware.nl TXT "KEY"` + "\n"
			}
			result, printed := h.checkPlatform()
			if result.Fine != test.fine {
				t.Errorf("fine: %v\n%s", result.Fine, printed)
			}
			has(t, printed, test.printed)
			if own, out := h.checkPlatform(); len(own.Domains) != 3 || !test.published && !strings.Contains(out, "wanted TXT with our key") {
				t.Errorf("%d domains, and what is wanted is not said:\n%s", len(own.Domains), out)
			}
		})
	}
}

// TestUnaligned: a record that is there and does not count for the mail that it is meant for is not
// fine.
func TestUnaligned(t *testing.T) {
	for _, test := range []struct {
		name     string
		patterns []string
		dmarc    string
		fine     bool
		printed  string
	}{
		{"wildcard, relaxed", []string{"*.wide.example"}, "v=DMARC1; p=reject", true, "row 3 key"},
		{"wildcard, strict", []string{"*.wide.example"}, "v=DMARC1; p=reject; adkim=s", false,
			"alignment MISSING: the key of wide.example does not count for mail from any-name.wide.example: its DMARC record asks for strict alignment (adkim=s) " +
				"do have adkim=s removed from the DMARC record, or name the domain"},
		{"beside the domain itself, strict", []string{"wide.example", "*.wide.example"}, "v=DMARC1; p=reject; adkim=s", false, "does not count for mail from any-name.wide.example"},
		{"the domain alone, strict", []string{"wide.example"}, "v=DMARC1; p=reject; adkim=s", true, "row 2 key-spf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			h.add("one", test.patterns...)
			h.zone += `wide.example TXT "v=spf1 ip4:192.0.2.7 -all"
cw1._domainkey.wide.example TXT "KEY"
any-name.wide.example TXT "other"
_dmarc.wide.example TXT "` + test.dmarc + "\"\n"
			result, printed := h.check()
			if result.Fine != test.fine {
				t.Errorf("fine: %v\n%s", result.Fine, printed)
			}
			has(t, printed, test.printed)
		})
	}
}

// TestUnalignedPath: the same of a return path.
func TestUnalignedPath(t *testing.T) {
	for record, fine := range map[string]bool{"v=DMARC1; p=reject": true, "v=DMARC1; p=reject; aspf=s": false} {
		h := newHarness(t)
		one := h.add("one", "x.example")
		one.Identities, one.ReturnPath = nil, domain(t, "bounce.x.example")
		h.zone += `x.example TXT "v=spf1 ip4:192.0.2.7 -all"
bounce.x.example MX 10 mail.courseware.nl
bounce.x.example TXT "v=spf1 ip4:192.0.2.7 -all"
_dmarc.x.example TXT "` + record + "\"\n"
		result, printed := h.check()
		text := "alignment MISSING: the return path bounce.x.example does not count for mail from x.example: its DMARC record asks for strict alignment (aspf=s)"
		if result.Fine != fine || strings.Contains(printed, text) == fine {
			t.Errorf("%s: fine: %v\n%s", record, result.Fine, printed)
		}
	}
}

// TestBelowWildcard: a message from below a wildcard is decided by what DNS says now of the
// name and of the domain above, whatever the daemon has seen of either.
func TestBelowWildcard(t *testing.T) {
	const key, none = "cw1._domainkey.wide.example TXT \"KEY\"\n", ""
	for _, test := range []struct {
		name        string
		apex        tenant.State // to the daemon
		zone        string
		row, daemon string
	}{
		{"news", tenant.Pending, key, "3 key", "6 on-behalf"},
		{"gone", tenant.Active, none, "6 on-behalf", "3 key"},
		{"as the daemon has it", tenant.Active, key, "3 key", ""},
		{"nothing", tenant.Unknown, none, "6 on-behalf", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			h.add("one", "*.wide.example")
			absent := tenant.DMARC{Policy: dmarc.Absent, Checked: time.Now()}
			below := tenant.Standing{Domain: domain(t, "dept.wide.example"), SPF: mechanism(tenant.Pending), DMARC: absent, Seen: time.Now()}
			apex := tenant.Standing{Domain: domain(t, "wide.example"), DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: mechanism(test.apex)}}, DMARC: absent}
			h.known = []tenant.Standing{below, apex}
			h.zone += "dept.wide.example TXT \"hello\"\n" + test.zone
			table := h.table()
			result, printed := h.checkBy(table)
			if len(result.Domains) != 2 || result.Domains[0].Today != nil || result.Domains[1].Today == nil {
				t.Fatal(printed)
			}
			if today := result.Domains[1].Today; today.Row.String() != test.row || today.Daemon != test.daemon || today.Guessed {
				t.Errorf("row %s, the daemon's %q; want %s, %q\n%s", today.Row, today.Daemon, test.row, test.daemon, printed)
			}
			if got := table.Snapshot().Standing(apex.Domain).Key("cw1").State; got != test.apex {
				t.Errorf("the daemon's table says %q", got)
			}
		})
	}
}

// TestSample: without a known name below a wildcard, one that might come stands for all.
func TestSample(t *testing.T) {
	h := newHarness(t)
	one := h.add("one", "*.wide.example")
	h.zone += "cw1._domainkey.wide.example TXT \"KEY\"\n"
	result, printed := h.check()
	has(t, printed, "wide.example DKIM cw1 ok: ", "mail today row 3 key, keep: ", "(for example from any-name.wide.example; no mail has come from such a name yet)", "DKIM pass for wide.example")
	if today := result.Domains[0].Today; len(result.Domains) != 1 || !today.Guessed || today.Author.String() != "postmaster@any-name.wide.example" {
		t.Errorf("%+v", result.Domains)
	}
	one.Domains = append(one.Domains, tenant.Pattern{Domain: domain(t, "wide.example")})
	if result, printed := h.check(); len(result.Domains) != 1 || result.Domains[0].Today.Guessed {
		t.Error(printed)
	}
}

// TestNoAddressThatWorks: who reads a ticket must not get a bounce or reply address that
// leads somewhere.
func TestNoAddressThatWorks(t *testing.T) {
	h := newHarness(t)
	h.add("one", "x.example")
	h.platform.From, _ = tenant.ParseTemplate("{reply}", "reply")
	result, printed := h.check()
	has(t, printed, "sender a bounce address at bounces.courseware.nl", `From "postmaster via Courseware" <a reply address at courseware.nl>`)
	if all := printed + asJSON(t, result); strings.Contains(all, "SRS0") || strings.Contains(all, "reply=") {
		t.Error(all)
	}
	if today := result.Domains[0].Today; !today.Sender.IsZero() || today.Bounce != domain(t, "bounces.courseware.nl") {
		t.Errorf("%+v", today)
	}
	h.zone += publishedAll
	if result, printed := h.check(); result.Domains[0].Today.Sender != (message.Address{Local: "postmaster", Domain: domain(t, "x.example")}) {
		t.Error(printed)
	}
}

// TestOwnServer: check says what a server does to its own domain as sender, where mail has
// nothing but SPF.
func TestOwnServer(t *testing.T) {
	const refuses = "own server with SPF alone, mail to x.example itself"
	for _, test := range []struct {
		name   string
		change func(*harness)
		want   bool
	}{
		{"SPF and key", func(*harness) {}, false},
		{"SPF alone", func(h *harness) { h.zone = strings.Replace(h.zone, "cw1._domainkey.x", "cw9._domainkey.x", 1) }, true},
		{"nothing", func(h *harness) {
			h.zone = strings.ReplaceAll(strings.Replace(h.zone, "cw1._domainkey.x", "cw9._domainkey.x", 1), "\nx.example", "\ny.example")
		}, false},
		{"authorized and direct", func(h *harness) {
			one := h.tenants[0]
			one.Authorization, one.Identities, one.Direct.Domains = tenant.Authorized, nil, []message.Domain{domain(h.t, "x.example")}
		}, false},
	} {
		h := newHarness(t)
		h.add("one", "x.example")
		h.zone += publishedAll
		test.change(h)
		result, printed := h.check()
		if got := strings.Contains(printed, refuses); got != test.want || got != (result.Domains[0].Today.OwnServer != "") {
			t.Errorf("%s: %v\n%s", test.name, got, printed)
		}
	}
}

func TestPlatform(t *testing.T) {
	h := newHarness(t)
	h.add("one", "x.example")
	result, printed := h.checkPlatform()
	if !result.Fine {
		t.Error(printed)
	}
	has(t, printed, "Courseware, the platform itself", "mail today row 7 platform, keep: ", "sender <postmaster@courseware.nl>")
	h.zone = strings.Replace(h.zone, "cw1._domainkey", "cw9._domainkey", 1)
	result, printed = h.checkPlatform()
	if key := result.Domains[0].Items[1]; result.Fine || key.Verdict != authorize.Missing || len(key.Wanted) != 1 {
		t.Error(printed)
	}
}

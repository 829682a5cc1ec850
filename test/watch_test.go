package test

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

const watchedTenants = `  - id: yourorg
    name: Your Organisation
    domains: [yourorganisationname.nl]
    dkim: [{selector: cw1, key: key.pem}]
`

// watched is a tenant whose DNS is changed, and whose mail is looked at.
type watched struct {
	*premises
	known int // lines of the log that have been waited for
}

// see waits for the daemon to log a change of one mechanism.
func (w *watched) see(mechanism string, before, after tenant.State) {
	w.t.Helper()
	line := fmt.Sprintf("domain=%s tenant=yourorg mechanism=%s before=%s after=%s ", customer, mechanism, cmp.Or(before, "unknown"), after)
	w.await(line, func() bool {
		at := strings.Index(w.log.String()[w.known:], line)
		if at >= 0 {
			w.known += at + len(line)
		}
		return at >= 0
	})
}

// finds waits for the daemon to find a mechanism, whatever it knew before: a look may have
// come before the records, after them, or in between.
func (w *watched) finds(mechanism string) {
	w.t.Helper()
	there := regexp.MustCompile("domain=" + customer + " tenant=yourorg mechanism=" + mechanism + " before=[a-z]+ after=active ")
	w.await(mechanism, func() bool { return there.MatchString(w.log.String()) })
}

// expectation is how a message leaves.
type expectation struct {
	row, sender, from string // sender: its end
	sdid              string
}

const (
	own       = `"Academy" <academy@yourorganisationname.nl>`
	onBehalf  = `"Academy via Courseware" <noreply@courseware.nl>`
	bounce    = "=yourorganisationname.nl=academy@bounces.courseware.nl"
	kept      = "academy@yourorganisationname.nl"
	customer  = "yourorganisationname.nl"
	platforms = "courseware.nl"
)

var (
	row2 = expectation{"2 key-spf", kept, own, customer}
	row3 = expectation{"3 key", bounce, own, customer}
	row5 = expectation{"5 spf", kept, own, platforms}
	row6 = expectation{"6 on-behalf", bounce, onBehalf, platforms}
)

// deliver sends a message through Postfix, and gives what is delivered.
func (w *watched) deliver() delivered {
	w.t.Helper()
	reply := postfix.Dial(w.t, w.postfix.SMTPAddr).Send(kept, []string{"student@receiver.example"},
		[]byte("From: "+own+"\r\nTo: student@receiver.example\r\nSubject: Your course\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@lms.example>\r\n\r\nWelcome.\r\n"))
	if !reply.OK() {
		w.t.Fatal(reply)
	}
	return take(w.t, w.sink.Wait(w.t, 1)[0])
}

// arrives looks at how a message leaves.
func (w *watched) arrives(want expectation) {
	w.t.Helper()
	got := w.deliver()
	from, _ := got.header.Get("From")
	if from.Text() != want.from || !strings.HasSuffix(got.ReversePath, want.sender) {
		w.t.Errorf("row %s: From %s, sender %s; want %s, %s", want.row, from.Text(), got.ReversePath, want.from, want.sender)
	}
	sdid, err := message.ParseDomain(want.sdid)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(got.signatures) != 1 {
		w.t.Errorf("row %s: %d signatures, want 1", want.row, len(got.signatures))
	}
	w.house.verify(w.t, got.Data, []tenant.Identity{{SDID: sdid, Selector: "cw1", Algorithm: tenant.RSA}})
	line := regexp.MustCompile(`(?m)queue_id=` + got.queueID + ` row="` + want.row + `" .* result=done `)
	w.await("the log to say "+line.String(), func() bool { return line.MatchString(w.log.String()) })
}

// TestStandingsMoveMail changes a tenant's DNS while the daemon runs, and looks at what
// Postfix then delivers.
func TestStandingsMoveMail(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	spf := nameserver.TXT(customer, "v=spf1 include:_spf.courseware.nl -all")
	include := nameserver.TXT("_spf.courseware.nl", "v=spf1 ip4:80.84.235.70 -all")
	w.see("spf", tenant.Unknown, tenant.Pending)
	w.arrives(row6)

	w.publish(spf, include)
	w.see("spf", tenant.Pending, tenant.Active)
	w.arrives(row5)

	w.publish(spf, include, w.key(customer))
	w.see(`"dkim cw1"`, tenant.Pending, tenant.Active)
	w.arrives(row2)

	w.publish(w.key(customer))
	w.see("spf", tenant.Active, tenant.Warning)
	w.arrives(row2)
	w.see("spf", tenant.Warning, tenant.Pending)
	w.arrives(row3)

	w.publish(nameserver.TXT("cw1._domainkey."+customer, `"`+w.record+`"`)) // quotes pasted in
	w.see(`"dkim cw1"`, tenant.Active, tenant.Warning)
	w.publish(w.key(customer))
	w.see(`"dkim cw1"`, tenant.Warning, tenant.Active)
	w.arrives(row3)

	w.publish(nameserver.TXT("cw1._domainkey."+customer, "v=DKIM1; p="))
	w.see(`"dkim cw1"`, tenant.Active, tenant.Pending)
	w.publish() // so that verifiers find no revoked key
	w.arrives(row6)
}

// TestOutageMovesNobody takes DNS away in three ways, and the daemon with it: mail
// leaves as before.
func TestOutageMovesNobody(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	w.publish(nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), w.key(customer))
	w.finds("spf")
	w.finds(`"dkim cw1"`)
	dns := w.house.nameserver
	for _, outage := range []struct {
		name  string
		begin func(testing.TB)
	}{{"SERVFAIL", dns.Fail}, {"silence", dns.Hang}, {"stopped", dns.Stop}} {
		t.Run(outage.name, func(t *testing.T) {
			before := len(w.logged())
			outage.begin(t)
			w.silent()
			w.stop()
			w.serve()
			w.silent()
			dns.Restore(t) // for the verifiers
			w.arrives(row2)
			w.stop()
			if log := w.log.String()[before:]; strings.Contains(log, "msg=authorization") || strings.Count(log, "standings recalled") != 1 {
				t.Errorf("something moved, or nothing was recalled:\n%s", log)
			}
			w.serve() // without the memory of an outage
		})
	}
}

// silent waits until the daemon says that DNS is.
func (w *watched) silent() {
	w.t.Helper()
	before := len(w.log.String())
	w.await("DNS to be given up", func() bool { return strings.Contains(w.log.String()[before:], "no answer from DNS") })
}

// TestDenialMovesNobody empties the whole zone, as a resolver does that answers NXDOMAIN in its own
// trouble: mail leaves as before, also over a restart, and status names it. When only the tenant's
// records are gone, the tenant moves.
func TestDenialMovesNobody(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	authorized := []string{nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), w.key(customer)}
	w.publish(authorized...)
	w.finds("spf")
	w.finds(`"dkim cw1"`)
	before := len(w.log.String())
	denied := func() {
		t.Helper()
		from := len(w.log.String())
		w.await("DNS not to be believed", func() bool { return strings.Contains(w.log.String()[from:], "DNS denies records") })
		time.Sleep(3 * time.Second) // longer than demote_after
		out, _, status := w.run("status")
		if out = strings.Join(strings.Fields(out), " "); status != 0 || !strings.Contains(out, "NOT BELIEVED") || !strings.Contains(out, "the next lookup") {
			t.Errorf("status %d:\n%s", status, out)
		}
	}
	w.house.nameserver.Publish(t)
	denied()
	w.stop()
	w.serve()
	denied()
	out, _, _ := w.run("status", "yourorg")
	if out = strings.Join(strings.Fields(out), " "); !strings.Contains(out, "row 2") || !strings.Contains(out, "not believed: DNS says that "+customer+" has no records, nor has courseware.nl, which had some") {
		t.Errorf("of the tenant, status says\n%s", out)
	}
	w.publish(authorized...) // for the verifiers
	w.arrives(row2)
	w.reload() // else the next try comes within 30 seconds
	w.await("DNS to be believed", func() bool { return strings.Contains(w.log.String()[before:], "DNS answers again") })
	if log := w.logged()[before:]; strings.Contains(log, "msg=authorization") {
		t.Errorf("something moved:\n%s", log)
	}

	w.publish()
	w.see("spf", tenant.Active, tenant.Warning)
	w.see("spf", tenant.Warning, tenant.Pending)
	w.arrives(row6)
}

// TestReloadInDenialMovesNobody exchanges the platform's key, which is all that it has published,
// while DNS denies everything: nothing is known of the platform then, no tenant moves, and all goes
// on when DNS shows records again, whosever they are.
func TestReloadInDenialMovesNobody(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	spf := nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all")
	w.publish(spf, w.key(customer))
	w.finds("spf")
	w.finds(`"dkim cw1"`)
	w.house.nameserver.Publish(t)
	w.await("DNS not to be believed", func() bool { return strings.Contains(w.log.String(), "DNS denies records") })
	before := len(w.log.String())
	w.configure("dkim: [{selector: cw1, key: key.pem}]\nsrs:", "dkim: [{selector: cw2, key: key.pem}]\nsrs:")
	w.reload()
	time.Sleep(3 * time.Second) // longer than demote_after
	if out, _, _ := w.run("status"); !strings.Contains(out, "NOT BELIEVED") {
		t.Errorf("status says\n%s", out)
	}
	if from, _ := w.deliver().header.Get("From"); from.Text() != own {
		t.Errorf("From %s", from.Text())
	}
	w.publish(spf, w.key(customer)) // and nothing of cw2
	w.reload()                      // which looks up one domain; the next try comes within 30 seconds
	w.awaitFor(90*time.Second, "DNS to be believed", func() bool { return strings.Contains(w.log.String()[before:], "DNS answers again") })
	for _, line := range strings.Split(w.logged()[before:], "\n") {
		if strings.Contains(line, "msg=authorization") && strings.Contains(line, "domain="+customer) {
			t.Errorf("it moved: %s", line)
		}
	}
	w.arrives(row2)
}

// TestWarningUnderReject takes the records of a tenant away whose policy is p=reject: what the next
// lookup misses does not count, long before it is lost.
func TestWarningUnderReject(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	spf, policy := nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), nameserver.TXT("_dmarc."+customer, "v=DMARC1; p=reject")
	w.configure("demote_after: 2s", "demote_after: 1h")
	w.reload()
	w.publish(spf, w.key(customer), policy)
	w.finds("spf")
	w.finds(`"dkim cw1"`)
	w.arrives(row2)

	w.publish(spf, policy)
	w.see(`"dkim cw1"`, tenant.Active, tenant.Warning)
	w.arrives(row5)
	w.publish(policy)
	w.see("spf", tenant.Active, tenant.Warning)
	w.arrives(row6)
	if out, _, _ := w.run("status", "yourorg"); !strings.Contains(strings.Join(strings.Fields(out), " "), "Mail does not rely on it any more") {
		t.Errorf("of the tenant, status says\n%s", out)
	}

	w.publish(spf, w.key(customer)) // and the policy has vanished, which counts in an hour
	w.see(`"dkim cw1"`, tenant.Warning, tenant.Active)
	w.arrives(row2)
	if out, _, _ := w.run("status", "yourorg"); !strings.Contains(strings.Join(strings.Fields(out), " "), "DMARC p=reject") {
		t.Errorf("of the tenant, status says\n%s", out)
	}
}

package milter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"onbehalf/milter/mta"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// ledger is what a server had counted.
type ledger struct {
	mu            sync.Mutex
	outcomes      []string
	notifications []string
}

func (l *ledger) attach(h *harness) {
	l.mu.Lock() // until it serves
	defer l.mu.Unlock()
	h.Counted = func(o Outcome) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.outcomes = append(l.outcomes, strings.Join([]string{whose(o.Owner), o.Row.String(), o.Result, o.Reason}, "|"))
	}
	h.CameBack = func(n Notification) {
		l.mu.Lock()
		defer l.mu.Unlock()
		text := fmt.Sprint(whose(n.Owner), "|", n.BounceAt, "|", n.Mailbox, "|own ", n.Own, "|", n.Network)
		for _, f := range n.Failures {
			text += fmt.Sprint("|", f.Meaning.Class, " ", f.Status, " ", f.Host, " ", f.Delayed)
		}
		l.notifications = append(l.notifications, text)
	}
}

func whose(o Owner) string {
	if o.Platform {
		return "platform" + o.Tenant
	}
	return o.Tenant
}

func (l *ledger) take() (outcomes, notifications []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.outcomes, l.notifications = nil, nil }()
	return l.outcomes, l.notifications
}

// TestCounted: whose each message is, and what became of it. A forged name adds nothing to whom it
// names.
func TestCounted(t *testing.T) {
	l := new(ledger)
	h := open(t, l.attach)
	untrusted := stranger()
	untrusted.Header[0].Value = " academy@yourorganisationname.nl"
	forged := from("academy@yourorganisationname.nl", "lms-club")
	for name, c := range map[string]struct {
		mail mta.Mail
		want string
	}{
		"kept":                   {good(), "university|2 key-spf|done|"},
		"rewritten":              {rewritten(), "yourorg|6 on-behalf|done|"},
		"shadow":                 {from("a@shadow.example", ""), "shadow|6 on-behalf|passed|"},
		"not bound":              {refusable(), "club|10 forbidden|refused|submitter may not send as this author"},
		"bound to another":       {forged, "club|10 forbidden|refused|submitter may not send as this author"},
		"stranger":               {stranger(), "|untrusted|passed|"},
		"stranger with a name":   {untrusted, "|untrusted|passed|"},
		"platform's":             {from("help@courseware.nl", ""), "platform|7 platform|done|"},
		"no tenant's":            {from("a@nowhere.example", ""), "|8 unknown|done|"},
		"unsignable":             {bodied("a\rb\r\n"), "university|2 key-spf|refused|" + unsignable},
		"repeated fields":        {repeating(), "yourorg|too-many|refused|the header repeats fields too often"},
		"bounce":                 {bounce(h.bounceTo(academy)), "yourorg|return|done|"},
		"bounce to the platform": {bounce("<postmaster@bounces.courseware.nl>"), "platform|return|done|"},
		"bounce to a stranger":   {bounce(h.bounceTo(student)), "|return|done|"},
	} {
		h.send(h.client(c.mail), c.mail)
		if got, _ := l.take(); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// inShadow has the platform and the chess club in shadow.
func inShadow(h *harness) {
	cast := cases.NewCast(h.t)
	h.state.Store(&cases.Generation{Tenants: cast.TableWith(h.t, func(id string, one *tenant.Tenant) {
		if id == "club" {
			one.Policy.Mode = tenant.Shadow
		}
	}, "ONBEHALF_POLICY_MODE=shadow"), Keys: cast.Keys})
}

// TestFirstMail: a message that has left is its tenant's, but not one that the tenant has not sent.
func TestFirstMail(t *testing.T) {
	var mu sync.Mutex
	var mailed []string
	attach := func(h *harness) {
		h.Mail = func(id string) {
			mu.Lock()
			defer mu.Unlock()
			mailed = append(mailed, id)
		}
	}
	enforced, shadowed := open(t, attach), open(t, attach, inShadow)
	stray := stranger()
	stray.Login = "lms-club"
	for name, c := range map[string]struct {
		h    *harness
		mail mta.Mail
		want []string
	}{
		"kept":                 {enforced, good(), []string{"university"}},
		"in shadow":            {shadowed, club("lms-club"), []string{"club"}},
		"refused":              {enforced, refusable(), nil},
		"stranger":             {enforced, stray, nil},
		"bounce":               {enforced, bounce(enforced.bounceTo(academy)), nil},
		"forbidden, in shadow": {shadowed, from("academy@yourorganisationname.nl", "lms-club"), nil},
		"not bound, in shadow": {shadowed, refusable(), nil},
	} {
		got := c.h.send(c.h.client(c.mail), c.mail)
		if strings.Contains(name, "shadow") && got.Reply != "" {
			t.Errorf("%s: refused: %s", name, got.Reply)
		}
		mu.Lock()
		if !slices.Equal(mailed, c.want) {
			t.Errorf("%s: %q, want %q", name, mailed, c.want)
		}
		mailed = nil
		mu.Unlock()
	}
}

// TestCameBack: which messages are notifications that count, and whose.
func TestCameBack(t *testing.T) {
	l := new(ledger)
	h := open(t, l.attach)
	const said = "|mailbox 5.1.1 inside.receiver.example false|other 4.4.1 mx.receiver.example true"
	const outside = "|own false|203.0.113.0/24" + said
	letter := notification(h.bounceTo(academy))
	letter.Sender = "<jane@receiver.example>"
	own := notification(h.bounceTo(academy))
	own.Client, own.Local, own.Header[0].Value = netip.MustParseAddr("127.0.0.1"), true, " MAILER-DAEMON@mail.courseware.nl (Mail Delivery System)"
	for name, c := range map[string]struct {
		mail mta.Mail
		want []string
	}{
		"to a tenant":        {notification(h.bounceTo(academy)), []string{"yourorg|" + home + "|" + academy + outside}},
		"at a return path":   {notification(h.bounceAt(academy, "bounce.yourorganisationname.nl", 0)), []string{"yourorg|bounce.yourorganisationname.nl|" + academy + outside}},
		"twice":              {notification(h.bounceTo(academy), h.bounceTo(academy), h.bounceTo("x@yourorganisationname.nl")), []string{"yourorg|" + home + "|" + academy + outside}},
		"to two":             {notification(h.bounceTo(academy), h.bounceTo("a@university.example")), []string{"yourorg|" + home + "|" + academy + outside, "university|bounces.courseware.nl|a@university.example" + outside}},
		"overflow":           {notification(h.overflowOf("university")), []string{"university|bounces.courseware.nl|postmaster@courseware.nl" + outside}},
		"to no tenant":       {notification(h.bounceTo(student)), []string{"|" + home + "|" + student + outside}},
		"Postfix's own":      {own, []string{"yourorg|" + home + "|" + academy + "|own true|invalid Prefix" + said}},
		"letter":             {letter, nil},
		"to postmaster":      {notification("<postmaster@bounces.courseware.nl>"), nil},
		"no report":          {bounce(h.bounceTo(academy)), nil},
		"forged":             {notification(strings.Replace(h.bounceTo(academy), "=academy", "=rector", 1)), nil},
		"mail of a tenant's": {good(), nil},
	} {
		h.send(h.client(c.mail), c.mail)
		if _, got := l.take(); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
}

// TestCameBackNotByReplies: addresses for people do not count, whatever comes there.
func TestCameBackNotByReplies(t *testing.T) {
	l := new(ledger)
	h := replying(t)
	l.attach(h)
	m := from(academy, "")
	sent := h.send(h.client(m), m)
	at, _ := sent.Header.Get("From")
	_, address, _ := strings.Cut(at.Text(), "<")
	back := notification("<" + strings.TrimSuffix(address, ">") + ">")
	if got := h.send(h.client(back), back); !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) {
		t.Fatalf("to %s; %s", got.Recipients, got.Reply)
	}
	if _, got := l.take(); len(got) != 0 {
		t.Errorf("counted: %q", got)
	}
}

// BenchmarkOutcome is what a message pays for being counted, but for the counting.
func BenchmarkOutcome(b *testing.B) {
	h := build(b)
	t := &transaction{server: h.Server, snapshot: h.state.Load().Table().Snapshot(), result: done}
	t.plan.Row, t.plan.Tenant = 3, "university"
	b.ReportAllocs()
	for b.Loop() {
		if o, counts := t.outcome(); !counts || o.Tenant == "" {
			b.Fatal(o)
		}
	}
}

package rewrite_test

import (
	"bufio"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// A world is the cast under each policy that the laws must hold for.
type world struct{ tables []*tenant.Table }

func newWorld(t testing.TB) world {
	cast := cases.NewCast(t)
	var w world
	for _, environment := range [][]string{
		nil,
		{"ONBEHALF_POLICY_UNREADABLE_FROM=rewrite"},
		{"ONBEHALF_POLICY_UNREADABLE_FROM=rewrite", "ONBEHALF_POLICY_KEEP_ENVELOPE=false", "ONBEHALF_POLICY_UNKNOWN_DOMAIN=reject", "ONBEHALF_PLATFORM_FROM={reply}@courseware.nl"},
		{"ONBEHALF_POLICY_UNREADABLE_FROM=rewrite", "ONBEHALF_POLICY_REWRITE_FROM=never", "ONBEHALF_PLATFORM_FROM={local}+{tenant}@via.courseware.nl"},
		{"ONBEHALF_POLICY_UNREADABLE_FROM=rewrite", "ONBEHALF_POLICY_REWRITE_FROM=dmarc", "ONBEHALF_PLATFORM_FROM={tenant}.{domain}@via.courseware.nl"},
		{"ONBEHALF_POLICY_UNKNOWN_DOMAIN=pass", "ONBEHALF_POLICY_MODE=shadow"},
		{"ONBEHALF_PLATFORM_SUBMITTERS_LOGINS=root", "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite", "ONBEHALF_TRUST_AUTHENTICATED=false"},
	} {
		w.tables = append(w.tables, cast.Table(t, environment...))
	}
	return w
}

// Names that messages come from. The first are those that a standing is known of.
var names = []string{
	"yourorganisationname.nl", "course.yourorganisationname.nl", "yourorg.example", "university.example", "a.university.example", "museum.example", "münchen.example",
	"club.example", "gmail.com", "survey.example", "never.example", "shadow.example", "intranet.example", "staff.intranet.example",
	"bank.example", "courseware.nl", "mail.courseware.nl", "bounces.courseware.nl", "bounce.yourorganisationname.nl", "notmuseum.example",
}

const withStanding = 14

// draw takes decisions from a number, a few bits each.
type draw struct{ *rand.Rand }

func newDraw(choices uint64) draw { return draw{rand.New(rand.NewPCG(choices, 1))} }

func (d draw) of(all ...string) string { return all[d.IntN(len(all))] }
func (d draw) oneIn(n int) bool        { return d.IntN(n) == 0 }

// standings returns what DNS may have shown, of every domain.
func (d draw) standings() []tenant.Standing {
	mechanism := func() tenant.Mechanism {
		return tenant.Mechanism{State: []tenant.State{tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning}[d.IntN(4)]}
	}
	var all []tenant.Standing
	for _, name := range names[:withStanding] {
		path := mechanism()
		path.Of = d.of("bounce.yourorganisationname.nl", "bounce.yourorganisationname.nl", "bounce.other.example")
		all = append(all, tenant.Standing{
			Domain: must(message.ParseDomain(name)), SPF: mechanism(), ReturnPath: path,
			DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: mechanism()}, {Name: "cw2", Mechanism: mechanism()}},
			DMARC: tenant.DMARC{
				Policy:     []dmarc.Policy{dmarc.Unknown, dmarc.Absent, dmarc.None, dmarc.Reject}[d.IntN(4)],
				StrictDKIM: d.oneIn(3), StrictSPF: d.oneIn(3),
			},
		})
	}
	return all
}

func (d draw) submitter() message.Submitter {
	return message.Submitter{
		Client: netip.MustParseAddr(d.of("192.0.2.10", "192.0.2.70", "127.0.0.1", "::1", "198.51.100.1", "::ffff:192.0.2.10")),
		Login:  d.of("", "", "", "lms-club", "somebody", "root"),
		Local:  d.oneIn(6),
	}
}

// message returns the message of a header and an envelope sender, whatever they hold,
// and the instant that it is decided in.
func (w world) message(header message.Header, sender message.Path, choices uint64) (message.Message, *tenant.Snapshot) {
	d := newDraw(choices)
	table := w.tables[d.IntN(len(w.tables))]
	if err := table.SetStandings(d.standings()...); err != nil {
		panic(err)
	}
	m := message.Message{Header: header, Submitter: d.submitter(), Received: cases.Now, QueueID: d.of("", "4XQUEUE", "a\r\nb: c")}
	m.Envelope.ReversePath, m.Envelope.SMTPUTF8 = sender, d.oneIn(3)
	for range d.IntN(3) {
		m.Envelope.ForwardPaths = append(m.Envelope.ForwardPaths, message.ParsePath("a@"+d.of("staff.intranet.example", "receiver.example")))
	}
	if platform := table.Snapshot().Platform(); d.oneIn(4) {
		codec := rewrite.NewCodec(platform.SRS, cases.Now)
		home := codec.Bounce(message.ParsePath(d.of("academy@yourorganisationname.nl", "x@[192.0.2.1]", "SRS0=a=b=c=d@e.example")), d.of("", "yourorg"), platform.Bounce, true)
		m.Envelope.ForwardPaths = append(m.Envelope.ForwardPaths, message.PathOf(home))
	}
	if d.oneIn(2) {
		m.Host = must(message.ParseDomain("mail.courseware.nl"))
	}
	return m, table.Snapshot()
}

// checkLaws holds what is true of every plan.
func checkLaws(t *testing.T, m message.Message, s *tenant.Snapshot) {
	t.Helper()
	before := slices.Clone(m.Header)
	plan := rewrite.Decide(m, s)
	after := plan.Apply(m.Header)
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("plan:\n%ssubmitter %+v, sender %s\nheader before:\n%q\nafter:\n%q", cases.Print(plan), m.Submitter, m.Envelope.ReversePath, before, after)
		t.Fatalf(format, args...)
	}
	l := law{m, s, plan, after, fail}
	if !slices.Equal(m.Header, before) {
		fail("the header given is changed")
	}
	if again := rewrite.Decide(m, s); !reflect.DeepEqual(again, plan) {
		fail("decided again, it is another plan:\n%s", cases.Print(again))
	}
	l.untouched()
	l.clean()
	l.reversePath()
	l.binding()
	l.received()
	l.home()
	switch plan.Action {
	case rewrite.Refuse, rewrite.Pass:
		if len(plan.Edits)+len(plan.Sign) > 0 || plan.ReversePath != nil {
			fail("a message that is refused or let pass is changed")
		}
	case rewrite.Keep, rewrite.Rewrite:
		l.author()
		l.beside()
		l.signed()
		l.once()
	case rewrite.Forward:
		l.forwarded()
	default:
		fail("the action is %q", plan.Action)
	}
}

type law struct {
	m     message.Message
	s     *tenant.Snapshot
	plan  rewrite.Plan
	after message.Header
	fail  func(format string, args ...any)
}

// untouched: fields that the plan does not name are the same octets in the same order.
func (l law) untouched() {
	others := func(h message.Header) (rest message.Header) {
		for _, f := range h {
			if !slices.ContainsFunc(l.plan.Edits, func(e rewrite.Edit) bool { return f.Is(e.Name) }) {
				rest = append(rest, f)
			}
		}
		return rest
	}
	if !slices.Equal(others(l.m.Header), others(l.after)) {
		l.fail("a field that the plan does not name is changed")
	}
}

// clean: nothing that we write holds a line end outside a fold, or NUL, or is longer
// than a line may be.
func (l law) clean() {
	for _, e := range l.plan.Edits {
		f := message.Field{Name: e.Name, Value: e.Value}
		if !message.ValidFieldName(e.Name) || !f.Clean() {
			l.fail("%q is not clean", f)
		}
		if len(f.String()) > 8<<10 {
			l.fail("%s has %d octets: Postfix cuts long fields that a milter writes", e.Name, len(f.String()))
		}
		if e.Op != rewrite.Delete && f.Text() == "" {
			l.fail("%s is empty", e.Name)
		}
		for line := range strings.SplitSeq(f.String(), "\r\n") {
			if len(line) > 998 {
				l.fail("a line of %d octets", len(line))
			}
		}
		if strings.ContainsFunc(f.Text(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			l.fail("%q holds a control character", f)
		}
	}
}

// reversePath: the null sender stays null; what we write can be written.
func (l law) reversePath() {
	to := l.plan.ReversePath
	if to == nil {
		return
	}
	local := message.QuoteLocal(to.Local)
	switch {
	case l.m.Envelope.ReversePath.Null():
		l.fail("the null sender becomes %s", to)
	case to.IsZero():
		l.fail("the sender becomes null")
	case len(local) > 64 || len(to.String()) > 254:
		l.fail("%s is too long", to)
	case strings.ContainsFunc(to.String(), func(r rune) bool { return r < ' ' || r == 0x7f }):
		l.fail("%q holds a control character", to)
	case !to.IsASCII() && !l.m.Envelope.SMTPUTF8:
		l.fail("%s is not ASCII, and the client did not say SMTPUTF8", to)
	}
	if again := message.ParsePath("<" + to.String() + ">"); again.Address != *to {
		l.fail("%s is read as %s", to, again.Address)
	}
}

// binding: who is bound to a tenant sends as that tenant, or as the platform on its
// behalf.
func (l law) binding() {
	bound := l.s.BoundTo(l.m.Submitter)
	if from, _ := l.m.Header.Get("From"); l.m.Submitter.Local && strings.Contains(from.Value, "MAILER-DAEMON@mail.courseware.nl") {
		return // Postfix's own bounce is bound to nobody
	}
	if bound == nil || !l.s.Platform().Trusts(l.m.Submitter) || l.plan.Action == rewrite.Refuse || l.plan.Action == rewrite.Forward {
		return
	}
	if l.plan.Tenant != bound.ID {
		l.fail("the submitter is bound to %s and sends as %q", bound.ID, l.plan.Tenant)
	}
	for _, field := range l.after.All("From") {
		author, _ := message.ParseFrom(field.Value)
		for _, mailbox := range author.Mailboxes {
			owner, _ := l.s.Owner(mailbox.Address.Domain)
			if owner != bound && !(l.plan.Action == rewrite.Rewrite && l.s.Platform().Owns(mailbox.Address.Domain)) {
				l.fail("the submitter is bound to %s, and From says %s", bound.ID, mailbox.Address)
			}
		}
	}
}

// beside: nor does a program show another tenant beside From, in mail that we sign.
func (l law) beside() {
	for _, field := range append(l.after.All("Sender"), l.after.All("Resent-From")...) {
		named, _ := message.ParseFrom(field.Value)
		for _, mailbox := range named.Mailboxes {
			owner, _ := l.s.Owner(mailbox.Address.Domain)
			if owner == nil {
				continue
			}
			bound := l.s.BoundTo(l.m.Submitter)
			if who := owner.Submitters; bound != nil && owner != bound || !who.IsZero() && !who.Include(l.m.Submitter) {
				l.fail("%s names %s, which the submitter may not use", field.Name, mailbox.Address)
			}
		}
	}
}

// received: what this host took from a stranger is signed for nobody, whoever hands it
// back without logging in.
func (l law) received() {
	first, found := l.m.Header.Get("Received")
	from, by, _ := strings.Cut(first.Value, "\r\n")
	if !found || l.s.Platform().Trust.Reinjected || l.m.Host.IsZero() || l.m.Submitter.Login != "" || !strings.HasPrefix(by, "\tby "+l.m.Host.String()+" (Postfix) with ESMTP ") {
		return
	}
	if strangers.MatchString(from) && len(l.plan.Sign) > 0 {
		l.fail("a stranger's message is signed")
	}
}

var strangers = regexp.MustCompile(`^ from \S+ \(\S+ \[203\.0\.113\.5\]\)$`)

// author: there is one From, every receiver reads the same in it, and each domain in
// it can be authenticated.
func (l law) author() {
	fields := l.after.All("From")
	if len(fields) != 1 {
		l.fail("there are %d From fields", len(fields))
	}
	author, err := message.ParseFrom(fields[0].Value)
	if err != nil || author.Repaired {
		l.fail("From is not exact: %v", err)
	}
	for _, mailbox := range author.Mailboxes {
		if d := mailbox.Address.Domain; !l.authorized(d) && !l.allowed(d) {
			l.fail("nobody has authorized us to send from %s", d)
		}
	}
	if l.plan.Action == rewrite.Rewrite && (len(author.Mailboxes) > 1 || !l.s.Platform().Owns(author.Mailboxes[0].Address.Domain)) {
		l.fail("From is rewritten to %s", fields[0].Text())
	}
}

// authorized asks what a receiver asks, apart from the code that decides: a
// signature of ours that aligns and verifies, or an envelope sender that aligns and
// for which SPF passes.
func (l law) authorized(d message.Domain) bool {
	if l.s.Platform().Owns(d) || d == l.m.Host {
		return true
	}
	owner, apex := l.s.Owner(d)
	if owner == nil || owner.Authorization == tenant.Unauthorized {
		return false
	}
	asks := l.s.Standing(d).DMARC
	by := func(other message.Domain, strict bool) bool {
		unseen := asks.Policy == dmarc.Unknown && owner.Authorization == tenant.Auto // it may be strict
		return other == d || !strict && !unseen && dmarc.Listed(other) == dmarc.Listed(d)
	}
	for _, id := range l.plan.Sign {
		live := owner.Authorization == tenant.Authorized || l.s.Standing(id.SDID).Key(id.Selector).Holds()
		if slices.Contains(owner.Identities, id) && live && by(id.SDID, asks.StrictDKIM) {
			return true
		}
	}
	envelope := l.plan.Sender(l.m).Address.Domain
	if envelope.IsZero() || !by(envelope, asks.StrictSPF) {
		return false
	}
	if envelope == owner.ReturnPath {
		shown := l.s.Standing(apex).ReturnPath
		return shown.Holds() && shown.Of == owner.ReturnPath.String()
	}
	behind, _ := l.s.Owner(envelope)
	return behind == owner && (owner.Authorization == tenant.Authorized || l.s.Standing(envelope).SPF.Holds())
}

// allowed reports whether the policy asks us to keep what nobody has authorized.
func (l law) allowed(d message.Domain) bool {
	policy := l.s.Platform().Policy
	owner, _ := l.s.Owner(d)
	if owner != nil {
		policy = owner.Policy
	}
	if l.plan.Row == rewrite.RowDirect {
		return owner != nil && len(l.m.Envelope.ForwardPaths) > 0 && !slices.ContainsFunc(l.m.Envelope.ForwardPaths, func(to message.Path) bool {
			return !owner.Direct.Covers(to.Address.Domain)
		})
	}
	switch policy.RewriteFrom {
	case tenant.RewriteNever:
		return true
	case tenant.RewriteDMARC:
		asks := l.s.Standing(d).DMARC.Policy
		return (asks == dmarc.None || asks == dmarc.Absent) && !slices.ContainsFunc(policy.AlwaysRewrite, d.Within)
	}
	return false
}

// signed: what leaves is signed, by keys of the platform or of the tenant; and a
// reader can answer it.
func (l law) signed() {
	if len(l.plan.Sign) == 0 {
		l.fail("it is not signed")
	}
	for _, id := range l.plan.Sign {
		if slices.Contains(l.s.Platform().Identities, id) {
			continue
		}
		if !slices.ContainsFunc(l.owners(), func(one *tenant.Tenant) bool { return slices.Contains(one.Identities, id) }) {
			l.fail("signed by %s, a key of someone else's", id)
		}
	}
	from := l.s.Platform().FromDomain
	asFrom := func(id tenant.Identity) bool { return id.SDID == from }
	if l.plan.Action == rewrite.Rewrite && !slices.ContainsFunc(l.plan.Sign, asFrom) {
		l.fail("it is rewritten to an address at %s, and not signed as that: with adkim=s it would be refused", from)
	}
	for _, name := range []string{"Date", "Message-ID"} {
		if !l.after.Has(name) {
			l.fail("there is no %s", name)
		}
	}
}

// owners returns the tenants in From as it leaves.
func (l law) owners() (all []*tenant.Tenant) {
	from, _ := l.after.Get("From")
	author, _ := message.ParseFrom(from.Value)
	for _, mailbox := range author.Mailboxes {
		if owner, _ := l.s.Owner(mailbox.Address.Domain); owner != nil {
			all = append(all, owner)
		}
	}
	return all
}

// applied returns the message as the plan leaves it.
func (l law) applied() message.Message {
	next := l.m
	next.Header, next.Envelope.ReversePath = l.after, l.plan.Sender(l.m)
	next.Envelope.ForwardPaths = nil
	for _, to := range l.m.Envelope.ForwardPaths {
		for _, x := range l.plan.Redirects {
			if x.Recipient == to.Verbatim {
				to = message.PathOf(x.To)
			}
		}
		next.Envelope.ForwardPaths = append(next.Envelope.ForwardPaths, to)
	}
	return next
}

// home: mail is led only from addresses of ours, to somebody who is elsewhere.
func (l law) home() {
	for _, x := range l.plan.Redirects {
		to := message.ParsePath(x.Recipient)
		if !slices.ContainsFunc(l.m.Envelope.ForwardPaths, func(p message.Path) bool { return p.Verbatim == x.Recipient }) {
			l.fail("%s is led elsewhere and is no recipient", x.Recipient)
		}
		if d := to.Address.Domain; !l.s.TakesBounces(d) && !l.s.Platform().TakesReplies(d) {
			l.fail("%s is led elsewhere and is not ours", x.Recipient)
		}
		if x.To.IsZero() || l.s.TakesBounces(x.To.Domain) {
			l.fail("%s is led to %q", x.Recipient, x.To)
		}
	}
}

// forwarded: a message that is only led home keeps its author and its octets, but for
// the field that counts its rounds, and has no signature of ours. An author for whom SPF
// would vouch, because we forward, is replaced.
func (l law) forwarded() {
	if len(l.plan.Redirects) == 0 || len(l.plan.Sign) > 0 {
		l.fail("a message that is led home goes nowhere, or is signed")
	}
	if to := l.plan.ReversePath; to != nil {
		led, err := rewrite.NewCodec(l.s.Platform().SRS, l.m.Received).Decode(*to)
		if err != nil || !led.Address.IsZero() {
			l.fail("the sender that a stranger claims is wrapped into %s (%v)", to, err)
		}
	}
	if n := len(l.after.All("From")); n != 1 {
		l.fail("there are %d From fields", n)
	}
	replaced := false
	for _, e := range l.plan.Edits {
		switch {
		case e.Op == rewrite.Add && e.Name == "X-Onbehalf-Hop":
		case e.Name == "From" || e.Name == rewrite.OriginalFrom:
			replaced = true
		default:
			l.fail("a message that is led home is edited: %v", e)
		}
	}
	platform := l.s.Platform()
	for _, field := range l.after.All("From") {
		author, err := message.ParseFrom(field.Value)
		if err != nil {
			l.fail("a receiver may read anything in From: %s", field.Text())
		}
		if replaced && (err != nil || author.Repaired || len(l.after.All("From")) > 1 || author.Mailboxes[0].Address.Domain != platform.FromDomain) {
			l.fail("From is replaced by %s: %v", field.Text(), err)
		}
		for _, mailbox := range author.Mailboxes {
			org := dmarc.Listed(mailbox.Address.Domain)
			if !replaced && (org == dmarc.Listed(platform.Bounce) || org == dmarc.Listed(l.m.Host)) {
				l.fail("%s is vouched for by SPF", mailbox.Address)
			}
			if replaced && mailbox.Address.Local != "noreply" {
				l.fail("a stranger's claim stands in %s", mailbox.Address)
			}
		}
	}
	if again := rewrite.Decide(l.applied(), l.s); len(again.Redirects) > 0 {
		l.fail("decided again, it is led elsewhere:\n%s", cases.Print(again))
	}
}

// once: Decide on what the plan has made asks for nothing more. Who may not send as
// the platform is refused, when the message now is the platform's.
func (l law) once() {
	again := rewrite.Decide(l.applied(), l.s)
	if len(again.Edits) > 0 || again.ReversePath != nil {
		l.fail("decided again, it asks for more:\n%s", cases.Print(again))
	}
	mayNot := l.s.BoundTo(l.m.Submitter) != nil || !l.s.Platform().Submitters.IsZero() && !l.s.Platform().Submitters.Include(l.m.Submitter)
	if again.Action != rewrite.Keep && !(again.Row == 10 && l.plan.Action == rewrite.Rewrite && mayNot) {
		l.fail("decided again, it is another action:\n%s", cases.Print(again))
	}
}

// TestLawsOfCases holds the laws against each golden case, as it is and under every
// policy.
func TestLawsOfCases(t *testing.T) {
	w := newWorld(t)
	for _, c := range cases.All(t, "testdata") {
		t.Run(c.Name, func(t *testing.T) {
			checkLaws(t, c.Message, c.Table.Snapshot())
			for choices := range uint64(50) {
				m, s := w.message(c.Message.Header, c.Message.Envelope.ReversePath, choices)
				checkLaws(t, m, s)
			}
		})
	}
}

// TestLaws holds the laws against messages put together from what messages are made of.
func TestLaws(t *testing.T) {
	w := newWorld(t)
	verdicts := make(map[rewrite.Row]int)
	for choices := range uint64(12_000) {
		d := newDraw(^choices)
		m, s := w.message(d.header(), d.sender(), choices)
		checkLaws(t, m, s)
		verdicts[rewrite.Decide(m, s).Row]++
	}
	for row := rewrite.RowUntrusted; row <= rewrite.RowDirect; row++ {
		if verdicts[row] < 20 {
			t.Errorf("row %s came up %d times: the laws were not tried on it", row, verdicts[row])
		}
	}
	t.Log(verdicts)
}

func (d draw) address() string {
	local := d.of("academy", "Academy", "a..b", "a.", ".a", `"a  b"`, `"a@bank.example"`, "jürgen", "SRS0=H=T=o.example=u", "SRS1=H=h.example==G=T=o.example=u", "SRS1=x=y.example=z",
		"bounces+club=abcdefgh=AA", "noreply", strings.Repeat("x", 70), strings.Repeat("y", 45), "MAILER-DAEMON", `"a\"\\b"`, strings.Repeat("ü", 40), `"(<,;:>"`)
	return local + "@" + d.of(names...)
}

// long are names of which people have none.
var long = [...]string{strings.Repeat("ü", 15_000), strings.Repeat("x", 36_000), strings.Repeat("x\r\n ", 3_000), strings.Repeat("\u2028\x01", 4_000)}

func (d draw) from() string {
	name := d.of("", "Ann", "Jansen@mail.courseware.nl, Piet", "HR@courseware.nl:Ann", "Learn@Work", "Ann (x@y.example", `"a (b@c.example)"`, "=?utf-8?B?w?=", "Ann via Courseware", "Ann de Vries", `"Doe, John"`, "Doe, John", "Zoë", "Zo\xeb", "=?utf-8?Q?Zo=C3=AB?=", "=?utf-8?Q?a=0D=0ABcc=3A_x?=", "=?x-none?Q?a?=", `"  "`,
		"ceo@bank.example", `"ceo@bank.example"`, "ceo＠bank.example", "\u202eevil", `"`, "(", "a\x00b", "a\rb", "\u240d", strings.Repeat("long ", 40), strings.Repeat("x", 1200),
		strings.Repeat("é", 700), long[0], long[1], long[2], long[3], "Team:", "Courseware", "{name}", "a\r\n b", "A  \t B", "=?utf-8?B?"+strings.Repeat("w6k", 300)+"?=")
	spec := d.address()
	switch d.IntN(16) {
	case 14, 15: // many, and perhaps one that has to be written again
		var all []string
		for i := range d.IntN(60) {
			all = append(all, name+" <"+strings.Repeat("a", d.IntN(400))+string(rune('a'+i%26))+d.of("@", "@", " @")+d.of("yourorganisationname.nl", "museum.example")+">")
		}
		return strings.Join(all, ", ")
	case 12:
		return name + " " + strings.ReplaceAll(spec, "@", d.of(" @ ", "@", "(c)@", "\r\n @"))
	case 13:
		return name + " < " + spec + d.of(" >", ".>", " (c)>", ">,", ">;")
	case 0:
		return spec
	case 1:
		return spec + " (" + d.of("Ann", "(", "Z\xeb", "a@b.example") + ")"
	case 2:
		return name + " <@route.example:" + spec + ">"
	case 3:
		return spec + " <" + spec + ">"
	case 4:
		return name + " <" + spec + ">" + d.of("", " x", ",", ", "+d.address(), ", B <"+d.address()+">", ";")
	case 5:
		return d.of("", " ", "undisclosed-recipients:;", "G: "+spec+";", "<>", "<", "Ann", "(empty)", "a@[192.0.2.1]", "\r\n ")
	case 6:
		return "Ann <academy@yourorganisationname.nl>, B <" + d.of("b@yourorg.example", "b@course.yourorganisationname.nl", "b@museum.example") + ">"
	}
	return name + " <" + spec + ">"
}

// header returns a header with some From fields, usually one, among others.
func (d draw) header() message.Header {
	var h message.Header
	add := func(name, value string) { h = append(h, message.Field{Name: name, Value: value}) }
	from := func() { add(d.of("From", "From", "from", "FROM"), d.of(" ", "")+d.from()) }
	if d.oneIn(8) {
		add("Received", " from x (x ["+d.of("203.0.113.5", "127.0.0.1", "192.0.2.7", "unknown")+"])\r\n\tby mail.courseware.nl (Postfix) with "+d.of("ESMTP", "ESMTPSA")+" id 4X")
	}
	add("Received", " from x\r\n\tby y; date")
	if d.oneIn(6) {
		add("X-Original-From", " "+d.from())
	}
	if !d.oneIn(12) {
		from()
	}
	add("Subject", d.of(" a", "\r\n\tfolded ", "", " \xff"))
	if d.oneIn(12) {
		from()
	}
	if d.oneIn(20) {
		add("From", "")
	}
	if d.oneIn(8) {
		add("x-original-from", d.from())
	}
	for _, field := range []message.Field{
		{Name: "Reply-To", Value: " r@x.example"}, {Name: "Date", Value: " now"}, {Name: "MESSAGE-ID", Value: " <1@x>"}, {Name: "Sender", Value: " s@x.example"},
		{Name: "Reply-To", Value: " " + d.of("<>", "none", "none@mail.courseware.nl", "G:;")}, {Name: "Message-ID", Value: " <>"}, {Name: "Sender", Value: " robot@" + d.of(names...)}, {Name: "Resent-From", Value: " robot@" + d.of(names...)},
		{Name: "DKIM-Signature", Value: " v=1; d=" + d.of(names...) + "; s=cw1"}, {Name: "Authentication-Results", Value: " " + d.of("mail.courseware.nl", "x.example") + "; none"},
		{Name: "Auto-Submitted", Value: " auto-replied"}, {Name: "Date", Value: " Mon, 01 Jun 2026 09:00:00 +0200"},
	} {
		if d.oneIn(3) {
			h = append(h, field)
		}
	}
	return h
}

func (d draw) sender() message.Path {
	switch d.IntN(8) {
	case 0:
		return message.Path{}
	case 1:
		return message.ParsePath(d.of("postmaster", "a@[192.0.2.1]", "<", "@r.example:a@bank.example", " ", "a@x\r\nRCPT TO:<b@x>"))
	case 2: // one that we made
		srs := tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("a secret for the cases only"))}}
		at := must(message.ParseDomain(d.of("bounces.courseware.nl", "bounce.yourorganisationname.nl", "museum.example")))
		return message.PathOf(rewrite.NewCodec(srs, cases.Now).Bounce(message.ParsePath(d.address()), d.of("", "yourorg"), at, d.oneIn(2)))
	}
	return message.ParsePath(d.address())
}

// FuzzLaws holds the laws against any header and any envelope sender. The golden
// cases are where it starts from.
func FuzzLaws(f *testing.F) {
	w := newWorld(f)
	for i, c := range cases.All(f, "testdata") {
		f.Add(c.Message.Header.String(), c.Message.Envelope.ReversePath.Verbatim, uint64(i))
	}
	for i := range uint64(40) {
		d := newDraw(i)
		f.Add(d.header().String(), d.sender().Verbatim, i)
	}
	f.Fuzz(func(t *testing.T, text, sender string, choices uint64) {
		header, err := message.ReadHeader(bufio.NewReaderSize(strings.NewReader(text), 1<<17))
		if err != nil {
			return
		}
		m, s := w.message(header, message.ParsePath(sender), choices)
		checkLaws(t, m, s)
	})
}

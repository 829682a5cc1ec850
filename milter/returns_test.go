package milter

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/rewrite"
	"onbehalf/srs"
	"onbehalf/test/cases"
)

const (
	day      = 24 * time.Hour
	academy  = "academy@yourorganisationname.nl"
	student  = "student@receiver.example"
	home     = "bounces.courseware.nl"
	byReply  = "ONBEHALF_PLATFORM_FROM={reply}@reply.courseware.nl"
	hopField = "X-Onbehalf-Hop: bounces.courseware.nl\r\n"
)

// codec makes addresses of ours as on a day after the cases play, with the secrets
// that the harness has now.
func (h *harness) codec(days int) srs.Codec {
	return rewrite.NewCodec(h.state.Load().Tenants.Snapshot().Platform().SRS, cases.Now.Add(time.Duration(days)*day))
}

// returned is what came back for each tenant that something came back for.
func (h *harness) returned() map[string]Returned {
	all := make(map[string]Returned)
	for id := range h.Counts.Returns.byTenant {
		all[id] = h.Counts.Returns.Of(id)
	}
	return all
}

// bounceTo is the recipient of a bounce to that sender.
func (h *harness) bounceTo(sender string) string { return h.bounceAt(sender, home, 0) }

func (h *harness) bounceAt(sender, domain string, days int) string {
	h.t.Helper()
	at, err := message.ParseDomain(domain)
	must(h.t, err)
	return "<" + h.codec(days).Bounce(message.ParsePath(sender), "yourorg", at, true).String() + ">"
}

// overflowOf is the recipient of a bounce to what did not fit into an address.
func (h *harness) overflowOf(tenant string) string {
	h.t.Helper()
	at, err := message.ParseDomain(home)
	must(h.t, err)
	return "<" + h.codec(0).Bounce(message.Path{}, tenant, at, false).String() + ">"
}

// bounce is a bounce to these, made by a host that nobody here knows.
func bounce(to ...string) mta.Mail {
	m := stranger()
	m.Sender, m.Recipients = "<>", to
	m.Header[0].Value = " MAILER-DAEMON@mx.receiver.example (Mail Delivery System)"
	return m
}

// upper folds the case of an address as no mail system should, and some do.
func upper(path string) string { return strings.ToUpper(path) }

// TestLedHome: who gets a message to addresses of ours, and who is refused.
func TestLedHome(t *testing.T) {
	h := open(t)
	valid := h.bounceTo(academy)
	local, _, _ := strings.Cut(strings.Trim(valid, "<>"), "@")
	forged := strings.Replace(valid, "=academy", "=rector", 1)
	type refusals map[string]string
	const notOurs, mistyped = "does not have the form", "its check code is wrong"
	for name, c := range map[string]struct {
		to      []string
		want    []string
		refused refusals // reasons
	}{
		"bounce":                    {[]string{valid}, []string{"<" + academy + ">"}, nil},
		"upper case":                {[]string{upper(valid)}, []string{"<ACADEMY@yourorganisationname.nl>"}, nil},
		"lower case":                {[]string{strings.ToLower(valid)}, []string{"<" + academy + ">"}, nil},
		"domain in odd case":        {[]string{"<" + local + "@BounceS.Courseware.NL>"}, []string{"<" + academy + ">"}, nil},
		"quoted":                    {[]string{`<"` + local + `"@bounces.courseware.nl>`}, []string{"<" + academy + ">"}, nil},
		"quoted pairs":              {[]string{`<"\S` + local[1:] + `"@bounces.courseware.nl>`}, []string{"<" + academy + ">"}, nil},
		"quoted owner":              {[]string{h.bounceTo(`"a b"@yourorg.example`)}, []string{`<"a b"@yourorg.example>`}, nil},
		"owner of no tenant's":      {[]string{h.bounceTo(student)}, []string{"<" + student + ">"}, nil},
		"return path":               {[]string{h.bounceAt(academy, "bounce.yourorganisationname.nl", 0)}, []string{"<" + academy + ">"}, nil},
		"other bounce domain":       {[]string{"<" + local + "@bounce.yourorganisationname.nl>"}, []string{"<" + academy + ">"}, nil},
		"ours, of a foreign SRS0":   {[]string{h.bounceTo("SRS0=HHH=TT=orig.example=u@fwd.example")}, []string{"<SRS0=HHH=TT=orig.example=u@fwd.example>"}, nil},
		"overflow":                  {[]string{h.overflowOf("yourorg")}, []string{"<" + academy + ">"}, nil},
		"overflow to the platform":  {[]string{h.overflowOf("university")}, []string{"<postmaster@courseware.nl>"}, nil},
		"overflow of the platform":  {[]string{h.overflowOf("")}, []string{"<postmaster@courseware.nl>"}, nil},
		"postmaster":                {[]string{"<postmaster@bounces.courseware.nl>"}, []string{"<postmaster@courseware.nl>"}, nil},
		"abuse in odd case":         {[]string{"<ABUSE@bounces.courseware.nl>"}, []string{"<postmaster@courseware.nl>"}, nil},
		"postmaster of return path": {[]string{"<Postmaster@bounce.yourorganisationname.nl>"}, []string{"<postmaster@courseware.nl>"}, nil},
		"several":                   {[]string{valid, h.bounceTo(student)}, []string{"<" + academy + ">", "<" + student + ">"}, nil},
		"beside an ordinary one":    {[]string{"<help@courseware.nl>", valid, "<Info@courseware.nl>"}, []string{"<help@courseware.nl>", "<Info@courseware.nl>", "<" + academy + ">"}, nil},
		"twice":                     {[]string{valid, valid}, []string{"<" + academy + ">"}, nil},
		"in two spellings":          {[]string{valid, strings.ToLower(valid)}, []string{"<" + academy + ">"}, nil},
		"two to one mailbox":        {[]string{valid, h.overflowOf("yourorg")}, []string{"<" + academy + ">"}, nil},
		"30 days old":               {[]string{h.bounceAt(academy, home, -30)}, []string{"<" + academy + ">"}, nil},

		"forged":                       {[]string{forged}, nil, refusals{forged: mistyped}},
		"forged among good ones":       {[]string{valid, forged, "<help@courseware.nl>"}, []string{"<help@courseware.nl>", "<" + academy + ">"}, refusals{forged: mistyped}},
		"forged at the return path":    {[]string{"<SRS0=aaaaaaaa=D5=x.example=a@bounce.yourorganisationname.nl>"}, nil, refusals{"<SRS0=aaaaaaaa=D5=x.example=a@bounce.yourorganisationname.nl>": mistyped}},
		"forged SRS1":                  {[]string{"<SRS1=aaaaaaaa=victim.example==HHH=TT=o.example=u@bounces.courseware.nl>"}, nil, refusals{"<SRS1=aaaaaaaa=victim.example==HHH=TT=o.example=u@bounces.courseware.nl>": mistyped}},
		"expired":                      {[]string{h.bounceAt(academy, home, -31)}, nil, refusals{h.bounceAt(academy, home, -31): "it has expired: it is 31 days old, and good for 30"}},
		"of the day after tomorrow":    {[]string{h.bounceAt(academy, home, 2)}, nil, refusals{h.bounceAt(academy, home, 2): "it has expired"}},
		"malformed":                    {[]string{"<SRS0=x@bounces.courseware.nl>"}, nil, refusals{"<SRS0=x@bounces.courseware.nl>": notOurs}},
		"a person":                     {[]string{"<jane@bounces.courseware.nl>", valid}, []string{"<" + academy + ">"}, refusals{"<jane@bounces.courseware.nl>": notOurs}},
		"overflow of an unknown one":   {[]string{h.overflowOf("gone")}, nil, refusals{h.overflowOf("gone"): "its tenant no longer exists"}},
		"owner at the bounce domain":   {[]string{h.bounceTo("x@bounces.courseware.nl")}, nil, refusals{h.bounceTo("x@bounces.courseware.nl"): "leads to a bounce address of ours"}},
		"owner at a return path":       {[]string{h.bounceTo("x@bounce.yourorganisationname.nl")}, nil, refusals{h.bounceTo("x@bounce.yourorganisationname.nl"): "leads to a bounce address of ours"}},
		"percent":                      {[]string{"<100%s%n@bounces.courseware.nl>"}, nil, refusals{"<100%s%n@bounces.courseware.nl>": notOurs}},
		"reply form, and no {reply}":   {[]string{"<reply=x@courseware.nl>"}, []string{"<reply=x@courseware.nl>"}, nil},
		"SRS form at another domain":   {[]string{"<" + local + "@courseware.nl>"}, []string{"<" + local + "@courseware.nl>"}, nil},
		"below the bounce domain":      {[]string{"<" + local + "@x.bounces.courseware.nl>"}, []string{"<" + local + "@x.bounces.courseware.nl>"}, nil},
		"unqualified, and a literal":   {[]string{"<postmaster>", "<a@[192.0.2.1]>"}, []string{"<postmaster>", "<a@[192.0.2.1]>"}, nil},
		"ordinary in its own spelling": {[]string{`<"a\b"@X.example>`, valid}, []string{`<"a\b"@X.example>`, "<" + academy + ">"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			m := bounce(c.to...)
			got := h.send(h.client(m), m)
			if !slices.Equal(got.Recipients, c.want) || got.Sender != "<>" {
				t.Errorf("from %s to %s, want %s", got.Sender, got.Recipients, c.want)
			}
			checkRefused(t, got, c.refused)
			exchanged := !slices.Equal(c.want, c.to) && c.want != nil
			if want := header(m, exchanged); got.Header.String() != want {
				t.Errorf("header:\n%s\nwant:\n%s", got.Header, want)
			}
			if all := c.want == nil; all != strings.HasPrefix(got.Reply, "550 5.1.1 ") || !all && got.Reply != "" {
				t.Errorf("reply is %q", got.Reply)
			}
		})
	}
	h.t = t
}

// checkRefused checks who is refused, and why.
func checkRefused(t *testing.T, got mta.Result, want map[string]string) {
	t.Helper()
	if len(got.Refused) != len(want) {
		t.Errorf("refused %v, want %v", got.Refused, want)
	}
	for to, reason := range want {
		if reply := got.Refused[to]; !strings.HasPrefix(reply, "550 5.1.1 there is no mailbox behind this address: ") || !strings.Contains(reply, reason) {
			t.Errorf("%s is answered %q, want %q", to, reply, reason)
		}
	}
}

// header is what a message has on its way home: all that it had, and the hop.
func header(m mta.Mail, exchanged bool) string {
	if exchanged {
		return m.Header.String() + hopField
	}
	return m.Header.String()
}

// TestExchangeOnTheWire: added first, then deleted to the letter, each once; before
// that the sender, after that the hop.
func TestExchangeOnTheWire(t *testing.T) {
	h := open(t)
	odd := `"` + strings.Replace(strings.Trim(h.bounceTo(academy), "<>"), "@", `"@Bounces.`, 1)
	odd = strings.Replace(odd, "Bounces.bounces.", "Bounces.", 1)
	m := bounce("<"+odd+">", h.bounceTo(student), "<help@courseware.nl>", h.overflowOf("yourorg"), h.bounceTo(student))
	m.Sender = "<jane@receiver.example>"
	client := h.client(m)
	client.Ask('M', m.Sender)
	for _, to := range m.Recipients {
		client.Ask('R', to)
	}
	must(t, client.Write('L', []byte("From\x00 jane@receiver.example\x00")))
	client.Ask('N')
	must(t, client.Write('E', nil))
	var got []string
	for {
		code, data, err := client.Read()
		must(t, err)
		got = append(got, string(code)+strings.ReplaceAll(strings.TrimSuffix(string(data), "\x00"), "\x00", ":"))
		if !isEdit(code) {
			break
		}
	}
	want := []string{
		"e" + h.overflowOf(""), "+<" + academy + ">", "+<" + student + ">",
		"-<" + odd + ">", "-" + h.bounceTo(student), "-" + h.overflowOf("yourorg"), "hX-Onbehalf-Hop: bounces.courseware.nl", "a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("answers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestClaimedSender: a sender that a stranger claims is replaced by the tenant's overflow
// address, whatever it is, so that nobody gets an address of ours that leads to whom he
// names. The null sender stays.
func TestClaimedSender(t *testing.T) {
	h := open(t)
	for _, sender := range []string{
		"", "jane@receiver.example", `"a b"@receiver.example`, "SRS0=H=TT=o.example=u@f.example",
		"SRS1=H=first.example==G=TT=o.example=u@f.example", strings.Repeat("a", 60) + "@receiver.example",
		"unqualified", "help@courseware.nl", "help@mail.courseware.nl", strings.Trim(h.bounceTo("victim@receiver.example"), "<>"),
	} {
		m := bounce(h.bounceTo(academy))
		m.Sender = "<" + sender + ">"
		want := "<>"
		if sender != "" {
			want = h.overflowOf("yourorg")
		}
		got := h.send(h.client(m), m)
		if got.Sender != want || got.Reply != "" || !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) {
			t.Errorf("<%s> becomes %s, want %s; to %s; %s", sender, got.Sender, want, got.Recipients, got.Reply)
		}
	}
	back := bounce(h.overflowOf("yourorg"))
	if got := h.send(h.client(back), back); !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) { // its bounces_to
		t.Errorf("its bounces go to %s, want the operator", got.Recipients)
	}
}

// TestManyMessages: bounces and other mail on one connection, each as if alone.
func TestManyMessages(t *testing.T) {
	h := open(t)
	good, bad := bounce(h.bounceTo(academy)), bounce("<SRS0=aaaaaaaa=D5=x.example=a@bounces.courseware.nl>")
	client := h.client(good)
	for range 3 {
		if got := h.send(client, bad); !strings.HasPrefix(got.Reply, "550 5.1.1 ") {
			t.Errorf("forged: reply is %q", got.Reply)
		}
		if got := h.send(client, good); got.Reply != "" || !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) || got.Header.String() != header(good, true) {
			t.Errorf("bounce: %+v", got)
		}
		m := stranger()
		if got := h.send(client, m); got.Reply != "" || !slices.Equal(got.Recipients, m.Recipients) || got.Header.String() != header(m, false) {
			t.Errorf("other: %+v", got)
		}
	}
	c := &h.Counts
	if got := [4]int64{c.Forwarded.Load(), c.Passed.Load(), c.Refused.Load(), c.Recipients.Load()}; got != [4]int64{3, 3, 0, 3} {
		t.Errorf("counts are %v", got)
	}
}

// TestTrustedToBounce: mail of a trusted submitter to an address of ours is decided
// about like any other, signed, and forwarded; the hop is under the signature.
func TestTrustedToBounce(t *testing.T) {
	h := open(t)
	m := good()
	m.Recipients = []string{"<" + student + ">", h.bounceTo(academy)}
	got := h.send(h.client(m), m)
	h.wantSigned(m, got)
	if want := []string{"<" + student + ">", "<" + academy + ">"}; !slices.Equal(got.Recipients, want) || got.Header[2:].String() != header(m, true) {
		t.Errorf("recipients %s, header\n%s", got.Recipients, got.Header)
	}
	if h.Counts.Kept.Load() != 1 || h.Counts.Forwarded.Load() != 0 {
		t.Error("it counts as forwarded")
	}
	returned := h.returned()
	if len(returned) != 1 || returned["yourorg"].Messages != 1 {
		t.Errorf("returns are %v; they are of whom they lead to", returned)
	}
	m.Recipients = []string{"<nobody@bounces.courseware.nl>"}
	if got := h.send(h.client(m), m); !strings.HasPrefix(got.Reply, "550 5.1.1 ") {
		t.Errorf("a trusted submitter's mail to nobody: %q", got.Reply)
	}
}

// localBounce is a bounce that Postfix makes itself.
func localBounce(to string) mta.Mail {
	m := good()
	m.Client, m.Local, m.Sender, m.Recipients = netip.MustParseAddr("127.0.0.1"), true, "<>", []string{to}
	m.Header[0].Value = " MAILER-DAEMON@mail.courseware.nl (Mail Delivery System)"
	return m
}

// TestLocalBounce: one to a valid address is forwarded. One to an invalid one is not
// refused: Postfix would keep it in its queue for ever.
func TestLocalBounce(t *testing.T) {
	h := open(t)
	bad := "<SRS0=aaaaaaaa=D5=x.example=a@bounces.courseware.nl>"
	for to, want := range map[string]string{h.bounceTo(academy): "<" + academy + ">", bad: bad, "<jane@bounces.courseware.nl>": "<jane@bounces.courseware.nl>"} {
		for range maxRefused + 5 { // nor is it taken for guessing
			m := localBounce(to)
			got := h.send(h.client(m), m)
			h.wantSigned(m, got)
			if !slices.Equal(got.Recipients, []string{want}) || got.Refused != nil || got.Sender != "<>" {
				t.Fatalf("%s: to %s, refused %v", to, got.Recipients, got.Refused)
			}
		}
	}
	if n := h.Counts.Recipients.Load(); n != 0 || h.book.has("recipient refused") {
		t.Errorf("%d recipients refused", n)
	}
	if got := h.returned(); len(got) != 1 || got["yourorg"].Messages != maxRefused+5 {
		t.Errorf("returns are %v", got)
	}
}

// replying returns a harness whose rewritten From is a reply address.
func replying(t *testing.T) *harness {
	t.Helper()
	h := open(t)
	cast := cases.NewCast(t)
	h.state.Store(&cases.Generation{Tenants: cast.Table(t, byReply), Keys: h.state.Load().Keys, Addresses: true})
	return h
}

// TestNoReplyAddressFits: a person's answer does not go to bounces_to.
func TestNoReplyAddressFits(t *testing.T) {
	h := replying(t)
	m := from(strings.Repeat("a", 60)+"@yourorganisationname.nl", "")
	sent := h.send(h.client(m), m)
	h.wantSigned(m, sent)
	from, _ := sent.Header.Get("From")
	read, err := message.ParseFrom(from.Value)
	must(t, err)
	if got := read.Mailboxes[0].Address.String(); got != "noreply@reply.courseware.nl" {
		t.Errorf("From is %s", got)
	}
}

// TestReplyReachesAuthor: the From that a message got leads to its author, from
// anyone.
func TestReplyReachesAuthor(t *testing.T) {
	h := replying(t)
	for author, want := range map[string]string{academy: "<" + academy + ">", "Jane.Doe+x=y@yourorg.example": "<Jane.Doe+x=y@yourorg.example>"} {
		m := from(author, "")
		sent := h.send(h.client(m), m)
		h.wantSigned(m, sent)
		from, _ := sent.Header.Get("From")
		read, err := message.ParseFrom(from.Value)
		must(t, err)
		address := read.Mailboxes[0].Address
		if address.Domain.String() != "reply.courseware.nl" || !strings.HasPrefix(address.Local, "reply") {
			t.Fatalf("From is %s", from.Value)
		}
		for _, client := range []string{"203.0.113.5", "192.0.2.10"} {
			reply := good()
			reply.Client, reply.Recipients = netip.MustParseAddr(client), []string{"<" + address.String() + ">"}
			reply.Sender, reply.Header[0].Value = "<"+student+">", " "+student
			got := h.send(h.client(reply), reply)
			if !slices.Equal(got.Recipients, []string{want}) || got.Reply != "" {
				t.Errorf("%s from %s leads to %s, reply %q", address, client, got.Recipients, got.Reply)
			}
			if client == "203.0.113.5" && (got.Sender != h.overflowOf("yourorg") || got.Header.String() != header(reply, true)) {
				t.Errorf("from %s, header\n%s", got.Sender, got.Header)
			}
		}
	}
}

// TestReplyIsNoBounce: each kind leads somewhere at its own domain only, and nobody else
// lives there.
func TestReplyIsNoBounce(t *testing.T) {
	h := replying(t)
	author, err := message.ParseAddress(academy)
	must(t, err)
	reply := h.codec(0).Reply(author)
	const replies = "reply+yourorg=cvxnly67=D5" // as earlier versions made it where none fitted
	local, _, _ := strings.Cut(strings.Trim(h.bounceTo(academy), "<>"), "@")
	for to, want := range map[string]string{
		reply + "@reply.courseware.nl":                                            academy,
		upper(reply) + "@Reply.Courseware.NL":                                     "ACADEMY@yourorganisationname.nl",
		replies + "@reply.courseware.nl":                                          academy,
		h.codec(-1000).Reply(author) + "@reply.courseware.nl":                     academy, // good as long as a stamp can say
		reply + "@bounces.courseware.nl":                                          "it is a reply address",
		replies + "@bounce.yourorganisationname.nl":                               "it is a reply address",
		strings.Replace(reply, "=academy", "=rector", 1) + "@reply.courseware.nl": "its check code is wrong",
		"reply=" + strings.TrimPrefix(local, "SRS0=") + "@reply.courseware.nl":    "its check code is wrong",
		"SRS0=" + strings.TrimPrefix(reply, "reply=") + "@bounces.courseware.nl":  "its check code is wrong",
		"reply+yourorg=aaaaaaaa=D5@reply.courseware.nl":                           "its check code is wrong",
		"reply=x@reply.courseware.nl":                                             "does not have the form",
		local + "@reply.courseware.nl":                                            "it is a reply address at a domain for bounce addresses, or a bounce address at a domain for replies",
		"reply@reply.courseware.nl":                                               "does not have the form",
		"reply+me@reply.courseware.nl":                                            "does not have the form",
		"postmaster@reply.courseware.nl":                                          "postmaster@courseware.nl",
		reply + "@courseware.nl":                                                  "",
	} {
		m := stranger()
		m.Recipients = []string{"<" + to + ">"}
		got := h.send(h.client(m), m)
		switch {
		case want == "":
			if !slices.Equal(got.Recipients, m.Recipients) || got.Sender != m.Sender {
				t.Errorf("%s: an ordinary recipient is led to %s, %v", to, got.Recipients, got.Refused)
			}
		case strings.Contains(want, "@"):
			if !slices.Equal(got.Recipients, []string{"<" + want + ">"}) {
				t.Errorf("%s leads to %s, %v; want %s", to, got.Recipients, got.Refused, want)
			}
		default:
			checkRefused(t, got, map[string]string{"<" + to + ">": want})
		}
	}
}

// TestHops: a message that has come through three times is refused, whoever sends it,
// before its body is.
func TestHops(t *testing.T) {
	h := open(t)
	trusted := good()
	trusted.Recipients = []string{h.bounceTo(academy)}
	for _, m := range []mta.Mail{bounce(h.bounceTo(academy)), trusted} {
		for hops := range 5 {
			got := h.send(h.client(m), m)
			if refused := strings.HasPrefix(got.Reply, "554 5.4.6 "); refused != (hops >= 3) || !refused && got.Reply != "" {
				t.Errorf("after %d rounds: reply is %q", hops, got.Reply)
			}
			m.Header = append(slices.Clone(m.Header), message.Field{Name: "x-onbehalf-hop", Value: " Bounces.Courseware.nl"})
		}
		m.Recipients = []string{"<help@courseware.nl>"}
		if got := h.send(h.client(m), m); got.Reply != "" {
			t.Errorf("mail that goes nowhere else is refused: %q", got.Reply)
		}
	}
	lines := h.book.lines(t, "message")
	for _, l := range []line{lines[3], lines[9]} {
		if l["row"] != "loop" || l["result"] != "refused" || l["action"] != "refuse" || l["tenant"] != "yourorg" {
			t.Errorf("log line is %v", l)
		}
	}
	if n := h.Counts.Refused.Load(); n != 4 {
		t.Errorf("%d refused", n)
	}
}

// TestGuessing: after twenty recipients that lead nowhere, on however many messages of
// one connection, the answer is 421 to every address of ours: a right guess must not
// stand out. Others do not count.
func TestGuessing(t *testing.T) {
	h := open(t)
	guess := func(n int) string { return fmt.Sprintf("<guess%d@bounces.courseware.nl>", n) }
	one := bounce()
	client := h.client(one)
	for n := range maxRefused + 5 {
		m := bounce("<help@courseware.nl>", guess(n), h.bounceTo(academy))
		got := h.send(client, m)
		want, led, refused := "550 5.1.1 there is no mailbox behind this address", []string{"<help@courseware.nl>", "<" + academy + ">"}, 1
		if n >= maxRefused-1 { // the good one behind the last guess is refused already
			led, refused = led[:1], 2
		}
		if n >= maxRefused {
			want = "421 4.7.0 too many"
		}
		if reply := got.Refused[guess(n)]; !strings.HasPrefix(reply, want) || len(got.Refused) != refused {
			t.Errorf("guess %d is answered %v, want %s", n+1, got.Refused, want)
		}
		if !slices.Equal(got.Recipients, led) {
			t.Errorf("guess %d costs others: %s", n+1, got.Recipients)
		}
	}
	var many []string
	for n := range maxRefused + 1 {
		many = append(many, guess(n))
	}
	m := bounce(many...)
	got := h.send(h.client(m), m)
	for n, to := range many {
		if last := strings.HasPrefix(got.Refused[to], "421 4.7.0 "); last != (n == maxRefused) {
			t.Errorf("on a new connection guess %d is answered %q", n+1, got.Refused[to])
		}
	}
	if n := len(h.book.lines(t, "recipient refused")); n != 2*maxRefused+12 || h.Counts.Recipients.Load() != int64(n) {
		t.Errorf("%d lines, %d counted", n, h.Counts.Recipients.Load())
	}
}

// TestExpiryByClock: it is the server's clock that ages an address.
func TestExpiryByClock(t *testing.T) {
	var passed atomic.Int64 // days
	h := open(t, func(h *harness) {
		h.Now = func() time.Time { return cases.Now.Add(time.Duration(passed.Load()) * day) }
	})
	m := bounce(h.bounceTo(academy))
	for days, want := range map[int64]bool{-2: false, -1: true, 0: true, 30: true, 31: false, 400: false} {
		passed.Store(days)
		if got := h.send(h.client(m), m); (got.Reply == "") != want {
			t.Errorf("%d days later: %q", days, got.Reply)
		}
	}
}

// TestClockJump: neither addresses that were made before a clock jumped are refused, nor those that
// are made before it is right again, while it is wrong and afterwards.
func TestClockJump(t *testing.T) {
	type times struct{ now, besides int } // days
	at := func(days int) time.Time { return cases.Now.Add(time.Duration(days) * day) }
	for name, c := range map[string]struct {
		times
		made int
		good bool
	}{
		"ahead: made before":               {times{30, 0}, -1, true},
		"ahead: made since":                {times{32, 2}, 31, true},
		"ahead: too old by both":           {times{30, 0}, -31, false},
		"ahead: of the future of both":     {times{30, 0}, 32, false},
		"right again: made while ahead":    {times{5, 35}, 33, true},
		"right again: made before":         {times{5, 35}, -1, true},
		"back: made before":                {times{-30, 0}, 0, true},
		"back: made since":                 {times{-28, 2}, -29, true},
		"right again: made while back":     {times{5, -25}, -29, true},
		"right again: never made":          {times{5, -25}, 7, false},
		"right again: older than any time": {times{5, -25}, -56, false},
	} {
		h := open(t, func(h *harness) {
			h.Now = func() time.Time { return at(c.now) }
			h.Besides = func() []time.Time { return []time.Time{at(c.besides)} }
		})
		for _, to := range []string{h.bounceAt(academy, home, c.made), h.bounceAt("SRS0=HHH=TT=orig.example=u@fwd.example", home, c.made)} {
			m := bounce(to)
			if got := h.send(h.client(m), m); (got.Reply == "") != c.good {
				t.Errorf("%s: %s: %q", name, to, got.Reply)
			}
		}
	}
}

// TestShadowLeadsHome: an address of ours was made when plans were carried out, and
// has no other place to go.
func TestShadowLeadsHome(t *testing.T) {
	h := open(t)
	to := h.bounceTo(academy)
	h.state.Store(&cases.Generation{Tenants: cases.NewCast(t).Table(t, "ONBEHALF_POLICY_MODE=shadow"), Keys: h.state.Load().Keys})
	trusted := from("a@shadow.example", "")
	trusted.Recipients = []string{to, "<" + student + ">"}
	for _, m := range []mta.Mail{bounce(to), trusted} {
		got := h.send(h.client(m), m)
		if !slices.Contains(got.Recipients, "<"+academy+">") || slices.Contains(got.Recipients, to) || got.Header.String() != header(m, true) {
			t.Errorf("to %s, header\n%s", got.Recipients, got.Header)
		}
	}
	m := bounce("<jane@bounces.courseware.nl>")
	if got := h.send(h.client(m), m); !strings.HasPrefix(got.Reply, "550 5.1.1 ") {
		t.Errorf("forged: %q", got.Reply)
	}
}

// TestSecretRotation: the first secret signs, each verifies, and one that is gone does
// not; connections that are open notice.
func TestSecretRotation(t *testing.T) {
	h := open(t)
	secrets := filepath.Join(t.TempDir(), "secrets")
	cast := cases.NewCast(t)
	load := func(lines ...string) {
		must(t, os.WriteFile(secrets, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		h.state.Store(&cases.Generation{Tenants: cast.Table(t, "ONBEHALF_SRS_SECRETS="+secrets), Keys: cast.Keys})
	}
	const one, two = "the first secret of the two", "the other secret of the two"
	old := h.bounceTo(academy)
	load(one)
	first := h.bounceTo(academy)
	load(two)
	second := h.bounceTo(academy)
	client, author := h.client(bounce()), h.client(rewritten())
	for _, c := range []struct {
		secrets []string
		made    string // what a message gets now
		good    []string
	}{
		{[]string{one}, first, []string{first}},
		{[]string{one, two}, first, []string{first, second}},
		{[]string{two, one}, second, []string{first, second}},
		{[]string{two}, second, []string{second}},
	} {
		load(c.secrets...)
		if got := h.send(author, rewritten()); got.Sender != c.made {
			t.Errorf("%q: sender is %s, want %s", c.secrets, got.Sender, c.made)
		}
		for _, to := range []string{old, first, second} {
			if got := h.send(client, bounce(to)); (got.Reply == "") != slices.Contains(c.good, to) {
				t.Errorf("%q: %s is answered %q", c.secrets, to, got.Reply)
			}
		}
	}
}

// TestReloadWithinMessage: a recipient is judged, and forwarded, by what was current at
// MAIL.
func TestReloadWithinMessage(t *testing.T) {
	h := open(t)
	to, now := h.bounceTo(academy), h.state.Load()
	other := filepath.Join(t.TempDir(), "secrets")
	must(t, os.WriteFile(other, []byte("another secret altogether\n"), 0o600))
	cast := cases.NewCast(t)
	changed := &cases.Generation{Tenants: cast.Table(t, "ONBEHALF_SRS_SECRETS="+other), Keys: cast.Keys}
	client := h.client(bounce())
	for _, c := range []struct {
		atMail, later *cases.Generation
		good          bool
	}{{now, changed, true}, {changed, now, false}} {
		h.state.Store(c.atMail)
		client.Ask('M', "<>")
		settle(t, client)
		h.state.Store(c.later)
		if code, _, err := client.Ask('R', to); (code == 'c') != c.good || err != nil {
			t.Errorf("answered %q, %v", code, err)
		}
		if c.good {
			client.Ask('N')
			must(t, client.Write('E', nil))
			code, data, err := client.Read()
			if code != '+' || string(data) != "<"+academy+">\x00" || err != nil {
				t.Errorf("answered %q %q, %v", code, data, err)
			}
			readReply(t, client)
		}
		must(t, client.Write('A', nil))
	}
}

// notification is a delivery status notification as Postfix makes it (RFC 3464), of
// two recipients.
func notification(to ...string) mta.Mail {
	m := bounce(to...)
	m.Header = append(m.Header,
		message.Field{Name: "Auto-Submitted", Value: " auto-replied"},
		message.Field{Name: "MIME-Version", Value: " 1.0"},
		message.Field{Name: "Content-Type", Value: " multipart/report; report-type=delivery-status;\r\n\tboundary=\"4XB.1/mx.receiver.example\""})
	m.Body = []byte(strings.ReplaceAll(`This is a MIME-encapsulated message.

--4XB.1/mx.receiver.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

Status: 4.0.0
Action: delayed

--4XB.1/mx.receiver.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.receiver.example
Arrival-Date: Mon,  1 Jun 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; student@inside.receiver.example
Original-Recipient: rfc822;student@receiver.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; inside.receiver.example
Diagnostic-Code: smtp; 550 5.1.1 <student@inside.receiver.example>: no
    such user

Final-Recipient: rfc822; pupil@receiver.example
Action: delayed
Status: 4.4.1
Will-Retry-Until: Sat,  6 Jun 2026 09:00:00 +0000 (UTC)

--4XB.1/mx.receiver.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: academy@yourorganisationname.nl
Action: relayed

It starts on Monday.

--4XB.1/mx.receiver.example--
`, "\n", "\r\n"))
	return m
}

// TestStatus: a notification is read as it streams past, however it is cut, and
// forwarded.
func TestStatus(t *testing.T) {
	h := open(t)
	m := notification(h.bounceTo(academy))
	client := h.client(m)
	const want = "failed 5.1.1 for student@receiver.example, delayed 4.4.1 for pupil@receiver.example"
	var opening []string
	opening = append(opening, "M<>\x00", "R"+m.Recipients[0]+"\x00")
	for _, f := range m.Header {
		opening = append(opening, "L"+f.Name+"\x00"+strings.ReplaceAll(f.Value, "\r\n", "\n")+"\x00")
	}
	start := frames(append(opening, "N")...)
	for cut := range m.Body {
		must(t, client.WriteRaw(slices.Concat(start, frame('B', string(m.Body[:cut])), frame('B', string(m.Body[cut:])), frames("E"))))
		code, _ := readReply(t, client)
		for range 2 {
			code, _ = readReply(t, client)
		}
		if code != 'a' {
			t.Fatalf("answered %q", code)
		}
	}
	if got := h.send(client, m); got.Reply != "" || got.Header.String() != header(m, true) {
		t.Errorf("reply %q, header\n%s", got.Reply, got.Header)
	}
	lines := h.book.lines(t, "message")
	for cut, l := range lines {
		if l["dsn"] != want || l["action"] != "forward" || l["tenant"] != "yourorg" || l["forwarded"] != 1.0 || l["to"] != academy {
			t.Fatalf("cut at %d: log line is %v", cut, l)
		}
	}
	n := int64(len(m.Body) + 1)
	got := h.returned()
	if len(got) != 1 || got["yourorg"].Messages != n || got["yourorg"].Automatic != n || !maps.Equal(got["yourorg"].Reports, map[string]int64{"failed": n, "delayed": n}) {
		t.Errorf("%d messages: returns are %v", n, got)
	}
	got["yourorg"].Reports["failed"] = 0
	if again := h.Counts.Returns.Of("yourorg"); again.Reports["failed"] != n {
		t.Error("Of returns what it keeps, not a copy")
	}
}

// TestReturnsByTenant: a message counts for each tenant that it leads to.
func TestReturnsByTenant(t *testing.T) {
	h := open(t)
	vacation := bounce(h.bounceTo("courses@university.example"))
	vacation.Header = append(vacation.Header, message.Field{Name: "Auto-Submitted", Value: " auto-replied"})
	person := bounce(h.bounceTo("courses@university.example"))
	person.Header = append(person.Header, message.Field{Name: "auto-submitted", Value: " No"})
	odd := notification(h.bounceTo(academy), h.bounceTo("team@club.example"), h.overflowOf("yourorg"))
	odd.Body = []byte(strings.ReplaceAll(string(odd.Body), "Action: failed", "Action: jane@receiver.example"))
	for _, m := range []mta.Mail{
		vacation, person, odd, bounce(h.bounceTo(student)), bounce("<postmaster@bounces.courseware.nl>"), bounce(h.overflowOf("museum")),
		stranger(), good(), bounce("<jane@bounces.courseware.nl>"),
	} {
		h.send(h.client(m), m)
	}
	want := map[string]Returned{
		"":           {Messages: 2},
		"university": {Messages: 2, Automatic: 1},
		"yourorg":    {Messages: 1, Automatic: 1, Reports: map[string]int64{"other": 1, "delayed": 1}},
		"club":       {Messages: 1, Automatic: 1, Reports: map[string]int64{"other": 1, "delayed": 1}},
		"museum":     {Messages: 1},
	}
	got := h.returned()
	if !maps.EqualFunc(got, want, func(a, b Returned) bool {
		return a.Messages == b.Messages && a.Automatic == b.Automatic && maps.Equal(a.Reports, b.Reports)
	}) {
		t.Errorf("returns are %v, want %v", got, want)
	}
	if none := h.Counts.Returns.Of("nobody"); none.Messages != 0 || none.Reports != nil || none.Refusals != nil {
		t.Errorf("of a tenant that nothing came back for: %v", none)
	}
}

// TestBrokenStatus: what cannot be read is forwarded all the same.
func TestBrokenStatus(t *testing.T) {
	h := open(t)
	whole := notification()
	typeOf := func(value string) message.Header {
		return append(slices.Clone(whole.Header[:len(whole.Header)-1]), message.Field{Name: "Content-Type", Value: value})
	}
	for name, c := range map[string]struct {
		header message.Header
		body   string
	}{
		"no boundary parameter": {typeOf(" multipart/report; report-type=delivery-status"), string(whole.Body)},
		"boundary not closed":   {typeOf(` multipart/report; report-type=delivery-status; boundary="x`), string(whole.Body)},
		"boundary escapes":      {typeOf(` multipart/report; report-type=delivery-status; boundary="x\`), string(whole.Body)},
		"empty boundary":        {typeOf(` multipart/report; report-type=delivery-status; boundary=""`), string(whole.Body)},
		"boundary is the end":   {typeOf(" multipart/report; report-type=delivery-status; boundary="), string(whole.Body)},
		"another boundary":      {typeOf(" multipart/report; report-type=delivery-status; boundary=other"), string(whole.Body)},
		"8-bit type":            {typeOf(" multipart/report; report-type=delivery-status; x=\"" + strings.Repeat("\xe9", 100) + "\"; boundary=b"), string(whole.Body)},
		"no type":               {whole.Header[:6], string(whole.Body)},
		"empty type":            {typeOf(""), string(whole.Body)},
		"unterminated":          {whole.Header, string(whole.Body[:800])},
		"no line end":           {whole.Header, strings.TrimRight(string(whole.Body), "\r\n")},
		"a line of 1 MB":        {whole.Header, strings.Replace(string(whole.Body), "Action: failed", "Action: "+strings.Repeat("x", 1<<20), 1)},
		"1 MB and no line end":  {whole.Header, strings.Repeat("x", 1<<20)},
		"NULs":                  {whole.Header, strings.ReplaceAll(string(whole.Body), " ", "\x00")},
		"NULs only":             {whole.Header, strings.Repeat("\x00", 100000)},
		"8-bit":                 {whole.Header, strings.ReplaceAll(string(whole.Body), " ", "\xff")},
		"bare CRs":              {whole.Header, strings.ReplaceAll(string(whole.Body), "\n", "")},
		"bare LFs":              {whole.Header, strings.ReplaceAll(string(whole.Body), "\r", "")},
		"no body":               {whole.Header, ""},
		"1000 reports":          {whole.Header, strings.Replace(string(whole.Body), "\r\nFinal", "\r\n"+strings.Repeat("Action: failed\r\n\r\n", 1000)+"Final", 1)},
	} {
		m := bounce(h.bounceTo(academy))
		m.Header, m.Body = c.header, []byte(c.body)
		got := h.send(h.client(m), m)
		if got.Reply != "" || !slices.Equal(got.Recipients, []string{"<" + academy + ">"}) || got.Header.String() != header(m, true) {
			t.Errorf("%s: reply %q, to %s", name, got.Reply, got.Recipients)
		}
	}
	for name, body := range map[string]string{"between lines": "Status: 5.1.1\r\n", "within a line": "Status: 5.1.1"} {
		m := notification(h.bounceTo(academy))
		before, _, _ := strings.Cut(string(m.Body), "Status: 5.1.1")
		m.Body = []byte(before + body)
		h.send(h.client(m), m)
		lines := h.book.lines(t, "message")
		if dsn := lines[len(lines)-1]["dsn"]; dsn != "failed 5.1.1 for student@receiver.example" {
			t.Errorf("cut off %s: dsn is %v", name, dsn)
		}
	}
	if reports := h.Counts.Returns.Of("yourorg").Reports; reports["failed"] > 110 {
		t.Errorf("reports are %v", reports)
	}
	for _, l := range h.book.lines(t, "message") {
		if dsn, _ := l["dsn"].(string); len(dsn) > 210 {
			t.Errorf("dsn has %d octets", len(dsn))
		}
	}
}

// TestReturnsInLog: what a line says of mail to addresses of ours.
func TestReturnsInLog(t *testing.T) {
	h := open(t)
	m := bounce(h.bounceTo(academy), h.bounceTo(student), "<jane@bounces.courseware.nl>")
	m.Sender = "<jane@receiver.example>"
	h.send(h.client(m), m)
	got := h.book.lines(t, "message")[0]
	for key, want := range map[string]any{
		"level": "INFO", "result": "done", "row": "return", "action": "forward", "tenant": "yourorg", "signed": "", "rewrote": "sender, add X-Onbehalf-Hop",
		"forwarded": 2.0, "to": academy + ", " + student, "new_sender": strings.Trim(h.overflowOf(""), "<>"), "dsn": nil, "queue_id": "4XQUEUE",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if strings.Count(h.book.String(), `"to":`) != 1 {
		t.Errorf("a key is there twice: %s", h.book)
	}
	lines := h.book.lines(t, "recipient refused")
	if len(lines) != 1 || lines[0]["level"] != "INFO" || lines[0]["queue_id"] != "4XQUEUE" || lines[0]["client"] != "203.0.113.5" ||
		lines[0]["recipient"] != "jane@bounces.courseware.nl" || lines[0]["reason"] != srs.ErrNotOurs.Error() {
		t.Errorf("log lines are %v", lines)
	}
}

// TestReturnsWithoutAddresses: with addresses off, no line names who wrote, who gets
// it, or whom a notification is about, whatever words it uses.
func TestReturnsWithoutAddresses(t *testing.T) {
	h := open(t)
	state := *h.state.Load()
	state.Addresses = false
	h.state.Store(&state)
	dsn := notification(h.bounceTo(academy), "<jane@bounces.courseware.nl>", strings.Replace(h.bounceTo(academy), "academy", "jane", 1))
	dsn.Sender = "<jane@receiver.example>"
	odd := dsn
	odd.Body = []byte(strings.NewReplacer("Action: failed", "Action: jane@receiver.example", "Status: 5.1.1", "Status: jane@receiver.example").Replace(string(dsn.Body)))
	for _, m := range []mta.Mail{dsn, odd} {
		h.send(h.client(m), m)
	}
	lines := h.book.lines(t, "message")
	if len(lines) != 2 || lines[0]["dsn"] != "failed 5.1.1, delayed 4.4.1" || lines[1]["dsn"] != "other, delayed 4.4.1" {
		t.Errorf("log lines are %v", lines)
	}
	if n := len(h.book.lines(t, "recipient refused")); n != 4 {
		t.Errorf("%d lines about recipients", n)
	}
	for _, secret := range []string{"@", "jane", "academy", "student", "pupil", "203.0.113.5", "receiver.example"} {
		if strings.Contains(h.book.String(), secret) {
			t.Errorf("log holds %q:\n%s", secret, h.book)
		}
	}
}

// TestBodyIsNotAskedFor: a message that passes or is refused is answered before it.
func TestBodyIsNotAskedFor(t *testing.T) {
	h := open(t)
	pass := "ONBEHALF_POLICY_UNKNOWN_DOMAIN=pass"
	h.state.Store(&cases.Generation{Tenants: cases.NewCast(t).Table(t, pass), Keys: h.state.Load().Keys})
	for name, c := range map[string]struct {
		mail mta.Mail
		want byte
	}{
		"stranger":    {stranger(), 'a'},
		"no tenant's": {from("x@nobody.example", ""), 'a'},
		"shadow":      {from("a@shadow.example", ""), 'a'},
		"refused":     {refusable(), 'y'},
		"signed":      {good(), 'c'},
		"bounce":      {bounce(h.bounceTo(academy)), 'c'},
		"too often":   {withHops(bounce(h.bounceTo(academy)), 3), 'y'},
	} {
		client := h.client(c.mail)
		for range 2 {
			must(t, client.Macros('M', "{auth_authen}", c.mail.Login))
			client.Ask('M', c.mail.Sender)
			client.Ask('R', c.mail.Recipients[0])
			for _, f := range c.mail.Header {
				client.Ask('L', f.Name, strings.ReplaceAll(f.Value, "\r\n", "\n"))
			}
			if code, data, err := client.Ask('N'); code != c.want || err != nil {
				t.Errorf("%s: answered %q %q, %v; want %q", name, code, data, err, c.want)
			}
			if c.want == 'c' {
				must(t, client.Write('A', nil))
				continue
			}
			wait(t, name+": no message is under way", h.idle)
		}
	}
}

func withHops(m mta.Mail, n int) mta.Mail {
	for range n {
		m.Header = append(m.Header, message.Field{Name: "X-Onbehalf-Hop", Value: " " + home})
	}
	return m
}

// TestRefusedByReceiver: what a receiver says against the tenant's mail is a finding of its
// own, and what is the recipient's affair is none.
func TestRefusedByReceiver(t *testing.T) {
	h := open(t)
	send := func(remote, status, diagnostic string) {
		m := notification(h.bounceTo(academy))
		before, _, _ := strings.Cut(string(m.Body), "Status: 5.1.1")
		m.Body = []byte(before + "Status: " + status + "\r\nRemote-MTA: dns; " + remote + "\r\nDiagnostic-Code: smtp; " + diagnostic + "\r\n")
		if got := h.send(h.client(m), m); got.Reply != "" {
			t.Fatal(got.Reply)
		}
	}
	const exchange = "tenant.mail.protection.outlook.com"
	for range 2 {
		send(exchange, "5.7.68", "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization\r\n from unauthorized sources")
	}
	send("gmail-smtp-in.l.google.com", "5.7.26", "550-5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp")
	send(exchange, "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found")
	got := h.Counts.Returns.Of("yourorg").Refusals
	if len(got) != 2 || got[directSend].Times != 2 || got[directSend].Last.IsZero() {
		t.Fatalf("refusals are %+v", got)
	}
	lines := h.book.lines(t, "receiver refuses a tenant's mail")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for key, want := range map[string]any{"level": "WARN", "tenant": "yourorg", "class": "policy", "receiver": "Exchange Online", "queue_id": "4XQUEUE",
		"finding": "the tenant's Exchange refuses its own domain from outside; it needs a connector, or DKIM"} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
	if lines[2]["class"] != "auth" || lines[2]["receiver"] != "Gmail" {
		t.Errorf("log is %v", lines[2])
	}
}

// TestRefusalsOfOneMessage: what is said of several recipients is said once, and only where mail
// does not get through.
func TestRefusalsOfOneMessage(t *testing.T) {
	const direct = "smtp; 550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources"
	for _, test := range []struct {
		name    string
		actions []string
		want    int
	}{
		{"failed", []string{"failed"}, 1}, {"failed for two", []string{"failed", "failed"}, 1}, {"delayed", []string{"delayed"}, 1},
		{"delayed for one, failed for another", []string{"delayed", "failed"}, 1},
		{"delivered", []string{"delivered"}, 0}, {"relayed, and failed for another", []string{"relayed", "failed"}, 1}, {"of no action", []string{""}, 0},
	} {
		status := new(message.StatusReader)
		for _, action := range test.actions {
			status.Reports = append(status.Reports, message.Report{Action: action, Status: "5.7.68", Remote: "tenant.mail.protection.outlook.com", Diagnostic: direct})
		}
		said := refusals(failures(status))
		if len(said) != test.want {
			t.Errorf("%s: %+v", test.name, said)
		}
		for _, one := range said {
			if one.Meaning.Entry != directSend {
				t.Errorf("%s: entry %d", test.name, one.Meaning.Entry)
			}
		}
	}
}

package milter

import (
	"net/netip"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// handedBack is a message as a content filter on this host hands it back.
func handedBack(m mta.Mail, sent mta.Result) mta.Mail {
	m.Header, m.Sender, m.Client, m.Login = sent.Header, sent.Sender, netip.MustParseAddr("127.0.0.1"), ""
	return m
}

// TestDecidedOnce: what was signed here and comes back passes; what a filter has changed,
// or somebody copied, is decided about.
func TestDecidedOnce(t *testing.T) {
	with := func(name, value string) func(*mta.Mail) {
		return func(m *mta.Mail) {
			h := message.Header{}
			for _, f := range m.Header {
				if f.Is(name) {
					f.Value = value
				}
				h = append(h, f)
			}
			m.Header = h
		}
	}
	for name, c := range map[string]struct {
		mail   mta.Mail
		change func(*mta.Mail)
		row    string
	}{
		"kept":               {good(), func(*mta.Mail) {}, "decided"},
		"rewritten":          {rewritten(), func(*mta.Mail) {}, "decided"},
		"local":              {good(), func(m *mta.Mail) { m.Local = true }, "decided"},
		"a field added":      {good(), func(m *mta.Mail) { m.Header = append(m.Header, message.Field{Name: "X-Spam", Value: " no"}) }, "decided"},
		"folded otherwise":   {good(), with("To", "\r\n "+student), "decided"},
		"another subject":    {good(), with("Subject", " ***SPAM***"), "2 key-spf"},
		"another From":       {good(), with("From", " a@museum.example"), "5 spf"},
		"from the network":   {good(), func(m *mta.Mail) { m.Client = netip.MustParseAddr("192.0.2.10") }, "2 key-spf"},
		"by a tenant's own":  {good(), func(m *mta.Mail) { m.Client = netip.MustParseAddr("192.0.2.70") }, "10 forbidden"},
		"by a login":         {good(), func(m *mta.Mail) { m.Login = "lms-club" }, "10 forbidden"},
		"without signatures": {good(), func(m *mta.Mail) { m.Header = m.Header[2:] }, "2 key-spf"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			sent := h.send(h.client(c.mail), c.mail)
			again := handedBack(c.mail, sent)
			c.change(&again)
			got := h.send(h.client(again), again)
			lines := h.book.lines(t, "message")
			if row := lines[len(lines)-1]["row"]; row != c.row {
				t.Errorf("row %v, want %s: %v", row, c.row, lines[len(lines)-1])
			}
			if n := strings.Count(got.Header.String(), "DKIM-Signature:"); got.Reply == "" && c.row != "5 spf" && n != 2 { // those of another domain stay
				t.Errorf("%d signatures", n)
			}
		})
	}
}

// TestDecidedForgets: memory is bounded.
func TestDecidedForgets(t *testing.T) {
	var d decided
	header := func(i int) message.Header {
		return message.Header{{Name: "DKIM-Signature", Value: " b=" + strings.Repeat("x", i)}, {Name: "From", Value: " a@b.example"}}
	}
	for i := range maxDecided + 10 {
		d.remember(header(i)[:1], header(i)[1:])
	}
	if d.knows(header(5)) || !d.knows(header(10)) || !d.knows(header(maxDecided+9)) || len(d.known) != maxDecided {
		t.Errorf("%d are known", len(d.known))
	}
	if d.knows(header(20)[1:]) {
		t.Error("a message without a signature is known")
	}
}

package milter

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
)

// TestCasesOverSocket sends every case of the decision table as Postfix would: what
// comes out is what the plan foretold, and its signatures verify.
func TestCasesOverSocket(t *testing.T) {
	h := open(t, func(h *harness) { h.Limits.Letters = 1000 }) // all are of one network
	for _, c := range cases.All(t, "../rewrite/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			h.state.Store(&cases.Generation{Tenants: c.Table, Keys: c.Keys, Addresses: true})
			m := mailOf(c)
			h.t = t
			client := h.client(m)
			checkCase(t, h, c, m, h.send(client, m))
		})
	}
	h.t = t
}

func checkCase(t *testing.T, h *harness, c cases.Case, m mta.Mail, got mta.Result) {
	t.Helper()
	plan := c.Decide()
	if plan.Action == rewrite.Refuse {
		want := map[rewrite.Row]string{9: "550 5.6.0 ", rewrite.RowLoop: "554 5.4.6 ", rewrite.RowTooMany: "550 5.6.0 "}
		if prefix := cmp.Or(want[plan.Row], "550 5.7.1 "); !strings.HasPrefix(got.Reply, prefix) || !strings.Contains(got.Reply, "; ") {
			t.Errorf("reply is %q, want %s and what to do", got.Reply, prefix)
		}
		return
	}
	if plan.Shadow || plan.Action == rewrite.Pass {
		plan = rewrite.Plan{}
	}
	n := len(plan.Sign)
	h.wantSignatures(got.Header, m.Body, n)
	for i, id := range plan.Sign { // the first is uppermost
		if value := got.Header[i].Text(); !strings.Contains(value, " s="+id.Selector+";") || !strings.Contains(value, " d="+id.SDID.String()+";") {
			t.Errorf("signature %d is not by %s: %s", i+1, id, value)
		}
	}
	if got, want := got.Header[n:].String(), plan.Apply(c.Message.Header).String(); got != want {
		t.Errorf("header:\n%s\nwant:\n%s", got, want)
	}
	if want := plan.Sender(c.Message).String(); got.Sender != want || got.Reply != "" {
		t.Errorf("sender %s, want %s; reply %q", got.Sender, want, got.Reply)
	}
	if want := ledHome(m.Recipients, plan.Redirects); !slices.Equal(got.Recipients, want) || got.Refused != nil {
		t.Errorf("recipients %s, want %s; refused %v", got.Recipients, want, got.Refused)
	}
}

// ledHome returns the recipients after the exchanges: those that stay, then the homes,
// each once.
func ledHome(recipients []string, redirects []rewrite.Redirect) []string {
	var stay, homes []string
	for _, recipient := range recipients {
		if !slices.ContainsFunc(redirects, func(x rewrite.Redirect) bool { return "<"+x.Recipient+">" == recipient }) {
			stay = append(stay, recipient)
		}
	}
	for _, x := range redirects {
		if home := "<" + x.To.String() + ">"; !slices.Contains(homes, home) {
			homes = append(homes, home)
		}
	}
	return append(stay, homes...)
}

// mailOf returns a case as a mail server hands it over.
func mailOf(c cases.Case) mta.Mail {
	e := c.Message.Envelope
	m := mta.Mail{
		Client: c.Message.Submitter.Client, Login: c.Message.Submitter.Login, Local: c.Message.Submitter.Local,
		Host: c.Message.Host.String(), QueueID: c.Message.QueueID,
		Sender: e.ReversePath.String(), Header: c.Message.Header, Body: c.Body,
	}
	if e.SMTPUTF8 {
		m.Sender += " SIZE=100 SMTPUTF8"
	}
	for _, path := range e.ForwardPaths {
		m.Recipients = append(m.Recipients, path.String())
	}
	return m
}

// TestOffers: a mail server that can do less gets the same result.
func TestOffers(t *testing.T) {
	const noReply, leadingSpace = 0x80 | 0x40000 | 0x80000, 0x100000
	for name, offer := range map[string]mta.Offer{
		"Postfix":                    mta.Postfix,
		"answers to everything":      {Version: 6, Actions: 0x1ff, Protocol: 0x1fffff &^ noReply},
		"values without their space": {Version: 6, Actions: 0x1ff, Protocol: 0x1fffff &^ leadingSpace},
		"no step at all":             {Version: 2, Actions: 0x1ff},
		"no list of macros":          {Version: 6, Actions: 0x7f, Protocol: 0x1fffff},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			m := rewritten()
			client := h.clientOffering(offer, m)
			for range 2 {
				got := h.send(client, m)
				h.wantSigned(m, got)
				want := message.Header{{Name: "From", Value: ` "academy via Courseware" <noreply@courseware.nl>`}}
				want = append(want, m.Header[1:]...)
				want = append(want, message.Field{Name: "X-Original-From", Value: " academy@yourorganisationname.nl"},
					message.Field{Name: "Reply-To", Value: " academy@yourorganisationname.nl"})
				if got := got.Header[2:].String(); got != want.String() {
					t.Errorf("header:\n%s\nwant:\n%s", got, want)
				}
			}
		})
	}
}

// TestOverTCP does it all over TCP, too.
func TestOverTCP(t *testing.T) {
	h := build(t)
	h.serve("tcp", "127.0.0.1:0")
	h.lives()
}

package selftest

import (
	"cmp"
	"fmt"
	"io"

	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/term"
)

func (t *Test) printExpectations(w io.Writer) {
	out := term.New(w)
	out.Line("Test %s: two messages to %s, by way of %s", t.Token, t.To, t.SMTP)
	for i, p := range t.Messages {
		out.Blank()
		out.Line("%d. Sent %s, from %s", i+1, p.title, p.From)
		t.printExpected(out, p)
	}
}

func (t *Test) printExpected(out *term.Printer, p *sample) {
	out.Item("   Expected:", 13, "row %s, %s: %s.%s", p.Plan.Row, p.Plan.Action, p.Plan.Reason, t.caveat(p))
	if p.Plan.Action == rewrite.Refuse || p.Plan.Action == rewrite.Pass {
		return
	}
	line := func(name, value string) {
		indent := 21
		if indent+term.Width(value) > term.Columns {
			indent = 7
		}
		out.Item("     "+name, indent, "%s", value)
	}
	header := p.header()
	line("Return-Path", p.sender().String())
	for _, name := range []string{"From", "Reply-To"} {
		if field, found := header.Get(name); found {
			line(name, field.Text())
		}
	}
	line("DKIM-Signature", cmp.Or(p.signers(), "none of ours"))
	label := "     Authentication-Results"
	for _, result := range t.results(p) {
		out.Item(label, 29, "%s", result)
		label = ""
	}
}

// caveat returns why another row may apply.
func (t *Test) caveat(p *sample) string {
	switch {
	case p.Plan.Shadow:
		return " But mode is shadow: this is only logged, and the message is left as it is."
	case p.Plan.Row == rewrite.RowOnBehalf && t.tenant.Authorization == tenant.Auto && t.snapshot.Standing(p.From.Domain).SPF.State == tenant.Unknown:
		return " The daemon may know more of the tenant's DNS than this command."
	}
	return ""
}

func (t *Test) printReplies(w io.Writer) {
	if t.Messages[0].Reply == "" {
		return
	}
	out := term.New(w)
	out.Blank()
	out.Line("Postfix at %s said:", t.SMTP)
	for i, p := range t.Messages {
		out.Item(fmt.Sprintf("  %d", i+1), 5, "%s", cmp.Or(p.Reply, "nothing"))
		if p.Error != "" && (i == 0 || p.Error != t.Messages[0].Error) {
			out.Item("", 5, "%s", p.Error)
		}
	}
}

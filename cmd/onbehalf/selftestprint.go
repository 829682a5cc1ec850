package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

func (t *selftest) runSilently(w io.Writer) error {
	if err := t.send(); err != nil {
		for _, p := range t.Messages {
			if p.Reply == "" {
				p.Error = err.Error()
			}
		}
	}
	if err := printJSON(w, t); err != nil || t.taken() {
		return err
	}
	return errSaid
}

func (t *selftest) runAloud(w io.Writer) error {
	fmt.Fprintf(w, "Test %s: two messages to %s, by way of %s\n", t.Token, t.To, t.SMTP)
	for i, p := range t.Messages {
		fmt.Fprintf(w, "\n%d. Sent %s, from %s\n", i+1, p.title, p.From)
		t.printExpected(w, p)
	}
	err := t.send()
	t.printReplies(w)
	if err != nil {
		return err
	}
	if !t.taken() {
		return errSaid
	}
	t.printGuide(w)
	return nil
}

func (t *selftest) printExpected(w io.Writer, p *sample) {
	item(w, "   Expected: ", 13, fmt.Sprintf("row %s, %s: %s.%s", p.Plan.Row, p.Plan.Action, p.Plan.Reason, t.reservation(p)))
	if p.Plan.Action == rewrite.Refuse || p.Plan.Action == rewrite.Pass {
		return
	}
	line := func(name, value string) {
		indent := 21
		if indent+len(value) > columns {
			indent = 7
		}
		item(w, "     "+name, indent, value)
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
		item(w, label, 29, result)
		label = ""
	}
}

// reservation says why another row may come true.
func (t *selftest) reservation(p *sample) string {
	switch {
	case p.Plan.Shadow:
		return " But mode is shadow: that is logged, and the message left as it is."
	case p.Plan.Row == rewrite.RowOnBehalf && t.tenant.Authorization == tenant.Auto && t.snapshot.Standing(p.From.Domain).SPF.State == tenant.Unknown:
		return " The daemon may have seen more in the tenant's DNS than is known here."
	}
	return ""
}

// sender, header and signers are as the receiver should see them.
func (p *sample) sender() message.Path {
	if p.Plan.Shadow {
		return p.message.Envelope.ReversePath
	}
	return p.Plan.Sender(p.message)
}

func (p *sample) header() message.Header {
	if p.Plan.Shadow {
		return p.message.Header
	}
	return p.Plan.Apply(p.message.Header)
}

func (p *sample) signers() string {
	var all []string
	for _, id := range p.Plan.Sign {
		if !p.Plan.Shadow {
			all = append(all, fmt.Sprintf("d=%s; s=%s", id.SDID, id.Selector))
		}
	}
	return strings.Join(all, ", ")
}

// results predicts what a receiver finds, each with the domain that it is about.
func (t *selftest) results(p *sample) []string {
	if p.Plan.Shadow {
		return []string{"those of mail without onbehalf"}
	}
	if p.Plan.Row == rewrite.RowDirect {
		return []string{"no matter: the tenant's own server lets us in"}
	}
	sender, from := p.sender().Address.Domain, p.author()
	author := rewrite.AuthorOf(t.snapshot, from)
	passes := author.Aligned(dmarc.SPF, rewrite.AuthenticatedAs(t.snapshot, sender))
	all, signers := []string{fmt.Sprintf("spf=pass (%s)", sender)}, []message.Domain(nil)
	for _, id := range p.Plan.Sign {
		if !slices.Contains(signers, id.SDID) {
			all, signers = append(all, fmt.Sprintf("dkim=pass (%s)", id.SDID)), append(signers, id.SDID)
		}
		passes = passes || author.Aligned(dmarc.DKIM, rewrite.AuthenticatedAs(t.snapshot, id.SDID))
	}
	result := "dmarc=fail or none"
	if passes {
		result = "dmarc=pass"
	}
	return append(all, fmt.Sprintf("%s (%s)", result, from))
}

// author gives the domain in From that the receiver should see.
func (p *sample) author() message.Domain {
	field, _ := p.header().Get("From")
	author, err := message.ParseFrom(field.Value)
	if err != nil {
		return message.Domain{}
	}
	return author.Mailboxes[0].Address.Domain
}

func (t *selftest) printReplies(w io.Writer) {
	if t.Messages[0].Reply == "" {
		return
	}
	fmt.Fprintf(w, "\nPostfix at %s said:\n", t.SMTP)
	for i, p := range t.Messages {
		item(w, fmt.Sprintf("  %d  ", i+1), 5, cmp.Or(p.Reply, "nothing"))
		if p.Error != "" && (i == 0 || p.Error != t.Messages[0].Error) {
			item(w, "", 5, p.Error)
		}
	}
}

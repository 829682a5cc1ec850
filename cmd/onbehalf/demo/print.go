package demo

import (
	"fmt"
	"io"
	"strings"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/term"
)

// printer prints the play. What is painted is clean; the rest of a line is ours.
type printer struct {
	out io.Writer
	*term.Printer
}

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p printer) opening() {
	p.line("%s", p.Paint(term.Bold, "Courseware sends course mail for its customers, with their addresses in From."))
	p.line("Its host is %s. What does a receiver make of that, without and with onbehalf?", hostIP)
}

func (p printer) show(number int, s scene, mail mta.Mail, without authorize.Opinion, why logLine, result mta.Result, with authorize.Opinion) {
	p.line("\n%s", p.Paint(term.Bold, fmt.Sprintf("%d. %s", number, s.title)))
	p.line("   without onbehalf")
	p.message(mail.Sender, mail.Header, nil)
	p.opinion(without)
	p.line("   with onbehalf: row %s: %s", why.Row, why.Reason)
	if result.Reply != "" {
		p.field(p.Paint(term.Red, "refused"), result.Reply)
	} else {
		p.message(strings.Trim(result.Sender, "<>"), result.Header, mail.Header)
		p.opinion(with)
	}
	p.line("   %s", p.Paint(term.Cyan, s.lesson))
}

// message prints envelope and header; what is not in before is marked.
func (p printer) message(sender string, header, before message.Header) {
	p.field("sender", "<"+sender+">")
	for _, name := range []string{"From", "Reply-To", "X-Original-From", "DKIM-Signature"} {
		for _, f := range header.All(name) {
			text := f.Text()
			if name == "DKIM-Signature" {
				text = tags(text)
			}
			if old, _ := before.Get(name); before != nil && old.Text() != f.Text() {
				text = p.Paint(term.Bold, text)
			}
			p.field(name, text)
		}
	}
}

// tags keeps of a signature what says who signed.
func tags(signature string) string {
	var kept []string
	for tag := range strings.SplitSeq(signature, ";") {
		tag = strings.TrimSpace(tag)
		if strings.HasPrefix(tag, "d=") || strings.HasPrefix(tag, "s=") || strings.HasPrefix(tag, "a=") {
			kept = append(kept, tag)
		}
	}
	return strings.Join(kept, "; ") + "; ..."
}

func (p printer) opinion(o authorize.Opinion) {
	text := fmt.Sprintf("SPF %s for %s, ", o.SPF, o.SPFDomain)
	for _, v := range o.Signatures {
		text += fmt.Sprintf("DKIM %s for %s", v.Result, v.Domain)
	}
	if len(o.Signatures) == 0 {
		text += "DKIM none"
	}
	colour := term.Red
	if o.Authenticated() {
		colour = term.Green
	}
	p.field("receiver", text+"; "+p.Paint(colour, fmt.Sprintf("DMARC %s: %s", o.DMARC, o.Explanation)))
}

func (p printer) field(name, text string) { p.line("     %-16s %s", name, text) }

func (p printer) bounce(number int, to string, why logLine, result mta.Result) {
	p.line("\n%s", p.Paint(term.Bold, fmt.Sprintf("%d. The student of the first message does not exist; the receiver sends it back.", number)))
	p.field("sender", "<>")
	p.field("recipient", to)
	p.line("   with onbehalf: %s", why.Reason)
	p.field("recipient", p.Paint(term.Bold, strings.Join(result.Recipients, " ")))
	p.line("   %s", p.Paint(term.Cyan, "The address itself says where to forward it, and its check code proves that we made it: nothing is stored, nothing is lost."))
}

func (p printer) closing() {
	p.line("\n%s", p.Paint(term.Dim, "Nothing left this machine. To install it, read README.md."))
}

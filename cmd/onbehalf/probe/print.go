package probe

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"onbehalf/cmd/onbehalf/check"
	"onbehalf/term"
)

// longestReply is how much of a reply is shown, in bytes; --json has all.
const longestReply = 500

// Print writes what was seen, what it means and what to do, for people. Everything reaches the
// terminal through a term.Printer, which cleans it.
func (r Result) Print(w io.Writer) {
	out := term.New(w)
	out.Line("%s: mail for %s goes to %s", r.Tenant, r.Domain.Unicode(), r.NextHop)
	check.Line(out, "we are", fmt.Sprintf("%s, sending from %s", r.Caller.Hello, ips(r.Caller.SendingIPs)))
	check.Line(out, "certificate", r.Caller.presents())
	if r.Left > 0 {
		check.Line(out, "addresses", fmt.Sprintf("%d more are left out, because Postfix tries %d", r.Left, mostAddresses))
	}
	for _, h := range r.Hosts {
		h.print(out, r.Sight)
	}
	out.Blank()
	for _, f := range r.Findings {
		f.print(out)
	}
	if !r.Accepted {
		check.Line(out, "result", "The server would not accept mail now.")
	}
}

// presents says which certificate of ours a server would see.
func (c Caller) presents() string {
	switch {
	case c.Certificate != nil:
		return fmt.Sprintf("ours is for %s, by %s, until %s", orNone(c.Certificate.Names), c.Certificate.Issuer, c.Certificate.NotAfter.Format(time.DateOnly))
	case c.Unusable != "":
		return "ours cannot be read: " + c.Unusable
	case c.Postfix:
		return "none: smtp_tls_chain_files and smtp_tls_cert_file of Postfix are empty"
	}
	return "none: there is no Postfix on this host"
}

func (h Host) print(out *term.Printer, s Sight) {
	out.Blank()
	out.Line("%s", h.Address)
	if h.Local.IsValid() {
		check.Line(out, "from", h.Local.String())
	}
	for i, step := range h.Steps {
		if step.Stage == Hello && hasHello(h.Steps[i+1:]) || step.Stage == StartTLS {
			continue
		}
		check.Line(out, step.title(), step.outcome(h))
		if step.Stage == Hello && step.OK() {
			h.printTLS(out, s)
		}
	}
}

func (h Host) printTLS(out *term.Printer, s Sight) {
	check.Line(out, "TLS", h.Session.describe(s.Caller))
	for _, o := range h.Levels {
		title := "  " + string(o.TLS)
		if o.TLS == s.TLS { // as direct.tls has it
			title = "> " + string(o.TLS)
		}
		check.Line(out, title, o.Text)
	}
}

func hasHello(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Stage == Hello })
}

func (s Step) title() string {
	if s.Stage == Mail {
		return "MAIL " + string(s.Sender)
	}
	return string(s.Stage)
}

func (s Step) outcome(h Host) string {
	switch {
	case s.Stage == Connect && s.OK():
		return "ok"
	case s.Stage == Hello && s.OK():
		return strings.Join(append([]string{fmt.Sprint(s.Reply.Code)}, h.Offers...), " ")
	}
	return s.words()
}

// clip shortens what a server says.
func clip(reply string) string {
	if len(reply) > longestReply {
		return strings.ToValidUTF8(reply[:longestReply], "") + "..."
	}
	return reply
}

func (s *Session) describe(caller Caller) string {
	switch {
	case s == nil:
		return "not offered"
	case s.Trouble.Kind != "" && s.Plain:
		return s.Trouble.Text + "; then in plain text"
	case s.Trouble.Kind != "":
		return s.Trouble.Text
	}
	c := s.Certificate
	text := fmt.Sprintf("%s, certificate for %s, by %s, until %s", s.Version, orNone(c.Names), c.Issuer, c.NotAfter.Format(time.DateOnly))
	if s.AskedOurs && caller.Certificate != nil {
		text += "; it asked for ours"
	}
	return text
}

func (f Finding) print(out *term.Printer) {
	word := string(f.Level)
	if f.Level == Error {
		word = "ERROR"
	}
	text := f.Text
	if f.Host != "" {
		text = f.Host + ": " + text
	}
	check.Line(out, word, text)
	check.Line(out, "  do", f.Fix)
	check.Line(out, "  ask tenant", f.Ask)
}

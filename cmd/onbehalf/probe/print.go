package probe

import (
	"fmt"
	"io"
	"strings"
	"time"

	"onbehalf/cmd/onbehalf/check"
)

// longestReply is how much of a reply is shown, in bytes; --json has all.
const longestReply = 500

// Print writes what was seen, what it means and what to do, for people. Words of the server reach
// the terminal by check.Line only.
func (r Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: mail for %s goes to %s\n", r.Tenant, r.Domain.Unicode(), r.NextHop)
	check.Line(w, "we are", fmt.Sprintf("%s, sending from %s", r.Caller.Hello, ips(r.Caller.SendingIPs)))
	check.Line(w, "certificate", r.Caller.presents())
	if r.Left > 0 {
		check.Line(w, "addresses", fmt.Sprintf("%d more are left out, because Postfix tries %d", r.Left, mostAddresses))
	}
	for _, h := range r.Hosts {
		h.print(w, r.Sight)
	}
	fmt.Fprintln(w)
	for _, f := range r.Findings {
		f.print(w)
	}
	if !r.Accepted {
		check.Line(w, "result", "The server would not accept mail now.")
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

func (h Host) print(w io.Writer, s Sight) {
	fmt.Fprintf(w, "\n%s\n", h.Address)
	if h.Local.IsValid() {
		check.Line(w, "from", h.Local.String())
	}
	for i, step := range h.Steps {
		if step.Stage == Hello && hasHello(h.Steps[i+1:]) || step.Stage == StartTLS {
			continue
		}
		check.Line(w, step.title(), step.outcome(h))
		if step.Stage == Hello && step.OK() {
			h.printTLS(w, s)
		}
	}
}

func (h Host) printTLS(w io.Writer, s Sight) {
	check.Line(w, "TLS", h.Session.describe(s.Caller))
	for _, o := range h.Levels {
		title := "  " + string(o.TLS)
		if o.TLS == s.TLS { // as direct.tls has it
			title = "> " + string(o.TLS)
		}
		check.Line(w, title, o.Text)
	}
}

func hasHello(steps []Step) bool {
	for _, s := range steps {
		if s.Stage == Hello {
			return true
		}
	}
	return false
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

func (f Finding) print(w io.Writer) {
	word := string(f.Level)
	if f.Level == Error {
		word = "ERROR"
	}
	text := f.Text
	if f.Host != "" {
		text = f.Host + ": " + text
	}
	check.Line(w, word, text)
	check.Line(w, "  do", f.Fix)
	check.Line(w, "  ask tenant", f.Ask)
}

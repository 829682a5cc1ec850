package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"onbehalf/receivers"
	"onbehalf/tenant"
)

// Level is how bad a finding is.
type Level string

const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// Finding is one thing that a probe found.
type Finding struct {
	Level Level  `json:"level"`
	Kind  Kind   `json:"kind"`
	Host  string `json:"host,omitempty"`       // that it is about; empty: all
	Text  string `json:"text"`                 // a sentence
	Fix   string `json:"fix,omitempty"`        // the next step of the platform's operator
	Ask   string `json:"ask_tenant,omitempty"` // what to write to the tenant
}

// Result is a Sight, and what it means.
type Result struct {
	Sight
	Findings []Finding `json:"findings"`
	Accepted bool      `json:"accepted"` // mail of today would be taken
}

// judge collects findings.
type judge struct {
	Sight
	findings []Finding
}

// Judge returns what was found. It is pure: now is the time that certificates are checked for.
func Judge(s Sight, now time.Time) Result {
	j := &judge{Sight: s}
	j.overall(now)
	accepted, decided := false, false
	for _, h := range s.Hosts {
		took, final := j.host(h)
		if final && !decided { // Postfix asks no other then
			accepted, decided = took, true
		}
	}
	if accepted {
		errorsToWarnings(j.findings)
		j.add(Finding{Level: OK, Kind: Accepted, Text: fmt.Sprintf("The server would take mail for %s with %s as envelope sender.", s.Domain, j.senderOf(Sender(s.Envelope)))})
	}
	s.Hosts = slices.Clone(s.Hosts)
	for i := range s.Hosts {
		s.Hosts[i].Levels = outcomes(s.Hosts[i])
	}
	return Result{Sight: s, Findings: j.findings, Accepted: accepted}
}

// errorsToWarnings makes errors warnings: mail arrives by another address.
func errorsToWarnings(findings []Finding) {
	for i := range findings {
		if findings[i].Level == Error {
			findings[i].Level = Warning
		}
	}
}

func (j *judge) add(f Finding) {
	j.findings = append(j.findings, f)
}

// overall adds what is found before any server answers.
func (j *judge) overall(now time.Time) {
	if j.NotYet != "" {
		j.add(Finding{Level: Warning, Kind: NotYet, Text: "Mail is not delivered directly yet: " + j.NotYet + ".",
			Fix: "See onbehalf check " + j.Tenant + "; the probe goes on as if it were."})
	}
	if c := j.Caller.Certificate; c != nil && now.After(c.NotAfter) {
		j.add(Finding{Level: Warning, Kind: OurCertificate, Text: fmt.Sprintf("The certificate that Postfix presents expired on %s.", c.NotAfter.Format(time.DateOnly)),
			Fix: "Renew it: a connector that is restricted to it no longer matches."})
	}
	if j.Caller.Unusable != "" {
		j.add(Finding{Level: Warning, Kind: OurCertificate, Text: "The probe came without the certificate of Postfix: " + j.Caller.Unusable + "."})
	}
	if j.Lookup.Kind != "" {
		j.add(j.ofTrouble(j.Lookup, Finding{Level: Error, Text: sentence(j.Lookup.Text)}))
	}
}

// host is what is found at one address. It reports whether the server took the recipient, and
// whether its answer is final, so that Postfix asks no other.
func (j *judge) host(h Host) (took, final bool) {
	j.address(h)
	j.security(h)
	for i, step := range h.Steps {
		last := i == len(h.Steps)-1
		switch {
		case step.OK():
			took = took || step.Stage == Rcpt
		case step.Sender != "" && step.Sender != Sender(j.Envelope):
			j.otherSender(h, step)
		case step.Stage == StartTLS, step.Stage == Hello && !last: // see security; HELO or TLS followed
		default:
			j.add(j.ofStep(h, step))
		}
		final = final || step.Stage == Rcpt || step.Stage == Mail && step.refused() && step.Sender == Sender(j.Envelope)
	}
	return took, final
}

// address compares where we came from with the addresses that receivers know.
func (j *judge) address(h Host) {
	if !h.Local.IsValid() || slices.Contains(j.Caller.SendingIPs, h.Local) {
		return
	}
	j.add(Finding{Level: Warning, Kind: OtherAddress, Host: h.String(),
		Text: fmt.Sprintf("The connection came from %s, which platform.sending_ips does not list; behind NAT the server sees another address.", h.Local),
		Fix:  "Run the probe on the host that sends, or correct platform.sending_ips or smtp_bind_address."})
}

// security adds what is wrong with TLS at the level that applies.
func (j *judge) security(h Host) {
	if !h.greeted() {
		return
	}
	level := Warning
	if j.TLS != tenant.TLSMay {
		level = Error
	}
	switch s := h.Session; {
	case s == nil:
		j.add(j.ofTrouble(Trouble{Kind: NoSTARTTLS}, Finding{Level: level, Host: h.String(), Text: "The server offers no STARTTLS; " + j.consequence(j.TLS != tenant.TLSMay)}))
	case s.Trouble.Kind != "":
		j.add(j.ofTrouble(s.Trouble, Finding{Level: level, Host: h.String(), Text: sentence(s.Trouble.Text)}))
	case j.TLS == tenant.TLSVerify:
		for _, fault := range s.Certificate.Faults {
			j.add(j.ofTrouble(fault, Finding{Level: Error, Host: h.String(), Text: sentence(fault.Text)}))
		}
	}
	if own := j.Caller; h.Session != nil && own.Postfix && j.TLS == tenant.TLSMay && (own.SecurityLevel == "" || own.SecurityLevel == "none") {
		j.add(Finding{Level: Warning, Kind: PlainText, Text: "Postfix sends in plain text although the server offers TLS: smtp_tls_security_level is empty.",
			Fix: "Run: postconf -e smtp_tls_security_level=may; or set direct.tls: encrypt for the tenant."})
	}
}

func (j *judge) consequence(waits bool) string {
	if waits {
		return fmt.Sprintf("with direct.tls: %s, mail waits in the queue and is returned in the end.", j.TLS)
	}
	return "mail goes in plain text."
}

// otherSender is about the sender that mail does not have. A refusal of it matters
// before direct.envelope is changed, or proves that the setting is right.
func (j *judge) otherSender(h Host, step Step) {
	if step.Reply == nil {
		return
	}
	f := Finding{Level: OK, Kind: OtherSender, Host: h.String()}
	f.Text = fmt.Sprintf("The server refuses %s as envelope sender, which mail does not have with direct.envelope: %s.", j.senderOf(step.Sender), j.Envelope)
	if m := j.meaning(h, step); kindOf(m) != ReplyUnknown {
		f.Text += " " + m.String()
	}
	j.add(f)
}

func (j *judge) senderOf(s Sender) string {
	if s == BounceSender {
		return "a bounce address at " + j.Bounce.String()
	}
	return "an address of " + j.Domain.String()
}

func (j *judge) meaning(h Host, step Step) receivers.Meaning {
	reply := receivers.ParseReply(step.Text)
	reply.Host = h.Name.String()
	if reply.Host == "" {
		reply.Host = h.Addr.Addr().String()
	}
	reply.Refused = step.Stage == Greeting
	return receivers.Explain(reply)
}

// ofStep is the finding about a step that the server refused, or did not answer.
func (j *judge) ofStep(h Host, step Step) Finding {
	f := Finding{Level: Error, Host: h.String()}
	what := string(step.Stage)
	switch {
	case step.Stage == Greeting:
		what = "The connection"
	case step.Stage == Rcpt:
		what = "RCPT TO the postmaster of " + j.Domain.String()
	case step.Stage == Mail:
		what = "MAIL FROM " + j.senderOf(step.Sender)
	}
	if step.Reply == nil {
		f.Text = sentence(fmt.Sprintf("%s: %s", what, step.Trouble.Text))
		return j.ofTrouble(step.Trouble, f)
	}
	m := j.meaning(h, step)
	f.Text, f.Fix = fmt.Sprintf("%s is refused. %s", what, m), m.Fix
	f.Kind = kindOf(m)
	if m.Temporary {
		f.Text = fmt.Sprintf("%s is deferred. %s", what, m)
	}
	if f.Kind == Greylisting {
		f.Level = Warning
		f.Fix = "Run the probe again in ten minutes: it should then be accepted. Mail is tried again by Postfix."
	}
	f = j.ofTrouble(Trouble{Kind: f.Kind}, f)
	if f.Ask != "" {
		f.Ask += " The answer is now: " + clip(step.Text)
	}
	return f
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

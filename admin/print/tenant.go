package print

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"onbehalf/admin"
	"onbehalf/dmarc"
	"onbehalf/tenant"
	"onbehalf/term"
)

// label is where texts stand beside the names of mechanisms.
const label = 15

// Tenant prints all about one tenant.
func Tenant(out io.Writer, t admin.Tenant) {
	p := printer{term.New(out), t.Now}
	p.Text("%s, authorization: %s", title(t), t.Authorization)
	if t.Authorization != tenant.Auto {
		p.Text("The configuration says so; its DNS is not looked up.")
	}
	if t.Shadow {
		p.Text("In mode shadow: what is shown below is logged only, and its mail is left as it is.")
	}
	for _, f := range t.Findings {
		p.Text("%s: %s", f.Level, f.Text)
	}
	if more := t.FindingsTotal - len(t.Findings); more > 0 {
		p.Text("%s: onbehalf check-config", count(more, "more finding"))
	}
	for _, d := range t.Domains {
		p.Blank()
		p.domain(d, t.Authorization == tenant.Auto)
	}
	if more := t.DomainsTotal - len(t.Domains); more > 0 {
		p.Blank()
		p.Line("and %s that are not listed", count(more, "more domain"))
	}
	p.direct(t.Direct, t.Shadow)
	p.Blank()
	p.counters(t.ID, t.Counters)
	p.returned(t.Returned)
	p.Text("What it must publish: onbehalf dns %[1]s. What its DNS has now: onbehalf check %[1]s", t.ID)
}

func title(t admin.Tenant) string {
	if t.Name == "" || t.Name == t.ID {
		return t.ID
	}
	return t.ID + " (" + t.Name + ")"
}

func (p printer) domain(d admin.Domain, auto bool) {
	p.Line("%s", unicodeOf(d.Domain))
	p.Item("  Mail now", label, "row %s: %s", d.Row, d.Meaning)
	if d.Guessed {
		p.below(label, "(for example from %s; no mail has come from such a name yet)", d.Author.Domain)
	}
	if d.Delivery != admin.Refused {
		p.below(label, "Envelope sender: %s. Signed by: %s", sender(d), strings.Join(d.Sign, ", "))
	}
	if auto && !d.Standing.Domain.IsZero() {
		p.standing(d.Standing)
	}
	if !d.NextLookup.IsZero() {
		p.Item("  Next lookup", label, "%s", p.in(d.NextLookup))
	}
}

func sender(d admin.Domain) string {
	switch {
	case !d.BounceAt.IsZero():
		return "a bounce address at " + d.BounceAt.Unicode()
	case d.Sender == d.Author:
		return "kept"
	}
	return d.Sender.String()
}

func (p printer) standing(s tenant.Standing) {
	if s.SPF.Of != "" {
		p.mechanism("  SPF", s.SPF, s.DMARC.Policy)
	}
	for _, key := range s.DKIM {
		p.mechanism("  DKIM "+key.Name, key.Mechanism, s.DMARC.Policy)
	}
	if s.ReturnPath.Of != "" {
		p.mechanism("  Return path", s.ReturnPath, s.DMARC.Policy)
	}
	request := unknown(s.DMARC.LookupError)
	if s.DMARC.Policy != dmarc.Unknown {
		request = policy(s.DMARC.Policy)
	}
	p.Item("  DMARC", label, "%s%s", request, p.lookedUp(s.DMARC.Checked))
	p.below(label, "%s", s.DMARC.Evidence)
	p.trouble(label, s.DMARC.LookupError)
}

func (p printer) mechanism(name string, m tenant.Mechanism, under dmarc.Policy) {
	p.Item(name, label, "%s%s", p.stateFor(m), p.lookedUp(m.Checked))
	switch {
	case m.State != tenant.Warning:
	case under == dmarc.None || under == dmarc.Absent:
		p.below(label, "Mail still relies on it, until a later lookup finds that it is still gone (dns.demote_after).")
	default:
		p.below(label, "Mail does not rely on it any more: its DMARC policy (%s) has receivers refuse what fails.", cmp.Or(under, "unknown"))
	}
	p.below(label, "%s", m.Evidence)
	p.trouble(label, m.LookupError)
}

// stateFor returns a state, and for how long.
func (p printer) stateFor(m tenant.Mechanism) string {
	switch {
	case m.State == tenant.Unknown:
		return unknown(m.LookupError)
	case m.Since.IsZero():
		return string(m.State)
	}
	return fmt.Sprintf("%s for %s", m.State, span(p.now.Sub(m.Since)))
}

func (p printer) lookedUp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", looked up " + p.ago(at)
}

// direct says where mail for the tenant's own domains goes.
func (p printer) direct(d *admin.Direct, shadow bool) {
	if d == nil {
		return
	}
	p.Blank()
	p.Line("Direct delivery to %s, tls: %s, envelope: %s", d.NextHop, d.TLS, d.Envelope)
	proven := "delivered there"
	if shadow {
		proven = "NOT delivered there, but by MX: mode is shadow"
	}
	for _, domain := range d.Proven {
		p.Item("  "+domain.Unicode(), label, "%s", proven)
	}
	for _, domain := range d.Unproven {
		p.Item("  "+domain.Unicode(), label, "NOT delivered there, but by MX: no DKIM key or return path of ours is active to prove that the domain is the tenant's")
	}
}

// returned says what came back.
func (p printer) returned(r admin.Returned) {
	if r.Messages == 0 {
		return
	}
	text := fmt.Sprintf("Came back since the start: %s, %d of them automatic", count(int(r.Messages), "message"), r.Automatic)
	for _, action := range slices.Sorted(maps.Keys(r.Reports)) {
		text += fmt.Sprintf(", %d reported %s", r.Reports[action], action)
	}
	p.Text("%s.", text)
	for _, one := range r.Refusals[:min(len(r.Refusals), maxRefusals)] {
		p.Text("%s, %s, last on %s: %s. %s", cmp.Or(one.Receiver, "A receiver"), count(int(one.Times), "time"),
			one.Last.Format("2006-01-02 15:04"), strings.TrimSuffix(one.Finding, "."), one.Fix)
	}
}

// maxRefusals is how many of them are shown.
const maxRefusals = 10

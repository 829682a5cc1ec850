package check

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/term"
)

// Print writes what was found for people.
func (r Result) Print(w io.Writer) {
	out := term.New(w)
	name := r.Tenant
	if name != "" {
		name += ": "
	}
	out.Line("%s%s", name, r.Title)
	if r.Authorization == tenant.Authorized || r.Authorization == tenant.Unauthorized {
		out.Line("The configuration says authorization: %s, whatever DNS has.", r.Authorization)
	}
	for _, d := range r.Domains {
		out.Blank()
		out.Line("%s", unicodeName(d.Domain))
		for _, item := range d.Items {
			printItem(out, item)
		}
		if d.Today != nil {
			d.Today.print(out)
		}
	}
	out.Blank()
}

func unicodeName(d message.Domain) string {
	if u := d.Unicode(); u != d.String() {
		return u + " (" + d.String() + ")"
	}
	return d.String()
}

// titles are the mechanisms as people call them.
var titles = map[string]string{"spf": "SPF", "return_path": "return path", "dmarc": "DMARC", "ptr": "PTR", "helo": "HELO"}

func printItem(out *term.Printer, i publish.Item) {
	Line(out, title(i), word(i)+": "+i.Text)
	if i.Verdict == authorize.There {
		return
	}
	for _, text := range i.Found {
		Line(out, "  found", text)
	}
	for _, r := range i.Wanted {
		Line(out, "  wanted", cmp.Or(wanted(r, i.OfPlatform), noRecord(r)))
		for _, remark := range r.Remarks {
			Line(out, "", remark)
		}
	}
	Line(out, "  do", i.Remedy)
}

// word returns the verdict in a word.
func word(i publish.Item) string {
	switch {
	case i.Verdict == authorize.There:
		return "ok"
	case i.Verdict == authorize.Unanswered:
		return "not known"
	case i.Optional:
		return "advice"
	case i.Reason == authorize.SPFNotCovered:
		return "NOT AUTHORIZED"
	}
	return "MISSING"
}

// noRecord says why a record is not shown.
func noRecord(r publish.Record) string {
	if r.PresentError != "" {
		return "not shown, because DNS did not answer"
	}
	return "not shown yet, for the reason below"
}

// wanted names a record that is to stand at the mechanism's own name, or at another: one of ours.
func wanted(r publish.Record, ours bool) string {
	if r.Value == "" {
		return ""
	}
	text := r.Type + " " + r.Value
	if r.Purpose == publish.DKIM && r.Type == "TXT" {
		text = "TXT with our key"
	}
	switch {
	case ours:
		text += " at " + r.Name
	case r.At != "":
		text += " at " + r.At
	}
	return text
}

func (t *Today) print(out *term.Printer) {
	Line(out, "mail today", fmt.Sprintf("row %s, %s: %s", t.Row, t.Action, t.Reason))
	if t.Guessed {
		Line(out, "", fmt.Sprintf("(for example from %s; no mail has come from such a name yet)", t.Author.Domain))
	}
	if t.Trouble != "" {
		Line(out, "  but", t.Trouble)
		return
	}
	Line(out, "  sender", t.sender())
	Line(out, "  From", t.From)
	Line(out, "  receiver", opinion(t.With))
	if t.Action != rewrite.Pass {
		Line(out, "  without us", opinion(t.Without))
	}
	Line(out, "  own server", t.OwnServer)
	if t.Daemon != "" {
		Line(out, "  daemon", "has seen something else so far, and uses row "+t.Daemon+": see onbehalf status")
	}
}

func (t *Today) sender() string {
	if !t.Bounce.IsZero() {
		return "a bounce address at " + t.Bounce.Unicode()
	}
	return "<" + t.Sender.String() + ">"
}

// opinion puts an opinion on a line: results, and what follows.
func opinion(o *authorize.Opinion) string {
	if o == nil {
		return ""
	}
	spf := fmt.Sprintf("SPF %s", o.SPF)
	if !o.SPFDomain.IsZero() {
		spf += fmt.Sprintf(" for %s%s", o.SPFDomain, unaligned(o.SPFAligned))
	}
	parts := []string{spf}
	for _, v := range o.Signatures {
		part := fmt.Sprintf("DKIM %s for %s (%s)%s", v.Result, v.Domain, v.Selector, unaligned(v.Aligned))
		if v.Result != "pass" {
			part += " (" + v.Cause + ")"
		}
		parts = append(parts, part)
	}
	if len(o.Signatures) == 0 {
		parts = append(parts, "no DKIM signature")
	}
	result := "DMARC " + o.DMARC
	if o.Policy.Policy != dmarc.Absent && o.Policy.Policy != "" {
		result += fmt.Sprintf(" (p=%s)", o.Policy.Policy)
	}
	return strings.Join(append(parts, result), ", ") + ": " + o.Explanation
}

func unaligned(aligned bool) string {
	if aligned {
		return ""
	}
	return " (not aligned)"
}

// indent is where text begins behind a word.
const indent = 15

// Line prints a word and text behind it. Nothing is printed for no text.
func Line(out *term.Printer, word, text string) {
	if text != "" {
		out.Item("  "+word, indent, "%s", text)
	}
}

package selftest

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/template"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/term"
)

//go:embed guide.tmpl
var guideText string

var guide = template.Must(template.New("guide").Parse(guideText))

// printGuide prints what to look for in the mailbox, and what it means, by the row that the
// tenant's message took.
func (t *Test) printGuide(w io.Writer) {
	out := term.New(w)
	out.Blank()
	out.Text("Look for %s in the mailbox, and in its spam folder. What is there?", t.Token)
	for line := range strings.Lines(t.guide("outcomes")) {
		found, meaning, _ := strings.Cut(line, "|")
		out.Item("  "+found, 18, "%s", meaning)
	}
	out.Blank()
	out.Text("To compare the headers with what is expected above:")
	for line := range strings.Lines(t.guide("advice")) {
		out.Item("", 2, "%s", line)
	}
}

func (t *Test) guide(part string) string {
	p := t.Messages[1]
	view := struct {
		Tenant, IPs, LogPattern, Row string
		From                         message.Address
		Plan                         rewrite.Plan
		Direct, Rewritten, Kept      bool
	}{t.TenantID, join(t.snapshot.Platform().SendingIPs), t.logPattern(), p.Plan.Row.String(), p.From, p.Plan,
		p.Plan.Row == rewrite.RowDirect, p.Plan.Action == rewrite.Rewrite, p.Plan.Row == rewrite.RowOnBehalf}
	var b bytes.Buffer
	if err := guide.ExecuteTemplate(&b, part, view); err != nil {
		panic(err) // the template and the view are both ours
	}
	return b.String()
}

// logPattern returns what to look for in logs.
func (t *Test) logPattern() string {
	var ids []string
	for _, p := range t.Messages {
		if p.QueueID != "" {
			ids = append(ids, p.QueueID)
		}
	}
	return cmp.Or(strings.Join(ids, "|"), t.To.String())
}

func join(ips []netip.Addr) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ips), " ", ", "), "[]")
}

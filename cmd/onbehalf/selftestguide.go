package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"onbehalf/rewrite"
)

func (t *selftest) printGuide(w io.Writer) {
	fmt.Fprintf(w, "\nLook for %s in the mailbox, and in its spam folder. What is there?\n", t.Token)
	for _, o := range t.outcomes() {
		item(w, "  "+o.found, 18, o.meaning)
	}
	fmt.Fprintln(w, "\nTo compare the headers with what is expected above:")
	for _, advice := range t.advice() {
		item(w, "  ", 2, advice)
	}
}

type outcome struct{ found, meaning string }

func (t *selftest) outcomes() []outcome {
	id, ips := t.TenantID, join(t.snapshot.Platform().SendingIPs)
	return []outcome{
		{"both, in inbox", fmt.Sprintf("Mail on behalf of %s arrives. Compare the headers all the same: what says pass there is what keeps it arriving.", id)},
		{"only 1", t.onlyPlatform()},
		{"some as spam", fmt.Sprintf("Where a result is another than is expected, onbehalf check (1) or onbehalf check %s (2) tells why. "+
			"If all are pass, the receiver doubts this host or this text: ask its administrators.", id)},
		{"neither", fmt.Sprintf("It is not about %s. The log says whether the receiver refused them, and in which words. "+
			"Then see onbehalf check, onbehalf dns, and the block lists for %s.", id, ips)},
	}
}

// onlyPlatform says what it means when the tenant's message is lost, by the row that
// should have prevented that.
func (t *selftest) onlyPlatform() string {
	plan, id := t.Messages[1].Plan, t.TenantID
	switch {
	case plan.Shadow:
		return "This is the loss that onbehalf is for. It only watches as yet: remove mode: shadow, reload, and test again."
	case plan.Row == rewrite.RowDirect:
		return "The tenant's own server does not let us in; its administrators must allow " + join(t.snapshot.Platform().SendingIPs) + "."
	case plan.Action == rewrite.Rewrite:
		return "Should not happen: in the platform's name 2 is as good as 1. Has the log a line of onbehalf for it, and did the receiver take it (status=sent)?"
	case plan.Row == rewrite.RowOnBehalf:
		return fmt.Sprintf("rewrite_from lets From stay though nothing vouches for it, and this receiver minds. Set it to always, "+
			"or have %s publish what onbehalf dns %[1]s prints.", id)
	}
	return fmt.Sprintf("The receiver does not find in DNS what row %s relies on. onbehalf check %s tells what is wrong, onbehalf dns %[2]s what must be published.",
		plan.Row, id)
}

func (t *selftest) advice() []string {
	all := []string{
		"Gmail: Show original. Outlook: View message source, or Properties. Thunderbird: Message Source. Apple Mail: All Headers.",
		fmt.Sprintf("On this host: journalctl -g '%s' (or grep -E in Postfix's log) has for each a line of onbehalf with the row, "+
			"and one of Postfix with status= and the receiver's words.", t.traces()),
	}
	tenants := t.Messages[1]
	if tenants.Plan.Shadow {
		return all
	}
	missing := "If 2 has no such DKIM-Signature"
	if tenants.Plan.Action == rewrite.Rewrite {
		missing += fmt.Sprintf(" and is still from %s", tenants.From)
	}
	return append(all, missing+", Postfix did not call onbehalf: see postconf smtpd_milters, and look for smtpd_milters and no_milters in master.cf.")
}

// traces is what to look for in logs.
func (t *selftest) traces() string {
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

// columns is the width of a terminal that anybody has.
const columns = 80

// item prints text beside or, where there is no room, below a label, and breaks its
// lines at blanks so that they fit. What has no blank stays whole.
func item(w io.Writer, label string, indent int, text string) {
	line := fmt.Sprintf("%-*s", indent, label)
	if len(label) > indent {
		fmt.Fprintln(w, label)
		line = strings.Repeat(" ", indent)
	}
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > columns {
			fmt.Fprintln(w, line)
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, line)
}

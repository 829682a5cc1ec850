package test

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/test/cases"
)

// TestLongFields: whatever length a message's fields have, what leaves has no field of ours
// that Postfix has changed: the signatures verify.
func TestLongFields(t *testing.T) {
	h := build(t)
	c := find(t, "row06")
	c.Table = cases.NewCast(t).Table(t, "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite")
	h.play(c)
	var mailboxes []string
	for i := range 50 {
		mailboxes = append(mailboxes, fmt.Sprintf("%s%d <%s%d @yourorganisationname.nl>", strings.Repeat("ü", 90), i, strings.Repeat("a", 50), i))
	}
	folded := func(n int) string { return strings.Repeat("name\r\n ", n/7) }
	for name, from := range map[string]string{
		"name of 30 kB":                    strings.Repeat("x", 30<<10) + " <academy@yourorganisationname.nl>",
		"folded name of 30 kB":             folded(30<<10) + "<academy@yourorganisationname.nl>",
		"name of 36 kB":                    strings.Repeat("x", 36<<10) + " <academy@yourorganisationname.nl>",
		"folded name of 60 kB":             folded(60<<10) + "<academy@yourorganisationname.nl>",
		"8-bit name of 30 kB":              strings.Repeat("é", 15<<10) + " <academy@yourorganisationname.nl>",
		"kept name of 30 kB":               folded(30<<10) + "<courses@university.example>",
		"kept on one line":                 strings.Repeat("x", 30<<10) + " <courses@university.example>",
		"kept but to be written again":     folded(30<<10) + "< courses@university.example >",
		"50 mailboxes to be written again": strings.Join(mailboxes, ", "),
		"50 authorized ones":               strings.ReplaceAll(strings.Join(mailboxes, ", "), "yourorganisationname.nl", "university.example"),
	} {
		t.Run(name, func(t *testing.T) {
			octets := strings.Replace(string(c.Octets()), "From: ", "From: "+from+"\r\nX-From: ", 1)
			if reply := send(h.dial(t, c.Message), c.Message, []byte(octets)); !reply.OK() {
				t.Fatal(reply)
			}
			got := h.sink.Wait(t, 1)[0]
			h.verifySigned(t, got.Data)
		})
	}
}

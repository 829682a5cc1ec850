package rewrite_test

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/test/cases"
)

// costly are headers that somebody may send to keep us busy, each of size octets.
func costly(size int) map[string]message.Header {
	base := message.Header{{Name: "From", Value: " Academy <academy@yourorganisationname.nl>"}, {Name: "Subject", Value: " x"}}
	repeat := func(name, value string) message.Header {
		h := base
		for n := 0; n < size; n += len(name) + len(value) + 3 {
			h = append(h, message.Field{Name: name, Value: value})
		}
		return h
	}
	long := func(name, unit string) message.Header {
		return append(base[:len(base):len(base)], message.Field{Name: name, Value: " " + strings.Repeat(unit, size/len(unit))})
	}
	from := func(value string) message.Header { return message.Header{{Name: "From", Value: value}} }
	return map[string]message.Header{
		"X-Original-From":        repeat("X-Original-From", " a@b.example"),
		"DKIM-Signature":         repeat("DKIM-Signature", " d=courseware.nl; s=cw1"),
		"Authentication-Results": repeat("Authentication-Results", " courseware.nl"),
		"Reply-To":               repeat("Reply-To", " <>"),
		"Sender":                 repeat("Sender", " a@yourorganisationname.nl"),
		"From":                   repeat("From", " a@yourorganisationname.nl"),
		"Message-ID":             repeat("Message-ID", " <>"),
		"Received":               repeat("Received", " from x (x [127.0.0.1])\r\n\tby mail.courseware.nl (Postfix) with ESMTP id x"),
		"X-Onbehalf-Hop":         repeat("X-Onbehalf-Hop", " x"),
		"any field":              repeat("X-A", " b"),
		"short folds":            long("Subject", "\r\n a"),
		"long Reply-To":          long("Reply-To", "a@b,\r\n "),
		"long Received":          long("Received", "by x\r\n\tby y "),
		"long signature":         long("DKIM-Signature", "d=a;\r\n "),
		"long results":           long("Authentication-Results", "(a) "),
		"From of folds":          from(" Academy" + strings.Repeat("\r\n a", size/4) + " <academy@yourorganisationname.nl>"),
		"From of mailboxes":      from(strings.Repeat(" a@yourorganisationname.nl,", size/27)),
		"From of bare words":     from(strings.Repeat("a@mail.courseware.nl, ", size/22) + "A <academy@yourorganisationname.nl>"),
		"From of at signs":       from(strings.Repeat("a @ ", size/4) + "<academy@yourorganisationname.nl>"),
		"From of brackets":       from(`"` + strings.Repeat("(a@b.nl", size/7) + `" <academy@yourorganisationname.nl>`),
		"From of encoded-words":  from(strings.Repeat("=?utf-8?B?YWI?= ", size/16) + "<academy@yourorganisationname.nl>"),
		"From of empty brackets": from(`"a@b.nl` + strings.Repeat("(", size/2) + strings.Repeat(")", size/2) + `" <academy@yourorganisationname.nl>`),
	}
}

// BenchmarkCostlyHeader decides about headers of 128 kB and of 1 MB: eight times the octets
// cost about eight times as long, and 1 MB less than 20 ms.
func BenchmarkCostlyHeader(b *testing.B) {
	cast := cases.NewCast(b)
	s := cast.Table(b, "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite").Snapshot()
	for _, size := range []int{128 << 10, 1 << 20} {
		for name, header := range costly(size) {
			b.Run(fmt.Sprintf("%s/%d kB", name, size>>10), func(b *testing.B) {
				m := benchMessage("academy@yourorganisationname.nl")
				m.Header, m.Host = header, must(message.ParseDomain("mail.courseware.nl"))
				for b.Loop() {
					rewrite.Decide(m, s).Apply(header)
				}
			})
		}
	}
}

// TestFewEdits: whatever arrives, Postfix is asked for few changes.
func TestFewEdits(t *testing.T) {
	cast := cases.NewCast(t)
	s := cast.Table(t, "ONBEHALF_POLICY_UNREADABLE_FROM=rewrite").Snapshot()
	for name, header := range costly(100_000) {
		m := benchMessage("academy@yourorganisationname.nl")
		m.Header, m.Host = header, must(message.ParseDomain("mail.courseware.nl"))
		plan := rewrite.Decide(m, s)
		if len(plan.Edits) > 100 {
			t.Errorf("%s: %d edits", name, len(plan.Edits))
		}
		octets := 0
		for _, edit := range plan.Edits {
			octets = max(octets, len(edit.Value))
		}
		if octets > 8<<10 {
			t.Errorf("%s: a field of %d octets is written", name, octets)
		}
	}
}

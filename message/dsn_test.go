package message_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
)

// reportType is the header of a notification whose boundary is b.
func reportType(value string) message.Header {
	return message.Header{{Name: "Content-Type", Value: value}}
}

const (
	reportOfB  = " multipart/report; report-type=delivery-status; boundary=b"
	statusPart = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
)

// nested is a report of boundary b in so many multiparts, the outermost of boundary 1.
func nested(depth int, report string) string {
	kind := "multipart/report; boundary=b"
	for ; depth > 0; depth-- {
		report = fmt.Sprintf("--%d\nContent-Type: %s\n\n%s--%d--\n", depth, kind, report, depth)
		kind = fmt.Sprintf("multipart/mixed; boundary=%d", depth)
	}
	return report
}

func TestStatusReader(t *testing.T) {
	all := statusPart + "Action: failed\nStatus: 5.1.1\nOriginal-Recipient: rfc822;a@x.example\n\n--b--\n"
	failed := message.Report{Action: "failed", Status: "5.1.1", Recipient: "a@x.example"}
	tests := []struct {
		name, header, body string
		want               []message.Report
	}{
		{"whole", reportOfB, all, []message.Report{failed}},
		{"quoted boundary", ` multipart/report; boundary="b"; report-type=delivery-status`, all, []message.Report{failed}},
		{"boundary with a blank", ` multipart/report; boundary="b c"; report-type=delivery-status`, strings.ReplaceAll(all, "--b", "--b c"), []message.Report{failed}},
		{"boundary with quoted pairs", ` multipart/report; boundary="\b"; report-type=delivery-status`, all, []message.Report{failed}},
		{"folded type", " multipart/report;\r\n\treport-type=delivery-status;\r\n\tboundary=b", all, []message.Report{failed}},
		{"odd case", " Multipart/REPORT; Report-Type=Delivery-Status; BOUNDARY=b", strings.ReplaceAll(strings.ReplaceAll(all, "Action: failed", "ACTION:FAILED"), "Content-Type: m", "content-type:M"), []message.Report{failed}},
		{"SMTPUTF8", reportOfB, strings.ReplaceAll(strings.ReplaceAll(all, "delivery-status", "global-delivery-status"), "rfc822;", "utf-8;"), []message.Report{failed}},
		{"bare line feeds at the end", reportOfB, strings.TrimRight(all, "\n"), []message.Report{failed}},
		{"unterminated", reportOfB, strings.TrimSuffix(all, "\n--b--\n"), []message.Report{failed}},
		{"unterminated, no line end", reportOfB, strings.TrimSuffix(all, "\n\n--b--\n"), []message.Report{failed}},
		{"after a text that looks like it", reportOfB, "Action: failed\n\n--b\nContent-Type: text/plain\n\nAction: delayed\n\n" + all, []message.Report{failed}},
		{"before a message that looks like it", reportOfB, strings.TrimSuffix(all, "--b--\n") + "--b\nContent-Type: message/rfc822\n\nAction: delayed\nContent-Type: message/delivery-status\n\nAction: relayed\n\n--b--\n", []message.Report{failed}},
		{"two recipients", reportOfB, statusPart + "Action: failed\n\nAction: Delayed (will try)\nStatus: 4.4.1 (no answer)\nFinal-Recipient: rfc822 ; b@x.example\n\n--b--\n",
			[]message.Report{{Action: "failed"}, {Action: "delayed", Status: "4.4.1", Recipient: "b@x.example"}}},
		{"original before final", reportOfB, statusPart + "Original-Recipient: rfc822;a@x.example\nFinal-Recipient: rfc822;z@x.example\nAction: failed\nStatus: 5.1.1\n--b--\n", []message.Report{failed}},
		{"final before original", reportOfB, statusPart + "Final-Recipient: rfc822;z@x.example\nOriginal-Recipient: rfc822;a@x.example\nAction: failed\nStatus: 5.1.1\n--b--\n", []message.Report{failed}},
		{"recipient without a type", reportOfB, statusPart + "Action: failed\nFinal-Recipient: a@x.example\n--b--\n", []message.Report{{Action: "failed"}}},
		{"folds are passed over", reportOfB, statusPart + "Action: failed\nDiagnostic-Code: smtp; 550\n Action: delayed\n\tStatus: 9.9.9\nStatus: 5.1.1\nFinal-Recipient: rfc822;a@x.example\n--b--\n",
			[]message.Report{{Action: "failed", Status: "5.1.1", Recipient: "a@x.example", Diagnostic: "550 Action: delayed Status: 9.9.9"}}},
		{"what the server said", reportOfB, statusPart + "Action: failed\nStatus: 5.7.68\nRemote-MTA: dns; mx.tenant.example\nDiagnostic-Code: smtp; 550 5.7.68\n\tTenantInboundAttribution\nFinal-Recipient: rfc822;a@x.example\n\n--b--\n",
			[]message.Report{{Action: "failed", Status: "5.7.68", Recipient: "a@x.example", Remote: "mx.tenant.example", Diagnostic: "550 5.7.68 TenantInboundAttribution"}}},
		{"no action", reportOfB, statusPart + "Status: 5.1.1\nFinal-Recipient: rfc822;a@x.example\n\n--b--\n", nil},
		{"empty action", reportOfB, statusPart + "Action:\nStatus: 5.1.1\n\n--b--\n", nil},
		{"control characters", reportOfB, statusPart + "Action: fa\x00il\x1b[31m\n\n--b--\n", []message.Report{{Action: "fa\u2400il\u241b[31m"}}},
		{"the rest of a long line is not looked at", reportOfB, statusPart + "Action: failed\nX: " + strings.Repeat("x", 997) + "Status: 9.9.9\nStatus: 5.1.1\nFinal-Recipient: rfc822;a@x.example\n--b--\n", []message.Report{failed}},
		{"two parts", reportOfB, strings.TrimSuffix(all, "--b--\n") + all, []message.Report{failed, failed}},

		{"a boundary that starts with ours", reportOfB, strings.TrimSuffix(all, "--b--\n") + "--b\nContent-Type: message/rfc822\n\n--bb\nContent-Type: message/delivery-status\n\nAction: relayed\n\n--bb--\n--b--\n", []message.Report{failed}},
		{"white space behind the boundary", reportOfB, strings.ReplaceAll(all, "--b\n", "--b \t\n"), []message.Report{failed}},
		{"behind the last boundary", reportOfB, all + "Content-Type: message/delivery-status\n\nAction: relayed\n\n", []message.Report{failed}},
		{"8-bit before the boundary", " multipart/report; report-type=delivery-status; x=\"" + strings.Repeat("\xe9", 100) + "\"; boundary=b", all, []message.Report{failed}},

		{"no type", "", all, nil},
		{"no report-type", " multipart/report; boundary=b", all, []message.Report{failed}},
		{"mixed", " multipart/mixed; boundary=b", all, []message.Report{failed}},
		{"report in mixed", " multipart/mixed; boundary=o", "--o\nContent-Type: multipart/report;\n boundary=\"b\"\n\n" + all + "--o\nContent-Type: text/plain\n\nAction: relayed\n--o--\n", []message.Report{failed}},
		{"inner one without its end", " multipart/mixed; boundary=o", "--o\nContent-Type: multipart/report; boundary=b\n\n" + strings.TrimSuffix(all, "--b--\n") + "--o\nContent-Type: text/plain\n\nAction: relayed\n--o--\n", []message.Report{failed}},
		{"folded type of the part", reportOfB, strings.ReplaceAll(all, "Content-Type: message", "X: y\nContent-Type:\n message"), []message.Report{failed}},
		{"status alone", " message/delivery-status", "Reporting-MTA: dns; mx.example\n\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822;a@x.example\n", []message.Report{failed}},
		{"in a message inside", " multipart/mixed; boundary=o", "--o\nContent-Type: message/rfc822\n\nContent-Type: multipart/report; boundary=b\n\n" + all + "--o--\n", nil},
		{"type of the part folded by a tab", reportOfB, strings.ReplaceAll(all, "Content-Type: message", "Content-Type:\n\tmessage"), []message.Report{failed}},
		{"mixed with a type of report", " multipart/mixed; report-type=x; boundary=b", all, []message.Report{failed}},
		{"as deep as is looked", " multipart/mixed; boundary=1", nested(4, all), []message.Report{failed}},
		{"deeper", " multipart/mixed; boundary=1", nested(5, all), nil},
		{"text", " text/plain", all, nil},
		{"text with a boundary", " text/plain; boundary=b", all, nil},
		{"empty boundary before another word", " multipart/mixed; boundary=; x=b", strings.ReplaceAll(all, "--b", "--; x=b"), nil},
		{"another report", " multipart/report; report-type=disposition-notification; boundary=b", all, nil},
		{"no boundary", " multipart/report; report-type=delivery-status", all, nil},
		{"empty boundary", " multipart/report; report-type=delivery-status; boundary=", all, nil},
		{"empty quoted boundary", ` multipart/report; report-type=delivery-status; boundary=""`, all, nil},
		{"quotes not closed", ` multipart/report; report-type=delivery-status; boundary="b`, all, nil},
		{"another boundary", " multipart/report; report-type=delivery-status; boundary=c", all, nil},
		{"empty body", reportOfB, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, body := range []string{test.body, strings.ReplaceAll(test.body, "\n", "\r\n")} {
				for cut := range len(body) + 1 {
					r := message.NewStatusReader(reportType(test.header))
					r.Write([]byte(body[:cut]))
					r.Write(nil)
					r.Write([]byte(body[cut:]))
					if r.End(); !slices.Equal(r.Reports, test.want) {
						t.Fatalf("cut at %d: %+v, want %+v", cut, r.Reports, test.want)
					}
				}
			}
		})
	}
}

// TestStatusReaderBounds: however much a notification says, little is kept.
func TestStatusReaderBounds(t *testing.T) {
	r := message.NewStatusReader(reportType(reportOfB))
	r.Write([]byte(statusPart))
	for range 1000 {
		r.Write([]byte("Action: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822;"))
		for range 100 {
			r.Write([]byte(strings.Repeat("x", 100)))
		}
		r.Write([]byte("\n\n"))
	}
	r.End()
	if len(r.Reports) != 100 {
		t.Errorf("%d reports", len(r.Reports))
	}
	for _, report := range r.Reports {
		if n := len(report.Recipient); n > 1000 || n < 900 {
			t.Fatalf("a recipient of %d octets", n)
		}
	}
	if n := testing.AllocsPerRun(10, func() { r.Write(make([]byte, 1<<20)) }); n > 1 {
		t.Errorf("1 MB without a line end costs %v allocations", n)
	}
}

// FuzzStatusReader: nothing makes it panic; what it keeps is bounded, fit for a log,
// and does not depend on how the body is cut.
func FuzzStatusReader(f *testing.F) {
	f.Add(reportOfB, statusPart+"Action: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822;a@x.example\n\n--b--\n", 20)
	f.Add(` multipart/report; boundary="b\"c"; report-type=delivery-status`, "--b\"c\r\nContent-Type: message/delivery-status\r\n\r\nAction: \x00\xff\r\n", 3)
	f.Add(" multipart/report; delivery-status; boundary=", "--\n\n", 1)
	f.Add(" multipart/report; delivery-status; boundary=b", statusPart+strings.Repeat("Action: failed\n\n", 200), 7)
	f.Add(" multipart/report; delivery-status; x="+strings.Repeat("\xe9", 100)+"; boundary=b", "", 1)
	f.Fuzz(func(t *testing.T, value, body string, cut int) {
		whole, cutUp := message.NewStatusReader(reportType(value)), message.NewStatusReader(reportType(value))
		if n, err := whole.Write([]byte(body)); n != len(body) || err != nil {
			t.Fatalf("took %d of %d octets, %v", n, len(body), err)
		}
		for step, rest := min(max(cut, 1), 1000), body; rest != ""; {
			n := min(step, len(rest))
			cutUp.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		whole.End()
		cutUp.End()
		if !slices.Equal(whole.Reports, cutUp.Reports) {
			t.Fatalf("%+v at once, %+v in pieces of %d", whole.Reports, cutUp.Reports, cut)
		}
		if len(whole.Reports) > 100 {
			t.Fatalf("%d reports", len(whole.Reports))
		}
		for _, r := range whole.Reports {
			text := r.Action + r.Status + r.Recipient + r.Remote
			if len(r.Diagnostic) > 3001 || strings.ContainsAny(r.Diagnostic, "\r\n\x00\x1b\x7f") {
				t.Fatalf("kept %q", r.Diagnostic)
			}
			if r.Action == "" || strings.ContainsAny(text, "\r\n\x00\x1b\x7f") || len(text) > 12*1000 { // a control character is shown by three octets
				t.Fatalf("kept %q", r)
			}
		}
	})
}

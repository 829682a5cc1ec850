package message

import (
	"bytes"
	"slices"
	"strings"
)

// Report is what a delivery status notification says of one recipient (RFC 3464
// section 2.3).
type Report struct {
	Action    string // failed, delayed, delivered, relayed or expanded; lower case
	Status    string // as RFC 3463 has it, such as 5.1.1
	Recipient string // Original-Recipient, else Final-Recipient, without its type
	// Diagnostic is what the server at Remote said (Diagnostic-Code and Remote-MTA, without
	// their types); a stranger's words.
	Diagnostic string
	Remote     string
}

// Bounds of what a notification can make us keep.
const (
	maxReports    = 100
	maxStatusLine = 1000 // octets; the rest of a longer line is not looked at
)

// StatusReader finds the reports of a delivery status notification in its body as it
// streams past (RFC 3464: a multipart/report with a part of type
// message/delivery-status). It keeps a line at a time. What is broken, or no
// notification at all, just has no reports.
//
// Notifications in other multiparts, without a report-type, or with the part deeper inside
// are read as well: programs write them. What a message inside says is not.
type StatusReader struct {
	Reports   []Report
	Reporting string // who made the notification (Reporting-MTA, without its type)

	boundaries []string // of the multiparts that the reader is in, the innermost last
	line       []byte   // so far
	head       string   // the last field of the part's header, so far
	where      place
	report     Report
	diagnosing bool // the last field was Diagnostic-Code, which may go on
}

// place is the part of the body that the reader is in.
type place int

const (
	outside  place = iota // before the first boundary, or in a part of no interest
	partHead              // in the header of a part
	statuses              // in message/delivery-status
)

// maxNested is how deep multiparts are looked into.
const maxNested = 5

// NewStatusReader looks at a message's Content-Type (RFC 6522 section 3).
func NewStatusReader(h Header) *StatusReader {
	r := new(StatusReader)
	if field, found := h.Get("Content-Type"); found {
		r.enter(field.Text())
	}
	return r
}

// enter takes the content type of the message, or of a part.
func (r *StatusReader) enter(contentType string) {
	kind := strings.ToLower(strings.TrimSpace(contentType))
	switch {
	case strings.HasPrefix(kind, "message/delivery-status"), strings.HasPrefix(kind, "message/global-delivery-status"): // RFC 6533
		r.where = statuses
	case !strings.HasPrefix(kind, "multipart/"), len(r.boundaries) >= maxNested:
	case strings.HasPrefix(kind, "multipart/report") && strings.Contains(kind, "report-type") && !strings.Contains(kind, "delivery-status"):
	default:
		if boundary := boundaryOf(contentType); boundary != "" {
			r.boundaries = append(r.boundaries, boundary)
		}
	}
}

// boundaryOf finds the boundary parameter (RFC 2046 section 5.1.1). Nothing is folded
// to look for it: what is not UTF-8 would change its length.
func boundaryOf(value string) string {
	const name = "boundary="
	for len(value) >= len(name) && !strings.EqualFold(value[:len(name)], name) {
		value = value[1:]
	}
	if len(value) < len(name) {
		return ""
	}
	rest := value[len(name):]
	if strings.HasPrefix(rest, `"`) {
		text, _, err := cutQuoted(rest)
		if err != nil {
			return ""
		}
		return text
	}
	end := strings.IndexAny(rest, "; \t")
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}

// Write takes octets of the body in pieces of any size. It never fails.
func (r *StatusReader) Write(p []byte) (int, error) {
	n := len(p)
	for r.reads() {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			r.keep(p)
			break
		}
		r.keep(p[:end])
		r.take(strings.TrimSuffix(string(r.line), "\r"))
		r.line = r.line[:0]
		p = p[end+1:]
	}
	return n, nil
}

// reads reports whether anything in the body is of interest.
func (r *StatusReader) reads() bool { return len(r.boundaries) > 0 || r.where == statuses }

func (r *StatusReader) keep(p []byte) {
	r.line = append(r.line, p[:min(len(p), maxStatusLine-len(r.line))]...)
}

// End is the end of the body: what the last report said is complete.
func (r *StatusReader) End() {
	r.take(string(r.line))
	r.finish()
}

func (r *StatusReader) take(line string) {
	if r.isBoundary(line) {
		return
	}
	switch {
	case r.where == partHead && line != "" && (line[0] == ' ' || line[0] == '\t'):
		r.head += line[:min(len(line), maxStatusLine-len(r.head))]
	case r.where == partHead:
		r.endField()
		if r.head = line; line == "" && r.where == partHead {
			r.where = outside
		}
	case line == "":
		r.finish()
	case r.where == statuses:
		r.note(line)
	}
}

// endField is the end of a field in the header of a part.
func (r *StatusReader) endField() {
	if name, value, _ := strings.Cut(r.head, ":"); strings.EqualFold(name, "Content-Type") {
		r.enter(value)
	}
}

// isBoundary takes a line between parts (RFC 2046 section 5.1.1), of any multipart that
// the reader is in. White space may follow, but not more: the boundary of a message within
// may start with ours.
func (r *StatusReader) isBoundary(line string) bool {
	rest, found := strings.CutPrefix(line, "--")
	if !found {
		return false
	}
	rest = strings.TrimRight(rest, " \t")
	for i, boundary := range slices.Backward(r.boundaries) {
		last := rest == boundary+"--"
		if !last && rest != boundary {
			continue
		}
		r.finish()
		r.head, r.where = "", partHead
		r.boundaries = r.boundaries[:i+1]
		if last {
			r.where, r.boundaries = outside, r.boundaries[:i]
		}
		return true
	}
	return false
}

// note takes a field of a report. A recipient is "rfc822; a@example.org".
func (r *StatusReader) note(line string) {
	if line[0] == ' ' || line[0] == '\t' {
		if text := " " + picture(strings.TrimSpace(line)); r.diagnosing {
			r.report.Diagnostic += text[:min(len(text), max(0, maxStatusLine-len(r.report.Diagnostic)))]
		}
		return
	}
	name, value, _ := strings.Cut(line, ":")
	value = picture(strings.TrimSpace(value))
	name = strings.ToLower(name)
	r.diagnosing = name == "diagnostic-code"
	switch name {
	case "reporting-mta":
		r.Reporting = withoutType(value)
	case "remote-mta":
		r.report.Remote = withoutType(value)
	case "diagnostic-code":
		r.report.Diagnostic = withoutType(value)
	case "action":
		word, _, _ := strings.Cut(value, " ")
		r.report.Action = strings.ToLower(word)
	case "status":
		word, _, _ := strings.Cut(value, " ")
		r.report.Status = word
	case "original-recipient":
		r.report.Recipient = withoutType(value)
	case "final-recipient":
		if r.report.Recipient == "" {
			r.report.Recipient = withoutType(value)
		}
	}
}

// withoutType takes "dns; " and the like off a value (RFC 3464 section 2.1.2).
func withoutType(value string) string {
	_, value, _ = strings.Cut(value, ";")
	return strings.TrimSpace(value)
}

// finish keeps a report that says what happened.
func (r *StatusReader) finish() {
	if r.report.Action != "" && len(r.Reports) < maxReports {
		r.Reports = append(r.Reports, r.report)
	}
	r.report, r.diagnosing = Report{}, false
}

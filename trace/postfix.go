package trace

import (
	"strconv"
	"strings"
	"time"
)

// noQueue stands for the queue id of what was refused before it had one.
const noQueue = "NOQUEUE"

// parsePostfix reads a line of Postfix about one message. All is read from the left: what follows
// may be a stranger's words.
func parsePostfix(line Line) (e event, ok bool) {
	id, text, found := strings.Cut(line.Text, ": ")
	if !found || id != noQueue && !isQueueID(id) {
		return event{}, false
	}
	e = event{time: line.Time, program: line.Program, id: id}
	if id == noQueue {
		e.id = ""
	}
	e.read(text)
	return e, true
}

// isQueueID reports whether text may be a queue id: hexadecimal digits, or with long ids
// (enable_long_queue_ids) digits and consonants of either case with a z between time and inode.
func isQueueID(text string) bool {
	if len(text) < 6 || len(text) > 24 {
		return false
	}
	short, long := true, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'F':
		case c >= 'B' && c <= 'Z', c >= 'b' && c <= 'z':
			short = false
			long = long || c == 'z'
		default:
			return false
		}
	}
	return short || long && len(text) >= 10
}

// read fills in what stands behind the queue id.
func (e *event) read(text string) {
	key, value, _ := strings.Cut(text, "=")
	switch key {
	case "to":
		e.readTried(value)
	case "from":
		e.readQueued(value)
	case "client", "uid":
		e.readBegun(text)
	case "message-id":
		e.kind, e.messageID = named, value
	case "resent-message-id": // beside the other one
		e.messageID = value
	default:
		e.readWords(text)
	}
}

// readBegun reads "client=a.example[192.0.2.1], sasl_username=x, orig_queue_id=ID" of smtpd, or
// "uid=0 from=<root> orig_id=ID" of pickup.
func (e *event) readBegun(text string) {
	e.kind = begun
	if fields, local := strings.CutPrefix(text, "uid="); local {
		e.client = "a program of this host, user id " + before(fields, " ")
		_, e.other, _ = strings.Cut(text, "> orig_id=")
		return
	}
	for field := range strings.SplitSeq(text, ", ") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "client":
			e.client = value
		case "sasl_username":
			e.login = value
		case "orig_queue_id":
			e.other = value
		}
	}
}

// readQueued reads "<a@example.org>, size=1, nrcpt=1 (queue active)", or "..., status=expired,
// returned to sender".
func (e *event) readQueued(text string) {
	var rest string
	e.kind = queued
	if e.from, rest = address(text, ", size=", ", status="); rest == "" {
		e.kind = remark
		return
	}
	e.sized = true
	for field := range strings.SplitSeq(rest, ", ") {
		key, value, _ := strings.Cut(field, "=")
		switch {
		case key == "nrcpt":
			e.recipients, _ = strconv.Atoi(before(value, " "))
		case key == "status":
			e.kind, e.status = expired, value
		}
	}
}

// readTried reads "<a@example.org>, orig_to=<b@example.org>, relay=..., delay=1, delays=...,
// dsn=2.0.0, status=sent (250 words)".
func (e *event) readTried(text string) {
	var rest string
	e.kind = tried
	e.to, rest = address(text, ", orig_to=<", ", relay=")
	if orig, found := strings.CutPrefix(rest, "orig_to="); found {
		e.origTo, rest = address(orig, ", relay=")
	}
	for rest != "" {
		var field string
		if words, last := strings.CutPrefix(rest, "status="); last {
			e.status, words, _ = strings.Cut(words, " ")
			e.readReply(words)
			return
		}
		field, rest, _ = strings.Cut(rest, ", ")
		e.note(field)
	}
	e.kind = remark // it is cut before the status
}

func (e *event) note(field string) {
	key, value, _ := strings.Cut(field, "=")
	switch key {
	case "relay":
		e.relay = value
	case "dsn":
		e.dsn = value
	case "delay":
		seconds, _ := strconv.ParseFloat(value, 64)
		e.delay = time.Duration(seconds * float64(time.Second))
	}
}

// readReply reads the words in the brackets at the end, and a queue id of this host in them.
func (e *event) readReply(words string) {
	words, open := strings.CutPrefix(words, "(")
	closed := strings.HasSuffix(words, ")")
	e.words, e.cut = strings.TrimSuffix(words, ")"), open && !closed
	if e.status != "sent" || e.cut {
		return
	}
	for _, mark := range []string{" queued as ", "forwarded as "} {
		if at := strings.LastIndex(" "+e.words, mark); at >= 0 {
			if id := before(e.words[at+len(mark)-1:], " "); isQueueID(id) {
				e.other = id
			}
		}
	}
}

// prefixes are how lines begin that are about more than a recipient; the first that fits counts.
var prefixes = []struct {
	text string
	kind kind
}{
	{"milter-reject: ", rejected}, {"reject: ", rejected}, {"milter-discard: ", rejected}, {"discard: ", rejected},
	{"milter-hold: ", held}, {"hold: ", held}, {"placed on hold", held}, {"released from hold", released},
	{"sender non-delivery notification: ", notified}, {"sender delay notification: ", notified},
	{"sender delivery status notification: ", notified},
}

// readWords reads what is no list of names and values.
func (e *event) readWords(text string) {
	e.words = text
	if text == "removed" {
		e.kind = removed
		return
	}
	for _, p := range prefixes {
		rest, found := strings.CutPrefix(text, p.text)
		if !found {
			continue
		}
		e.kind = p.kind
		switch e.kind {
		case notified:
			e.other = rest
		case rejected:
			e.byMilter = strings.HasPrefix(text, "milter-")
			e.status = strings.TrimPrefix(before(text, ":"), "milter-")
			e.readRejected(rest)
		}
		return
	}
}

// readRejected reads "RCPT from a.example[192.0.2.1]: 550 5.7.1 words; from=<a@example.org>
// to=<b@example.org> proto=ESMTP helo=<a.example>". Words may hold "; from=<", so that the last one
// counts. With header_checks it is "header Subject: x from a.example[192.0.2.1]; from=...: words".
func (e *event) readRejected(text string) {
	var envelope string
	e.stage, text, _ = strings.Cut(text, " ")
	if at := strings.LastIndex(text, "; from=<"); at >= 0 {
		text, envelope = text[:at], text[at+len("; from="):]
		e.sized = true
		e.from, envelope = address(envelope, " to=<", " proto=")
	}
	if to, found := strings.CutPrefix(envelope, "to="); found {
		e.to, envelope = address(to, " proto=", " helo=")
	}
	if from, found := strings.CutPrefix(text, "from "); found {
		e.client, e.words, _ = strings.Cut(from, ": ")
		return
	}
	if at := strings.LastIndex(text, " from "); at >= 0 {
		e.client = text[at+len(" from "):]
	}
	_, e.words, _ = strings.Cut(envelope, ">: ")
}

// address reads "<a@example.org>" and what follows it, which begins with one of the ends. A local
// part in quotes may hold an end; one that Postfix logs without its quotes (before 3.5) may, too,
// and then the first end counts. The rest comes without ", "; empty: the line is cut.
func address(text string, ends ...string) (addr, rest string) {
	text, found := strings.CutPrefix(text, "<")
	if !found {
		return "", ""
	}
	quoted := behindQuotes(text)
	first := -1
	for _, end := range ends {
		if i := strings.Index(text[quoted:], ">"+end); i >= 0 && (first < 0 || quoted+i < first) {
			first = quoted + i
		}
	}
	if first < 0 {
		return strings.TrimSuffix(text, ">"), ""
	}
	return text[:first], strings.TrimLeft(text[first+1:], ", ")
}

// behindQuotes is where a local part in quotes ends; 0: there is none.
func behindQuotes(text string) int {
	if !strings.HasPrefix(text, `"`) {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// before is text as far as a mark, or all of it.
func before(text, mark string) string {
	text, _, _ = strings.Cut(text, mark)
	return text
}

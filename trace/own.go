package trace

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// program is what the daemon is called in the log.
const program = "onbehalf"

// parseOwn reads a line of onbehalf about one message.
func parseOwn(line Line) (e event, ok bool) {
	if line.Program != "" && line.Program != program {
		return event{}, false
	}
	var fields map[string]string
	if strings.HasPrefix(line.Text, "{") {
		fields = readObject(line.Text)
	} else if _, text, found := strings.Cut(line.Text, " msg="); found {
		fields = readPairs("msg=" + text)
	}
	e = event{time: line.Time, program: program, id: fields["queue_id"], client: fields["client"], login: fields["login"]}
	switch fields["msg"] {
	case "message":
		e.kind, e.ours = decided, decisionOf(fields)
	case "recipient refused":
		e.kind, e.words, e.to, e.stage = unroutable, fields["reason"], fields["recipient"], "RCPT"
	case "receiver refuses a tenant's mail":
		e.kind, e.words, e.status = disagreement, fields["finding"], fields["class"]
		e.relay = fields["receiver"]
	default:
		return event{}, false
	}
	return e, true
}

func decisionOf(f map[string]string) *Decision {
	d := &Decision{
		Row: f["row"], Action: f["action"], Reason: f["reason"], Result: f["result"], Tenant: f["tenant"],
		Shadow: f["mode"] == "shadow", Changed: f["rewrote"], Signed: f["signed"], Problem: f["problem"], Detail: f["detail"],
		From: f["from"], Sender: f["sender"], NewSender: f["new_sender"], Login: f["login"],
		ForwardedTo: f["to"], DSN: f["dsn"],
	}
	if d.Shadow {
		d.Changed, d.Signed, d.NewSender = f["would_rewrite"], f["would_sign"], f["would_new_sender"]
	}
	return d
}

// failed lists whom a notification did not reach: "failed 5.1.1 for x@example.org, delayed 4.4.1
// for y@example.org". A local part in quotes may hold a comma and a blank; such a recipient is not
// found.
func failed(dsn string) (all []string) {
	for report := range strings.SplitSeq(dsn, ", ") {
		if action, to, found := strings.Cut(report, " for "); found && before(action, " ") == "failed" {
			all = append(all, to)
		}
	}
	return all
}

// readPairs reads what slog's TextHandler writes: key=value, either in quotes of Go where it must
// be. What cannot be read ends it.
func readPairs(text string) map[string]string {
	fields := make(map[string]string)
	for text != "" {
		key, rest, found := strings.Cut(text, "=")
		if !found {
			break
		}
		var value string
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			value, _ = strconv.Unquote(quoted)
			text = strings.TrimPrefix(rest[len(quoted):], " ")
		} else {
			value, text, _ = strings.Cut(rest, " ")
		}
		if _, again := fields[key]; !again {
			fields[key] = value
		}
	}
	return fields
}

// readObject reads what slog's JSONHandler writes.
func readObject(text string) map[string]string {
	var all map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	fields := make(map[string]string, len(all))
	for key, value := range all {
		fields[key] = fmt.Sprint(value)
	}
	return fields
}

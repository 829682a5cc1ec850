package trace

import (
	"encoding/json"
	"strconv"
	"time"
)

// object is a line that is a JSON object: an entry of the journal (journalctl -o json), whose numbers
// are strings, or a line of onbehalf with log.format json.
type object struct {
	Realtime   string          `json:"__REALTIME_TIMESTAMP"` // microseconds
	Identifier string          `json:"SYSLOG_IDENTIFIER"`
	Message    json.RawMessage `json:"MESSAGE"` // a string, numbers where it is not UTF-8, null where it is long
	Time       string          `json:"time"`
}

func (c *clock) object(raw string) (Line, bool) {
	var o object
	if json.Unmarshal([]byte(raw), &o) != nil {
		return Line{}, false
	}
	if o.Realtime == "" {
		t, ok := c.iso(o.Time)
		return Line{Time: t, Text: raw}, ok
	}
	micros, err := strconv.ParseInt(o.Realtime, 10, 64)
	text, ok := textOf(o.Message)
	c.last = time.UnixMicro(micros)
	return Line{c.last.In(c.loc), o.Identifier, text}, ok && err == nil
}

// textOf reads a field of the journal: a string, or an array with a number for each byte.
func textOf(raw json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(raw, &text) == nil && text != nil {
		return *text, true
	}
	var numbers []byte
	var all []uint16
	if json.Unmarshal(raw, &all) != nil || all == nil {
		return "", false
	}
	for _, n := range all {
		if n > 255 {
			return "", false
		}
		numbers = append(numbers, byte(n))
	}
	return string(numbers), true
}

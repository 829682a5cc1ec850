package trace

import (
	"strings"
	"time"
)

// Line is one line of a log, without what its format puts around it.
type Line struct {
	Time    time.Time
	Program string // such as postfix/smtp; RFC 5424 leaves postfix of it; empty: a line of onbehalf as it wrote it
	Text    string
}

// parseLine reads a line of any format; ok is false when it is in none.
func (c *clock) parseLine(raw string) (line Line, ok bool) {
	if raw == "" {
		return Line{}, false
	}
	switch first := raw[0]; {
	case first == '{':
		return c.object(raw)
	case first == '<':
		return c.prioritized(raw)
	case strings.HasPrefix(raw, "time="):
		return c.own(raw)
	case first >= '0' && first <= '9':
		stamp, rest, _ := strings.Cut(raw, " ")
		return tagged(c.iso, stamp, rest)
	case len(raw) > traditional && raw[traditional] == ' ':
		return tagged(c.yearless, raw[:traditional], raw[traditional+1:])
	}
	return Line{}, false
}

// prioritized reads what begins with a priority, "<22>": RFC 5424, or another format behind it.
func (c *clock) prioritized(raw string) (Line, bool) {
	end := strings.IndexByte(raw, '>')
	if end < 2 || end > 4 || strings.Trim(raw[1:end], "0123456789") != "" {
		return Line{}, false
	}
	rest := raw[end+1:]
	if text, is := strings.CutPrefix(rest, "1 "); is {
		return c.protocol(text)
	}
	if strings.HasPrefix(rest, "<") {
		return Line{}, false
	}
	return c.parseLine(rest)
}

// protocol reads RFC 5424 behind the version: stamp, host, app-name, process, message id,
// structured data, text.
func (c *clock) protocol(text string) (line Line, ok bool) {
	var fields [5]string
	for i := range fields {
		if fields[i], text, ok = strings.Cut(text, " "); !ok {
			return Line{}, false
		}
	}
	if line.Time, ok = c.iso(fields[0]); !ok {
		return Line{}, false
	}
	line.Program = fields[2]
	text, ok = behindData(text)
	line.Text = strings.TrimPrefix(strings.TrimLeft(text, " "), "\ufeff")
	return line, ok
}

// behindData returns what follows structured data (RFC 5424 section 6.3): "-" or "[id
// a="b\"]"][id]".
func behindData(text string) (rest string, ok bool) {
	if strings.HasPrefix(text, "-") {
		return text[1:], true
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && !strings.HasPrefix(text[i+1:], "["):
			return text[i+1:], strings.HasPrefix(text, "[")
		}
	}
	return "", false
}

// tagged reads "host program[123]: text" behind a stamp.
func tagged(read func(string) (time.Time, bool), stamp, rest string) (Line, bool) {
	t, ok := read(stamp)
	_, rest, named := strings.Cut(rest, " ")
	if !ok || !named {
		return Line{}, false
	}
	program, text, found := strings.Cut(rest, ": ")
	if !found {
		program, text = strings.TrimSuffix(rest, ":"), ""
	}
	if name, _, numbered := strings.Cut(program, "["); numbered {
		program = name
	}
	return Line{t, program, text}, !strings.Contains(program, " ")
}

// own reads a line as onbehalf writes it: "time=... level=INFO msg=...".
func (c *clock) own(raw string) (Line, bool) {
	stamp, _, _ := strings.Cut(strings.TrimPrefix(raw, "time="), " ")
	t, ok := c.iso(stamp)
	return Line{Time: t, Text: raw}, ok
}

package record

import (
	"fmt"
	"strings"
)

// tags is a tag-list of RFC 6376 section 3.2: "k=rsa; p=MIGf".
type tags struct {
	names  []string
	values map[string]string
}

// blank is folding white space: it may stand around names and values.
const blank = " \t\r\n"

func parseTags(text string) (tags, error) {
	t := tags{values: make(map[string]string)}
	for _, r := range text {
		if (r < ' ' || r > '~') && !strings.ContainsRune(blank, r) {
			return t, fmt.Errorf("it holds %q, which is not printable ASCII", r)
		}
	}
	specs := strings.Split(text, ";")
	for i, spec := range specs {
		spec = strings.Trim(spec, blank)
		if spec == "" && i == len(specs)-1 {
			break // a final semicolon is allowed
		}
		name, value, found := strings.Cut(spec, "=")
		name = strings.TrimRight(name, blank)
		switch {
		case !found:
			return t, fmt.Errorf("%q is not a tag; a tag is a name, = and a value", clip(spec))
		case !isTagName(name):
			return t, fmt.Errorf("%q is not the name of a tag", clip(name))
		}
		if _, twice := t.values[name]; twice {
			return t, fmt.Errorf("tag %s appears twice", clip(name))
		}
		t.names = append(t.names, name)
		t.values[name] = strings.Trim(value, blank)
	}
	return t, nil
}

func isTagName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// first reports whether the list begins with the tag and value.
func (t tags) first(name, value string) bool {
	return len(t.names) > 0 && t.names[0] == name && t.values[name] == value
}

// list returns the parts of a value between colons, without white space around them.
func (t tags) list(name string) []string {
	var parts []string
	for part := range strings.SplitSeq(t.values[name], ":") {
		parts = append(parts, strings.Trim(part, blank))
	}
	return parts
}

// Pasted says what was pasted into a record that does not belong there; empty: nothing
// that we know of. What stands inside cannot be read before that is fixed.
func Pasted(text string) string {
	trimmed := strings.Trim(text, blank)
	switch {
	case strings.HasPrefix(trimmed, `"`) || strings.HasSuffix(trimmed, `"`):
		return "quotation marks were pasted in and are part of the record"
	case strings.Contains(text, `" "`):
		return "quotation marks between the parts of the text were pasted in and are part of the record"
	case strings.Contains(text, `\;`):
		return `backslashes before the semicolons were pasted in and are part of the record`
	}
	return ""
}

// clip shortens text of unknown origin for people.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

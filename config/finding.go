package config

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Level says what a finding stops.
type Level int

const (
	Error   Level = iota // start and reload are refused
	Fault                // one tenant's key is left out, all else goes on
	Warning              // nothing is stopped
)

// String gives the word that stands before a finding.
func (l Level) String() string {
	switch l {
	case Error:
		return "error"
	case Fault:
		return "fault"
	}
	return "warning"
}

// MarshalText is String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that is wrong with the configuration. It never holds a
// secret or a key.
type Finding struct {
	Level     Level  `json:"level"`
	File      string `json:"file"`
	Item      string `json:"item,omitempty"` // "tenant yourorg"; "tenants[3]" for one without an id
	Key       string `json:"key,omitempty"`  // "platform.from"; within the item, if there is one: "dkim[0].key"
	Cause     string `json:"cause"`
	Remedy    string `json:"remedy,omitempty"`
	Truncated bool   `json:"truncated,omitempty"` // the file looks cut off: a start may risk it, a reload must not
	at        position
}

// String gives "file: item: key: cause; remedy" without the parts that are empty, on
// one line whatever the names of files hold.
func (f Finding) String() string {
	var b strings.Builder
	for _, part := range []string{f.File, f.Item, f.Key} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(f.Cause)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, b.String())
}

// Findings is all that is wrong, by file and by position in it.
type Findings []Finding

// Fatal tells whether start and reload must be refused.
func (f Findings) Fatal() bool {
	return slices.ContainsFunc(f, func(one Finding) bool { return one.Level == Error })
}

// Truncated tells whether a file looks cut off. A reload must be refused then, for
// the part that is missing would be tenants dropped.
func (f Findings) Truncated() bool {
	return slices.ContainsFunc(f, func(one Finding) bool { return one.Truncated })
}

// Sort puts findings into the order of the files, and within a file into the order
// of reading. What was added behind Load's findings by KeyFile.Finding falls into place.
func (f Findings) Sort() {
	slices.SortStableFunc(f, func(a, b Finding) int { return a.at.compare(b.at) })
}

// position is where a finding belongs among others.
type position struct{ file, line, column int }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.file, q.file), cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

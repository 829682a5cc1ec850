package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Level is what a finding stops.
type Level int

const (
	Error   Level = iota // start and reload are refused
	Fault                // one tenant's key is left out, all else goes on
	Warning              // nothing is stopped
)

// String returns the word that stands before a finding.
func (l Level) String() string { return [...]string{"error", "fault", "warning"}[l] }

// MarshalText is String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (l *Level) UnmarshalText(text []byte) error {
	for *l = Error; *l <= Warning; *l++ {
		if l.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("%q is no level of a finding", text)
}

// Finding is one thing that is wrong with the configuration. It never holds a
// secret or a key.
type Finding struct {
	Level     Level  `json:"level"`
	File      string `json:"file"`
	Item      string `json:"item,omitempty"` // "tenant yourorg"; "tenants[3]" for one without an id
	Key       string `json:"key,omitempty"`  // "platform.from"; within the item, if there is one: "dkim[0].key"
	Cause     string `json:"cause"`
	Remedy    string `json:"remedy,omitempty"`
	Truncated bool   `json:"truncated,omitempty"` // the file may be truncated: a start may risk it, a reload must not
	More      int    `json:"more,omitempty"`      // it stands for so many that are not kept
	Denied    bool   `json:"denied,omitempty"`    // permission was denied to the user of this process: another one may read it
	at        position
}

// String returns "file: item: key: cause; remedy" without the parts that are empty, on
// one line whatever the names of files hold.
func (f Finding) String() string {
	parts := []string{f.File, f.Item, f.Key, f.Cause}
	text := strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
	if f.Remedy != "" {
		text += "; " + f.Remedy
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

// Findings is all that is wrong, by file and by position in it; of very much, the first 100, and
// how many more.
type Findings []Finding

// Fatal reports whether start and reload must be refused.
func (f Findings) Fatal() bool {
	return slices.ContainsFunc(f, func(one Finding) bool { return one.Level == Error })
}

// Truncated reports whether a file may be truncated. A reload must be refused then,
// because tenants in the missing part would be dropped.
func (f Findings) Truncated() bool {
	return slices.ContainsFunc(f, func(one Finding) bool { return one.Truncated })
}

// AtReload returns the findings as a reload takes them: a key that may not be read is an error, for
// a tenant that signs with it would lose its signature.
func (f Findings) AtReload() Findings {
	all := slices.Clone(f)
	for i := range all {
		if all[i].Denied && all[i].Level == Fault {
			all[i].Level = Error
		}
	}
	return all
}

// Sort puts findings into the order of the files, and within a file into the order
// of reading, those that were added after Load's findings by KeyFile.Finding included.
func (f Findings) Sort() {
	slices.SortStableFunc(f, func(a, b Finding) int { return a.at.compare(b.at) })
}

// mostFindings is how many findings are kept: nobody reads more, and there may be one for each line
// of a file.
const mostFindings = 100

// counts are numbers of findings by Level.
type counts [Warning + 1]int

// everywhere is what a finding names as its file that stands for others.
const everywhere = "configuration"

// Limited returns the first 100 findings, errors before faults and faults before warnings, and one
// that counts the rest, if there is a rest. It keeps the order.
func (f Findings) Limited() Findings { return f.limited(counts{}) }

// limited is Limited, with some that were never kept.
func (f Findings) limited(rest counts) Findings {
	var kept Findings
	var room counts
	left, truncated := mostFindings, false
	for level, all := range f.byLevel() {
		room[level] = min(all, left)
		left -= room[level]
	}
	for _, one := range f {
		switch level := one.Level; {
		case one.More > 0:
			rest[level] += one.More
			truncated = truncated || one.Truncated
		case room[level] > 0:
			room[level]--
			kept = append(kept, one)
		default:
			rest[level]++
			truncated = truncated || one.Truncated
		}
	}
	for level, more := range rest {
		if more > 0 {
			return append(kept, restOf(Level(level), rest, truncated))
		}
	}
	return kept
}

// byLevel counts findings, without those that stand for others.
func (f Findings) byLevel() counts {
	var all counts
	for _, one := range f {
		if one.More == 0 {
			all[one.Level]++
		}
	}
	return all
}

// restOf returns the finding that stands for others, at the worst level of them.
func restOf(worst Level, rest counts, truncated bool) Finding {
	more := 0
	for _, n := range rest {
		more += n
	}
	return Finding{Level: worst, File: everywhere, Cause: "and " + grouped(more) + " more", Remedy: "fix those that are shown, then run onbehalf check-config again",
		Truncated: truncated, More: more, at: position{file: math.MaxInt}}
}

// grouped writes a number as 99,900.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// position is where a finding belongs among others.
type position struct{ file, line, column int }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.file, q.file), cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

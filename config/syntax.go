package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// notYAML returns what the parser says of a file, and what to do. Where it finds the trouble is
// often a line or more beside where somebody made it, so tabs and forgotten dashes are looked for
// in the text itself. Of an alias the parser quotes the name, which may be anything.
func notYAML(err error, octets []byte) (cause, fix string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	switch {
	case strings.Contains(text, "UTF-8"):
		return "is not YAML: " + text, "save it as UTF-8"
	case strings.Contains(text, "tab character"), strings.Contains(text, "cannot start any token"):
		if line := tabLine(octets, lineOf(text)); line > 0 {
			return fmt.Sprintf("is not YAML: line %d begins with a tab", line), "indent it with spaces"
		}
	case strings.Contains(text, "'-' indicator"):
		if cause, fix := notOfItem(octets); cause != "" {
			return "is not YAML: " + cause, fix
		}
	case strings.Contains(text, "mapping values are not allowed"):
		if cause, fix := deeperThanValue(octets); cause != "" {
			return "is not YAML: " + cause, fix
		}
	}
	if before, _, found := strings.Cut(text, "unknown anchor "); found {
		text = before + "it refers to an anchor that does not exist"
	}
	return "is not YAML: " + text, "check the indentation and the quotes there and just above"
}

// missingDash asks whether somebody forgot to begin an item of a list.
func missingDash(key string, line int) string {
	if near := plainKey.FindString(key); near != "" {
		return fmt.Sprintf("is a `- ` missing before %s in line %d?", near, line)
	}
	return fmt.Sprintf("is a `- ` missing in line %d?", line)
}

var (
	plainKey   = regexp.MustCompile(`^[a-z_]{1,40}`)
	lineNumber = regexp.MustCompile(`^line (\d+)`)
)

// lineOf returns the line that the parser names, or 1.
func lineOf(text string) int {
	if found := lineNumber.FindStringSubmatch(text); found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			return n
		}
	}
	return 1
}

// tabLine returns the number of the first line, not before one, that is indented by a tab; 0: none.
func tabLine(octets []byte, from int) int {
	n := 0
	for line := range bytes.Lines(octets) {
		n++
		text := bytes.TrimLeft(line, " \t")
		if n >= from && bytes.ContainsRune(line[:len(line)-len(text)], '\t') && len(bytes.TrimSpace(text)) > 0 && text[0] != '#' {
			return n
		}
	}
	return 0
}

// notOfItem finds the first line below the dash of a list's item that is neither an item nor stands
// below what the item begins with.
func notOfItem(octets []byte) (cause, fix string) {
	open := make(map[int]int) // column of each dash, and of what stands behind it, of lists that have not ended
	n := 0
	for line := range bytes.Lines(octets) {
		n++
		text := strings.TrimLeft(string(line), " ")
		column := len(line) - len(text)
		if text = strings.TrimSpace(text); text == "" || text[0] == '#' {
			continue
		}
		behind, item := strings.CutPrefix(text, "- ")
		for dash, content := range open {
			switch {
			case dash == column && dash > 0 && !item && text != "-":
				return fmt.Sprintf("line %d stands in a list and is no item of it", n), missingDash(text, n)
			case dash < column && column < content:
				return fmt.Sprintf("line %d is indented by %d spaces, and the item above it by %d", n, column, content), "indent both alike"
			case dash > column:
				delete(open, dash)
			}
		}
		if item {
			open[column] = column + len(text) - len(strings.TrimLeft(behind, " "))
		}
	}
	return "", ""
}

// keyAndValue is a line that has a key and its value.
var keyAndValue = regexp.MustCompile(`^[a-z_]+: +[^ |>&#]`)

// deeperThanValue finds the first line with a key that stands deeper than the one above it, which
// has a value: what is left of an item whose dash was forgotten.
func deeperThanValue(octets []byte) (cause, fix string) {
	n, above, aboveColumn, item := 0, "", 0, false
	for line := range bytes.Lines(octets) {
		n++
		text := strings.TrimLeft(string(line), " -")
		column := len(line) - len(text)
		if keyAndValue.MatchString(above) && plainKey.MatchString(text) && column > aboveColumn {
			cause = fmt.Sprintf("line %d is indented deeper than line %d, which has a value", n, n-1)
			if !item && column == aboveColumn+len("- ") {
				return cause, missingDash(above, n-1)
			}
			return cause, "indent both alike"
		}
		above, aboveColumn, item = text, column, bytes.ContainsRune(line[:column], '-')
	}
	return "", ""
}

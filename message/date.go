package message

import (
	"slices"
	"strconv"
	"strings"
)

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// IsDate reports whether the value of a Date field can be read: a day, a month, a year and
// a time of day, by RFC 5322 section 3.3 or as older programs write them (its section 4.3,
// and the order of asctime).
func IsDate(value string) bool {
	text := strings.ToLower(unfold(value))
	if open := strings.IndexByte(text, '('); open >= 0 {
		text = text[:open] // the name of the zone
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,-", r) })
	if len(words) > 10 {
		return false
	}
	var day, month, year, clock bool
	for _, word := range words {
		n, err := strconv.Atoi(word)
		switch {
		case len(word) >= 3 && slices.Contains(months, word[:3]):
			month = true
		case strings.Contains(word, ":"):
			clock = clock || isClock(word)
		case err != nil || word[0] == '+':
		case !day && len(word) <= 2:
			day = 1 <= n && n <= 31
		case !year && day && (len(word) == 2 || len(word) == 4):
			year = true
		}
	}
	return day && month && year && clock
}

// isClock reads hh:mm or hh:mm:ss.
func isClock(word string) bool {
	parts := strings.Split(word, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	for i, most := range []int{23, 59, 60}[:len(parts)] {
		if n, err := strconv.Atoi(parts[i]); err != nil || n < 0 || n > most || len(parts[i]) > 2 {
			return false
		}
	}
	return true
}

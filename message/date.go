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
	text, _, _ := strings.Cut(strings.ToLower(unfold(value)), "(") // the name of the zone
	var day, month, year, clock bool
	words := 0
	for word := range strings.FieldsFuncSeq(text, betweenWords) {
		if words++; words > 10 {
			return false
		}
		n, isNumber := number(word)
		switch {
		case len(word) >= 3 && slices.Contains(months, word[:3]):
			month = true
		case strings.Contains(word, ":"):
			clock = clock || isClock(word)
		case !isNumber:
		case !day && len(word) <= 2:
			day = 1 <= n && n <= 31
		case !year && day && (len(word) == 2 || len(word) == 4):
			year = true
		}
	}
	return day && month && year && clock
}

func betweenWords(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '-' }

// isClock reads hh:mm or hh:mm:ss.
func isClock(word string) bool {
	parts := 0
	for part := range strings.SplitSeq(word, ":") {
		n, isNumber := number(part)
		if parts == 3 || !isNumber || len(part) > 2 || n > [...]int{23, 59, 60}[parts] {
			return false
		}
		parts++
	}
	return parts >= 2
}

// number reads a number without a sign. Errors of strconv are made for each word that is none, so
// those are not asked for.
func number(word string) (int, bool) {
	for i := range len(word) {
		if c := word[i]; c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(word)
	return n, err == nil
}

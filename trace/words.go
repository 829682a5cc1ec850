package trace

import (
	"fmt"
	"strings"
	"time"
)

// listed names up to three things.
func listed(all []string) string {
	switch n := len(all); n {
	case 0:
		return ""
	case 1:
		return all[0]
	case 2, 3:
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	default:
		return fmt.Sprintf("%s and %d others", all[0], n-1)
	}
}

// span is a duration for people; empty below a second.
func span(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	d = d.Round(time.Second)
	var parts []string
	for _, u := range units {
		if n := d / u.size; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
		}
		d %= u.size
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// ordinal is which try it was.
func ordinal(n int) string {
	names := []string{"", "first", "second", "third"}
	if n < len(names) {
		return names[n]
	}
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// host is the name in a relay: "mx.example[192.0.2.1]:25".
func host(relay string) string { return before(relay, "[") }

// shown is a text of which the beginning will do.
func shown(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// clause is a sentence without its full stop, so that it can go on.
func clause(text string) string {
	if strings.HasSuffix(text, "...") {
		return text
	}
	return strings.TrimSuffix(text, ".")
}

// sentence is a clause with its full stop.
func sentence(text string) string {
	if strings.HasSuffix(text, "...") {
		return text
	}
	return text + "."
}

package main

import (
	"time"

	"onbehalf/config"
)

// sinceUsage is what help says of a flag --since.
const sinceUsage = `how far back: a duration like 12h or 90d, or a date such as 2026-11-24 or "2026-11-24 08:30"`

// parseSince reads the value of a flag --since: a duration before now, or a date, of local time
// where it names no zone.
func parseSince(text string, now time.Time) (time.Time, error) {
	if length, err := config.ParseDuration(text); err == nil && length > 0 {
		return now.Add(-length), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, misuse("--since: %q is not a duration like 12h or 90d, nor a date like 2026-11-24", text)
}

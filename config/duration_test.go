package config

import (
	"strings"
	"testing"
	"time"
)

// TestParseDuration: durations as Go has them, with days in front; what is none, or longer than a
// duration can be, is an error.
func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "0s": 0, "0d": 0, "30d": 30 * day, "1d12h": 36 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute, "-1d": -day,
		"106751d23h": 106751*day + 23*time.Hour,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for text, cause := range map[string]string{
		"": "is empty", "30": "has no unit", "0": "has no unit", "1d12": "has no unit", "d": "not a duration", "1dd": "not a duration", "1d-1h": "not a duration", "-1d1h": "not a duration",
		"106752d": "not a duration", "106751d24h": "not a duration", "soon": "not a duration",
	} {
		if got, err := parseDuration(text); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%q is %s, %v; want an error: %s", text, got, err, cause)
		}
	}
}

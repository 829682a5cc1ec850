package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"onbehalf/remedy"
)

const day = 24 * time.Hour

const aDuration = "write a duration like 30s, 5m, 1h or 30d"

// ParseDuration reads a duration as the configuration has it.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration reads a duration as Go has it, with days in front if need be: 30d,
// 1d12h, 90m.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, remedy.New(aDuration, "is empty")
	}
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return parseGoDuration(s, s)
	}
	n, err := strconv.ParseInt(days, 10, 64)
	whole := time.Duration(n) * day
	if err != nil || whole/day != time.Duration(n) {
		return 0, noDuration(s)
	}
	if rest == "" {
		return whole, nil
	}
	part, err := parseGoDuration(rest, s)
	if err == nil && (part < 0 || whole < 0 || whole+part < whole) {
		err = noDuration(s)
	}
	return whole + part, err
}

func parseGoDuration(s, all string) (time.Duration, error) {
	v, err := time.ParseDuration(s)
	switch {
	case err == nil && s != "0" && s != "+0" && s != "-0":
		return v, nil
	case strings.Trim(s, "0123456789.+-_") == "":
		return 0, remedy.New("write "+bare(all)+"s, or with m, h or d", "%s has no unit", bare(all))
	}
	return 0, noDuration(all)
}

func noDuration(s string) error {
	return remedy.New("write one like 30s, 5m, 1h or 30d", "%s is not a duration", Quoted(s))
}

// duration reads one; false: it has been reported.
func (d *document) duration(path string, text duration) (time.Duration, bool) {
	v, err := parseDuration(string(text))
	if err != nil {
		d.failBy(path, err, "")
	}
	return v, err == nil
}

func (d *document) positive(path string, text duration) time.Duration {
	v, ok := d.duration(path, text)
	if ok && v <= 0 {
		d.fail(path, bare(string(text))+" is not longer than zero", aDuration)
	}
	return v
}

func (d *document) notNegative(path string, text duration) time.Duration {
	v, ok := d.duration(path, text)
	if ok && v < 0 {
		d.fail(path, bare(string(text))+" is negative", aDuration)
	}
	return v
}

// daysAtLeast reads a duration of a day or more.
func (d *document) daysAtLeast(path string, text duration) time.Duration {
	v, ok := d.duration(path, text)
	if ok && v < day {
		d.fail(path, bare(string(text))+" is shorter than a day", "write 1d or more, like 400d")
	}
	return v
}

// wholeDays reads a lifetime of bounce addresses. They say their day modulo 1024,
// so one that lived longer than that would be young again.
func (d *document) wholeDays(path string, text duration) time.Duration {
	const most = 1000
	v, ok := d.duration(path, text)
	switch {
	case !ok:
	case v < day:
		d.fail(path, bare(string(text))+" is shorter than a day", "write 1d to 1000d")
	case v > most*day:
		d.fail(path, bare(string(text))+" is longer than 1000 days", "write 1d to 1000d")
	case v%day != 0:
		d.fail(path, bare(string(text))+" is not a whole number of days", fmt.Sprintf("write %dd or %dd", v/day, v/day+1))
	}
	return v
}

package trace

import (
	"strings"
	"time"
)

// clock reads the stamps of one source. Traditional ones have no year (RFC 3164 section 4.1.2).
type clock struct {
	end  time.Time // when the last line was written, or later
	loc  *time.Location
	last time.Time // of the line before; zero: none yet
}

// traditional is "Jan _2 15:04:05", which always has that length.
const traditional = len("Jan _2 15:04:05")

// iso reads a stamp of RFC 3339, as rsyslog and slog write it, or with +0100 for +01:00, as
// journalctl -o short-iso does.
func (c *clock) iso(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999-0700", text)
	}
	if err != nil {
		return time.Time{}, false
	}
	c.last = t
	return t, true
}

// yearless reads a stamp without a year. The first one of a source is the latest that is not after
// the end; each other one follows the one before it, so that a file may go over New Year, and lines
// may be a little out of order there.
func (c *clock) yearless(text string) (time.Time, bool) {
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", text[:3])
	day, hour, minute, second := number(text[4:6]), number(text[7:9]), number(text[10:12]), number(text[13:15])
	if month < 0 || month%3 != 0 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
		text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':' {
		return time.Time{}, false
	}
	in := func(year int) time.Time {
		return time.Date(year, time.Month(month/3+1), day, hour, minute, second, 0, c.loc)
	}
	t, found := c.latest(in, day)
	if !c.last.IsZero() {
		t, found = c.following(in, day)
	}
	if found {
		c.last = t
	}
	return t, found
}

// slack is how much a clock may be ahead of the one that says when the file was written, and how
// much lines may be out of order.
const slack = 24 * time.Hour

func (c *clock) latest(in func(year int) time.Time, day int) (time.Time, bool) {
	for year := c.end.In(c.loc).Year() + 1; year > c.end.Year()-9; year-- { // leap days may be eight years apart
		if t := in(year); t.Day() == day && !t.After(c.end.Add(slack)) {
			return t, true
		}
	}
	return time.Time{}, false
}

// following returns the earliest time that follows the line before, or is a little before it. Where
// that is behind the end, the clock was set back, and the year is the same.
func (c *clock) following(in func(year int) time.Time, day int) (time.Time, bool) {
	year := c.last.In(c.loc).Year()
	for y := year - 1; y < year+9; y++ {
		if t := in(y); t.Day() == day && !t.Before(c.last.Add(-slack)) && !t.After(c.end.Add(slack)) {
			return t, true
		}
	}
	t := in(year)
	return t, t.Day() == day
}

// number reads two digits, of which the first may be a blank; -1: it is none.
func number(text string) int {
	tens, ones := text[0], text[1]
	if tens == ' ' {
		tens = '0'
	}
	if tens < '0' || tens > '9' || ones < '0' || ones > '9' {
		return -1
	}
	return int(tens-'0')*10 + int(ones-'0')
}

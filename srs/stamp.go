package srs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const stampLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// stampCycle is the number of days after which stamps repeat.
const stampCycle = 1024

func stamp(day int) string {
	day = (day%stampCycle + stampCycle) % stampCycle // days before 1970 are negative
	return string([]byte{stampLetters[day>>5], stampLetters[day&31]})
}

// firstRound is the round of 1024 days in which the first addresses were made. Its number is
// not in their MAC.
const firstRound = 20

// inRound is a purpose in the round of a day.
func inRound(purpose string, day int) string {
	if round := day / stampCycle; round > firstRound {
		return purpose + " " + strconv.Itoa(round)
	}
	return purpose
}

// age returns how many days ago a stamp was made; stampCycle-1: tomorrow. Ok is false for what
// is no stamp.
func (c Codec) age(tt string) (days int, ok bool) {
	tt = strings.ToUpper(tt)
	if len(tt) != 2 {
		return 0, false
	}
	high, low := strings.IndexByte(stampLetters, tt[0]), strings.IndexByte(stampLetters, tt[1])
	if high < 0 || low < 0 {
		return 0, false
	}
	return ((c.day-(high<<5|low))%stampCycle + stampCycle) % stampCycle, true
}

// dayOf returns the day of a stamp: the last one that has it, or tomorrow. Of what is no
// stamp, any.
func (c Codec) dayOf(tt string) int {
	age, _ := c.age(tt)
	if age == stampCycle-1 {
		return c.day + 1
	}
	return c.day - age
}

// checkAge refuses a stamp that is too old, or of a day yet to come (tomorrow is
// accepted: clocks differ). Reply addresses are good for as long as a stamp can show.
func (c Codec) checkAge(tt, purpose string) error {
	age, ok := c.age(tt)
	if !ok {
		return ErrNotOurs
	}
	most := int(c.settings.MaxAge / (24 * time.Hour))
	if purpose == forReply || purpose == forReplies {
		most = stampCycle - 2
	}
	if age > most && age != stampCycle-1 {
		return fmt.Errorf("%w: it is %d days old, and good for %d", ErrExpired, age, most)
	}
	return nil
}

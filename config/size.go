package config

import (
	"strconv"
	"strings"

	"onbehalf/remedy"
)

// units are the sizes that a number can be of.
var units = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// parseSize reads a size in bytes, like 512MiB.
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "KMGiB")
	n, err := strconv.ParseInt(number, 10, 40)
	unit, known := units[s[len(number):]]
	if err != nil || !known || n < 0 {
		return 0, remedy.New("write one like 64MiB, 512MiB or 2GiB", "%s is not a size", Quoted(s))
	}
	return n * unit, nil
}

// What limits.memory may be: enough for some messages of the largest size, and no more than
// a host can have.
const (
	leastMemory = 32 << 20
	mostMemory  = 1 << 40
)

// memory takes a budget of memory.
func (d *document) memory(path string, text size) int64 {
	n, err := parseSize(string(text))
	switch {
	case err != nil:
		d.failBy(path, err, "")
	case n < leastMemory || n > mostMemory:
		d.fail(path, bare(string(text))+" is not between 32MiB and 1024GiB", "write how much memory all messages under way may use together; 512MiB is enough for most hosts")
	}
	return n
}

package postfix

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Setting returns the value of a setting of main.cf, with $names replaced.
func (c Configuration) Setting(name string) string { return c.expanded[name] }

// list returns the elements of a list, with $names replaced.
func (c Configuration) list(name string) []string { return words(c.expanded[name]) }

// Queue returns the queue directory; empty: not known.
func (c Configuration) Queue() string { return c.expanded["queue_directory"] }

// Folder returns the folder of main.cf; empty: not known.
func (c Configuration) Folder() string { return c.expanded["config_directory"] }

// DefaultQueue is where Postfix has its queue unless it says otherwise.
const DefaultQueue = "/var/spool/postfix"

func (c Configuration) queue() string { return filepath.Clean(cmp.Or(c.Queue(), DefaultQueue)) }

// recodes reports whether this Postfix can recode 8-bit text as it comes in, as 3.9 and later do:
// postconf prints no setting that there is none of.
func (c Configuration) recodes() bool {
	_, known := c.written["force_mime_input_conversion"]
	return known
}

// Older reports whether a version of Postfix, like 3.7.11, is older than a release, like 3.10.
// What does not look like a version is not older.
func Older(version, release string) bool {
	v, r := strings.Split(version, "."), strings.Split(release, ".")
	for i := range r {
		if i >= len(v) {
			return false
		}
		a, err := strconv.Atoi(v[i])
		b, _ := strconv.Atoi(r[i])
		if err != nil || a != b {
			return err == nil && a < b
		}
	}
	return false
}

// reportsTLS reports whether this Postfix knows the attributes of a TLS policy that TLS reports
// need (RFC 8460), as 3.10 and later do. Older ones defer mail over them.
func (c Configuration) reportsTLS() bool {
	version := c.expanded["mail_version"]
	return version != "" && !Older(version, "3.10")
}

// words takes a list of main.cf apart, at commas and blanks that no braces hold.
func words(list string) []string {
	var all []string
	begin, depth := 0, 0
	list += " "
	for i, r := range list {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case depth <= 0 && strings.ContainsRune(", \t\r\n", r):
			if begin < i {
				all = append(all, list[begin:i])
			}
			begin = i + 1
		}
	}
	if begin < len(list)-1 { // braces that are not closed
		all = append(all, list[begin:len(list)-1])
	}
	return all
}

// holds reports whether a domain stands in a list, in any case.
func holds(list []string, domain string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, domain) })
}

// refers reports whether a value is made of that of another setting.
func refers(value, name string) bool {
	return slices.ContainsFunc(words(value), func(one string) bool {
		return one == "$"+name || one == "${"+name+"}" || one == "$("+name+")"
	})
}

// extend adds to the end of a list as it is written.
func extend(list, item string) string {
	if list == "" {
		return item
	}
	return strings.TrimRight(list, ", ") + ", " + item
}

// prepend adds to its front.
func prepend(list, item string) string {
	if list == "" {
		return item
	}
	return item + ", " + list
}

func join(items []string) string { return strings.Join(items, ", ") }

// List joins what a sentence enumerates, and not more of it than a person reads.
func List(items []string) string {
	const most = 8
	if more := len(items) - most; more > 0 {
		items = append(items[:most:most], fmt.Sprintf("%d more", more))
	}
	return join(items)
}

package keys

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"onbehalf/message"
)

// Which fields a signature covers (h=, RFC 6376 section 5.4). Each name is listed
// as often as it occurs; verifiers then take the fields from the bottom up. A name
// listed once more is oversigned: nobody can add another field of that name
// without breaking the signature (RFC 6376 section 8.15).
var (
	// guardedFields are oversigned even when absent: what a reader sees, and where
	// an answer goes.
	guardedFields = []string{"From", "Reply-To", "Subject", "To", "Cc", "Date", "Message-ID"}

	// meaningFields are oversigned when present: they change what the message
	// means, or what one click on it does (RFC 8058 section 4). Absent, they may
	// have to be added on the way, as MIME fields are.
	meaningFields = []string{
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References",
		"List-Unsubscribe", "List-Unsubscribe-Post", "X-Original-From",
	}
)

// isOptional reports whether a field is signed as often as it occurs and no more, room
// permitting. Nothing else is signed: not what servers on the way add or take away, as
// Received, Return-Path, Bcc and the fields of other authentication (RFC 6376 section
// 5.4.1). A name with other characters than letters, digits and hyphens has no place in
// h=, where ; and : have a meaning, nor has one that a line of 78 octets cannot hold.
func isOptional(name string) bool {
	switch {
	case compareNames(name, "Sender") == 0, compareNames(name, "Feedback-ID") == 0: // Feedback-ID distinguishes campaigns
		return true
	case compareNames(name, "Resent-Bcc") == 0, len(name) > maxName:
		return false
	}
	return (hasPrefix(name, "List-") || hasPrefix(name, "Resent-")) && isLDH(name)
}

// Bounds of the h= tag, in octets with a colon after each name. OpenDKIM reads 4096 octets of
// it, of which folds take 7 % at most.
const (
	maxNames = 3800
	maxName  = 76
)

// ErrTooManyFields says that a message repeats fields such as To so often that no
// signature can cover them all. It will not get better by waiting.
var ErrTooManyFields = errors.New("header repeats too many fields to be signed; write each of To, Cc, Subject and the like once")

// coverage is what a signature covers.
type coverage struct {
	names  []string // for h=
	fields []int    // places in the header, in the order in which verifiers take them
	octets int      // of the names, with a colon after each
}

// cover chooses the names for h=. It depends on nothing but the names in the header.
// Optional names that do not fit are left out, each with all of its fields.
func cover(header message.Header) (coverage, error) {
	n := sortNames(header)
	c := coverage{names: make([]string, 0, 32), fields: make([]int, 0, len(header))}
	for _, name := range guardedFields {
		c.add(name, n.of(name), 1)
	}
	for _, name := range meaningFields {
		if places := n.of(name); len(places) > 0 {
			c.add(name, places, 1)
		}
	}
	if c.octets > maxNames {
		return coverage{}, ErrTooManyFields
	}
	for i, f := range header {
		if !isOptional(f.Name) || slices.ContainsFunc(meaningFields, f.Is) {
			continue
		}
		if places := n.of(f.Name); places[0] == i && c.fits(f.Name, len(places)) {
			c.add(f.Name, places, 0)
		}
	}
	return c, nil
}

func (c *coverage) fits(name string, times int) bool {
	return c.octets+times*(len(name)+1) <= maxNames
}

// add lists a name for each of its fields, and more times. Verifiers take fields of one
// name from the bottom up (RFC 6376 section 5.4.2).
func (c *coverage) add(name string, places []int, more int) {
	for range len(places) + more {
		c.names = append(c.names, name)
	}
	for _, place := range slices.Backward(places) {
		c.fields = append(c.fields, place)
	}
	c.octets += (len(places) + more) * (len(name) + 1)
}

// byName is the places in a header, in the order of the names there, and of one name from
// the top down.
type byName struct {
	header message.Header
	places []int
}

func sortNames(header message.Header) byName {
	n := byName{header, make([]int, len(header))}
	for i := range n.places {
		n.places[i] = i
	}
	slices.SortFunc(n.places, func(a, b int) int {
		return cmp.Or(compareNames(header[a].Name, header[b].Name), a-b)
	})
	return n
}

// of returns the places of a name.
func (n byName) of(name string) []int {
	start, _ := slices.BinarySearchFunc(n.places, name, n.compare)
	end := start
	for end < len(n.places) && n.compare(n.places[end], name) == 0 {
		end++
	}
	return n.places[start:end]
}

func (n byName) compare(place int, name string) int {
	return compareNames(n.header[place].Name, name)
}

// compareNames orders names of fields without regard to case. They are ASCII.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c, d := lower(a[i]), lower(b[i]); c != d {
			return int(c) - int(d)
		}
	}
	return len(a) - len(b)
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && compareNames(name[:len(prefix)], prefix) == 0
}

// isLDH reports whether s is made of letters, digits and hyphens alone.
func isLDH(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

package keys

import (
	"encoding/binary"
	"math/bits"
)

// canonical returns how many octets at the start of p, which begins with text, the relaxed
// canonicalization leaves as they are: up to the white space at or before the first octet that
// it would change, or at the end of p.
func canonical(p []byte) int {
	n := len(p)
	if at := odd(p); at < n {
		n = at + 1
	}
	for isSpace(p[n-1]) {
		n--
	}
	return n
}

// odd returns the place of the first octet that the canonicalization changes, or adds
// something after: a tab, a blank before white space, a CR before anything but a LF, and any
// octet but a CR before a LF; len(p) when there is none. It looks at seven pairs of octets at
// a time.
func odd(p []byte) int {
	i := 0
	for ; i+8 <= len(p); i += 7 {
		w := binary.LittleEndian.Uint64(p[i:])
		if plainWords(w) {
			continue
		}
		if at := oddPairs(w); at != 0 {
			return i + bits.TrailingZeros64(at)/8
		}
	}
	for ; i+1 < len(p); i++ {
		if oddPair(p[i], p[i+1]) {
			return i
		}
	}
	return len(p)
}

func oddPair(c, next byte) bool {
	switch c {
	case '\t':
		return true
	case ' ':
		return isSpace(next)
	}
	return (c == '\r') != (next == '\n')
}

// One bit, or one octet, in each of eight octets.
const (
	ones  = 0x0101010101010101
	highs = ones << 7
)

// plainWords reports whether w holds nothing but text and single blanks, as most of a body
// does: no control characters, no two blanks in a row. Where an octet is smaller than what is taken
// from it, its highest bit is set, unless that was set before. What is borrowed then from the next
// octet may mark a "!" behind a blank: it is looked at once more, no harm.
func plainWords(w uint64) bool {
	white := (w - ones*(' '+1)) &^ w // marks blanks and control characters
	control := (w - ones*' ') &^ w
	return (white&(white>>8)|control)&highs == 0
}

// oddPairs marks the octets of w that are odd before the next one, by their highest bits. Of
// the last, whose next one is not in w, it says nothing.
func oddPairs(w uint64) uint64 {
	blank, tab, cr, lf := equal(w, ' '), equal(w, '\t'), equal(w, '\r'), equal(w, '\n')
	white := blank | tab | cr | lf
	return (tab | blank&(white>>8) | (cr ^ lf>>8)) & (highs >> 8)
}

// equal marks the octets of w that are c, by their highest bits. No carry passes from one to
// another.
func equal(w uint64, c byte) uint64 {
	w ^= ones * uint64(c)
	return ^((w&^highs + ^uint64(highs)) | w | ^uint64(highs))
}

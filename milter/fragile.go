package milter

import (
	"bytes"
	"encoding/binary"
	"strings"

	"onbehalf/message"
)

// maxLine is the longest line that every host passes on (RFC 5321 section
// 4.5.3.1.6), in octets without its CRLF.
const maxLine = 998

// inspector looks at a message as it streams past for what later hosts would
// change, and so break the signature. It keeps nothing but where it is.
type inspector struct {
	eightBit bool // octets over 127: re-encoded for a host without 8BITMIME
	longLine bool // over 998 octets: broken up
	cutField bool // too long to have arrived whole: sent whole

	column  int  // octets in the line so far
	afterCR bool // the last octet was a CR
}

func (i *inspector) write(chunk []byte) {
	i.eightBit = i.eightBit || hasEightBit(chunk)
	if !i.longLine {
		i.lines(chunk)
	}
}

// lines looks for a long one. Where a LF stands in the first 998 octets, all lines up to the last
// such LF are short, and need not be looked at one by one.
func (i *inspector) lines(chunk []byte) {
	for len(chunk) > 0 {
		if i.column == 0 {
			if last := bytes.LastIndexByte(chunk[:min(len(chunk), maxLine)], '\n'); last >= 0 {
				chunk = chunk[last+1:]
				continue
			}
		}
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			i.part(chunk)
			return
		}
		i.part(chunk[:end])
		i.line()
		chunk = chunk[end+1:]
	}
}

// hasEightBit reports whether an octet is over 127, looking at eight at a time.
func hasEightBit(p []byte) bool {
	const highs = 0x8080808080808080
	for ; len(p) >= 32; p = p[32:] {
		if (binary.LittleEndian.Uint64(p)|binary.LittleEndian.Uint64(p[8:])|
			binary.LittleEndian.Uint64(p[16:])|binary.LittleEndian.Uint64(p[24:]))&highs != 0 {
			return true
		}
	}
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// part is a piece of a line, without its LF.
func (i *inspector) part(p []byte) {
	if len(p) > 0 {
		i.afterCR = p[len(p)-1] == '\r'
		i.column += len(p)
	}
}

// line is the LF at the end of a line.
func (i *inspector) line() {
	if i.afterCR {
		i.column--
	}
	i.longLine = i.longLine || i.column > maxLine
	i.column, i.afterCR = 0, false
}

// maxRewritten is about how much of an address field Postfix shows to milters, in octets, when
// it has completed the addresses of a local client. It sends all of it.
const maxRewritten = 59_900

// header looks at a field as it arrived: long lines are broken up there, too.
func (i *inspector) header(f message.Field) {
	if len(f.Value) >= maxRewritten && holdsAddresses(f.Name) {
		i.cutField = true
	}
	if len(f.Value) <= maxLine-len(f.Name)-1 {
		return
	}
	for line := range strings.SplitSeq(f.Name+":"+f.Value, "\r\n") {
		i.longLine = i.longLine || len(line) > maxLine
	}
}

// holdsAddresses reports whether a field is of those in which Postfix completes addresses.
func holdsAddresses(name string) bool {
	name = strings.ToLower(name)
	switch strings.TrimPrefix(name, "resent-") {
	case "from", "to", "cc", "bcc", "reply-to", "sender":
		return true
	}
	return false
}

// fragile names what the next hops may change; empty: nothing.
func (i *inspector) fragile() []string {
	var all []string
	if i.eightBit {
		all = append(all, "8bit")
	}
	if i.longLine || i.column > maxLine {
		all = append(all, "long-line")
	}
	if i.cutField {
		all = append(all, "cut-field")
	}
	return all
}

package milter

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestInspector: what is found does not depend on how the body is cut into chunks.
func TestInspector(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"empty":               {"", nil},
		"text":                {"one\r\ntwo\r\n", nil},
		"no final line end":   {"one\r\ntwo", nil},
		"998 octets":          {x(998) + "\r\n" + x(998), nil},
		"998 octets and LF":   {x(998) + "\n", nil},
		"998 and half an end": {x(997) + "\r", nil},
		"999 octets":          {x(999) + "\r\n", []string{"long-line"}},
		"999 octets and LF":   {x(999) + "\n", []string{"long-line"}},
		"999 octets, no end":  {x(999), []string{"long-line"}},
		"long, then short":    {x(999) + "\r\nx\r\n", []string{"long-line"}},
		"CRs in the line":     {strings.Repeat("\r", 500) + x(498) + "\r\n", nil},
		"one CR too many":     {x(998) + "\r\r\n", []string{"long-line"}},
		"8-bit":               {"gr\xc3\xb6\xc3\x9fer\r\n", []string{"8bit"}},
		"no UTF-8":            {"gr\xf6\xdfer\r\n", []string{"8bit"}},
		"highest 7-bit octet": {"\x7f\r\n", nil},
		"lowest 8-bit octet":  {"\x80", []string{"8bit"}},
		"both":                {"\xff\r\n" + x(2000), []string{"8bit", "long-line"}},
	} {
		for split := range len(c.body) + 1 {
			var i inspector
			i.write([]byte(c.body[:split]))
			i.write(nil)
			i.write([]byte(c.body[split:]))
			if got := i.fragile(); !slices.Equal(got, c.want) {
				t.Fatalf("%s, cut at %d: %q, want %q", name, split, got, c.want)
			}
		}
		var i inspector
		for n := range c.body {
			i.write([]byte(c.body[n : n+1]))
		}
		if got := i.fragile(); !slices.Equal(got, c.want) {
			t.Errorf("%s, octet by octet: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzInspector: looking at many lines and octets at a time finds what looking at each does,
// however the body is cut.
func FuzzInspector(f *testing.F) {
	f.Add(append(bytes.Repeat([]byte("a line\r\n"), 200), bytes.Repeat([]byte("x"), 998)...), 37)
	f.Add(append(bytes.Repeat([]byte("x"), 999), "\r\nshort\r\n\xff"...), 1000)
	f.Add([]byte("\n\n"+strings.Repeat("y", 997)+"\r\n"+strings.Repeat("\xe9", 998)+"\n"), 1)
	f.Fuzz(func(t *testing.T, body []byte, piece int) {
		var got inspector
		for p := range slices.Chunk(body, max(1, piece)) {
			got.write(p)
		}
		long := false
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			long = long || len(bytes.TrimSuffix(line, []byte("\r"))) > maxLine
		}
		last := body[bytes.LastIndexByte(body, '\n')+1:] // its end may not have come yet
		if want := slices.ContainsFunc(body, func(c byte) bool { return c >= 0x80 }); got.eightBit != want {
			t.Errorf("8-bit: %t, want %t", got.eightBit, want)
		}
		if found := slices.Contains(got.fragile(), "long-line"); found != (long || len(last) > maxLine) {
			t.Errorf("long line: %t, want %t", found, long)
		}
	})
}
